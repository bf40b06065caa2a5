"""Open pages on one process: ``python -m benchmarks.web_clients [--clients 500 --rate 50 --seconds 30]``.

One process of the chat doors over a Redis of its own, clients on their WebSockets in another process.
Messages go out at an even rate (open loop) from clients in turn; a turn ends when the page has the answer.
The dialogue takes 5 ms (``--dialogue URL``: a running core, whose own limit is then what is measured).
Prints one JSON object and ends with status 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from benchmarks.chat_doors import BenchDialogue, NoLedger, free_port
from connectors.app import Parts, make_app
from connectors.web.crypto import make_token
from core.clock import SystemClock
from core.dialogue import HttpDialogue
from core.ids import new_id
from core.interfaces import Dialogue
from core.redis_server import RedisServer
from core.secret import derive_key, load_secret
from core.settings import Settings, load_settings

BARS = {"p95_ms": 300.0, "missing": 0}
_ANSWER_S = 30


@dataclass
class Clients:
    """All open pages; ``waiting`` holds when each unanswered message was sent."""

    sockets: list[aiohttp.ClientWebSocketResponse] = field(default_factory=list)
    waiting: dict[str, float] = field(default_factory=dict)
    times_ms: list[float] = field(default_factory=list)
    errors: int = 0
    all_sent: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            said = json.loads(frame.data)
            self.errors += said["type"] == "error"
            for event in said.get("events", ()):
                if event["type"] == "reply" and event["message_id"] in self.waiting:
                    begun = self.waiting.pop(event["message_id"])
                    self.times_ms.append((time.perf_counter() - begun) * 1000)
            if self.all_sent and not self.waiting:
                self.done.set()


def serve(settings: Settings, port: int, dialogue_url: str, ready: Connection) -> None:
    """Run the door in this process until it is killed."""

    async def run() -> None:
        async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
            dialogue: Dialogue = HttpDialogue(http, dialogue_url) if dialogue_url else BenchDialogue()
            runner = web.AppRunner(make_app(settings, Parts(redis, dialogue, NoLedger())), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
            ready.send(True)
            await asyncio.Event().wait()

    asyncio.run(run())


async def talk(settings: Settings, port: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Open the pages, send, and count."""
    key = derive_key(load_secret(settings), "web-chat-session")
    clients = Clients()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for _ in range(asked.clients):
            socket = await http.ws_connect(f"http://127.0.0.1:{port}/api/web/ws")
            token = make_token(key, new_id("web"), SystemClock().now())
            await socket.send_json({"type": "hello", "token": token})
            clients.sockets.append(socket)
        readers = [asyncio.create_task(clients.read(socket)) for socket in clients.sockets]
        begun, total = time.perf_counter(), int(asked.rate * asked.seconds)
        for number in range(total):
            await asyncio.sleep(max(0.0, begun + number / asked.rate - time.perf_counter()))
            message = {"type": "message", "message_id": f"m{number}", "text": "失业登记怎么办"}
            clients.waiting[message["message_id"]] = time.perf_counter()
            await clients.sockets[number % asked.clients].send_json(message)
        clients.all_sent = True
        with suppress(TimeoutError):
            await asyncio.wait_for(clients.done.wait(), _ANSWER_S)
        for reader in readers:
            reader.cancel()
    return figures(clients, total)


def figures(clients: Clients, total: int) -> dict[str, Any]:
    times = sorted(clients.times_ms) or [float("inf")]
    return {
        "clients": len(clients.sockets),
        "turns": total,
        "missing": len(clients.waiting) + clients.errors,
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(len(times) * 0.95)], 1),
        "p99_ms": round(times[int(len(times) * 0.99)], 1),
        "max_ms": round(times[-1], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50.0, help="turns a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--dialogue", default="", help="base URL of a running dialogue core")
    asked = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
        settings = load_settings({"NUANYE_DATA_DIR": folder, "NUANYE_REDIS_URL": redis.url})
        settings = replace(settings, secret_key="only-for-this-benchmark-0123456789", log_level="error")
        port, (ours, theirs) = free_port(), context.Pipe()
        door = context.Process(target=serve, args=(settings, port, asked.dialogue, theirs), daemon=True)
        door.start()
        try:
            ours.recv()
            found = asyncio.run(talk(settings, port, asked))
        finally:
            door.kill()
            door.join()
    missed = [name for name, bar in BARS.items() if found[name] > bar]
    print(json.dumps({**found, "missed": missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
