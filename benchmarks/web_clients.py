"""Many open chat pages at once: ``python -m benchmarks.web_clients``.

Runs the chat doors in a process of their own over a Redis of their own, connects ``--clients`` WebSockets and
sends ``--rate`` messages a second among them (open loop: a slow answer does not slow the next message). The
dialogue answers by itself after 5 ms, or with ``--core URL`` a running dialogue core does. Prints one JSON
object: times in ms from sending a message to its acknowledgement and to its answer; ends with status 1 when
an answer is missing, comes twice, or the 95th percentile is over ``--bar-ms``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from benchmarks.chat_doors import NoLedger, free_port
from benchmarks.chat_load import LINES
from connectors.app import Parts, make_app
from connectors.redis_store import open_redis
from core.dialogue import HttpDialogue
from core.redis_server import RedisServer
from core.settings import load_settings
from core.types import Answer, ConversationState, Reply, Turn

_DEADLINE_S = 20


class QuickDialogue:
    """Answers everything after 5 ms."""

    async def respond(self, turn: Turn) -> Answer:
        await asyncio.sleep(0.005)
        return Answer((Reply(f"答{turn.text}"),))


@dataclass(frozen=True, slots=True)
class CoreDialogue:
    """A running core, whose finished intentions are not kept."""

    core: HttpDialogue

    async def respond(self, turn: Turn) -> Answer:
        answer = await self.core.respond(turn)
        return replace(answer, state=ConversationState())


async def serve(port: int, folder: str, redis_url: str, core: str) -> None:
    """Be the server process, until killed."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    env = {"NUANYE_DATA_DIR": folder, "NUANYE_REDIS_URL": redis_url, "NUANYE_CHAT_TRUST_PROXY": "true"}
    async with aiohttp.ClientSession() as http, open_redis(redis_url) as redis:
        dialogue = CoreDialogue(HttpDialogue(http, core)) if core else QuickDialogue()
        app = make_app(load_settings(env), Parts(redis, dialogue, NoLedger()))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
        await asyncio.Event().wait()


@dataclass
class Client:
    """One open page."""

    http: aiohttp.ClientSession
    base: str
    number: int
    sent: dict[str, float] = field(default_factory=dict)
    acknowledged: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        # Every client has an address of its own, as far as the limit of sessions is concerned.
        headers = {"X-Forwarded-For": f"10.0.{self.number // 250}.{self.number % 250}"}
        async with self.http.post(f"{self.base}/sessions", headers=headers) as response:
            token = (await response.json())["token"]
        self.socket = await self.http.ws_connect(f"{self.base}/ws")
        await self.socket.send_json({"type": "hello", "token": token})
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for frame in self.socket:
            now, body = time.perf_counter(), json.loads(frame.data)
            if body["type"] == "ack":
                self.acknowledged.append((now - self.sent[body["message_id"]]) * 1000)
            for event in body.get("events", ()):
                # The last reply to a message ends its answer; notices and the greeting are none.
                last = event["type"] == "reply" and event["index"] == event["of"] - 1
                if last and event["message_id"] in self.sent:
                    self.answers[event["message_id"]] += 1
                    self.answered.append((now - self.sent[event["message_id"]]) * 1000)
            if len(self.answers) == len(self.sent):
                self.complete.set()

    async def say(self, text: str, message_id: str) -> None:
        self.complete.clear()
        self.sent[message_id] = time.perf_counter()
        await self.socket.send_json({"type": "message", "message_id": message_id, "text": text})

    async def close(self) -> None:
        await self.socket.close()
        await self.reading


async def run(options: argparse.Namespace, base: str) -> dict[str, Any]:
    """Connect, send, wait for the answers; return the figures."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        clients = [Client(http, base, number) for number in range(options.clients)]
        begun = time.perf_counter()
        for start in range(0, len(clients), 20):
            await asyncio.gather(*(client.open() for client in clients[start : start + 20]))
        connected_s = time.perf_counter() - begun
        await asyncio.sleep(3)
        total = int(options.rate * options.seconds)
        begun = time.perf_counter()
        for number in range(total):
            await asyncio.sleep(max(0.0, begun + number / options.rate - time.perf_counter()))
            client = clients[number % len(clients)]
            await client.say(LINES[number // len(clients) % len(LINES)], f"m{number}")
        sending_s = time.perf_counter() - begun
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DEADLINE_S):
                for client in clients:
                    await client.complete.wait()
        for client in clients:
            await client.close()
    twice = sum(sum(client.answers.values()) - len(client.answers) for client in clients)
    return {
        "clients": len(clients),
        "connected_s": round(connected_s, 1),
        "turns": total,
        "rate": round(total / sending_s, 1),
        "acknowledgement": _figures([ms for client in clients for ms in client.acknowledged]),
        "answer": _figures([ms for client in clients for ms in client.answered]),
        "missing": total - sum(map(_distinct, clients)),
        "twice": twice,
    }


def _distinct(client: Client) -> int:
    return len(client.answers)


def _figures(times: list[float]) -> dict[str, float]:
    times.sort()
    places = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {
        name: round(times[min(len(times) - 1, int(len(times) * place))], 1) if times else -1
        for name, place in places.items()
    }


async def measure(options: argparse.Namespace) -> int:
    """Start the server process, measure, print; return the exit status."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
        port = free_port()
        serving = ["--serve", str(port), folder, redis.url, options.core]
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.web_clients", *serving
        )
        try:
            await _up(f"http://127.0.0.1:{port}/health")
            figures = await run(options, f"http://127.0.0.1:{port}/api/web")
        finally:
            server.terminate()
            await server.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures["server_cpu_s"] = round(used.ru_utime + used.ru_stime, 1)
    print(json.dumps(figures))
    met = 0 <= figures["answer"]["p95_ms"] <= options.bar_ms
    return int(not met or bool(figures["missing"] or figures["twice"]))


async def _up(url: str) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        while True:
            try:
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)


def main() -> int:
    """Parse the command line and measure, or serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500, help="open WebSockets")
    parser.add_argument("--rate", type=float, default=50, help="messages per second, of all clients together")
    parser.add_argument("--seconds", type=float, default=60, help="how long")
    parser.add_argument("--core", default="", help="base URL of a running dialogue core")
    parser.add_argument("--bar-ms", type=float, default=300, help="95th percentile that is to be met")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        port, folder, redis_url, core = options.serve
        asyncio.run(serve(int(port), folder, redis_url, core))
        return 0
    return asyncio.run(measure(options))


if __name__ == "__main__":
    sys.exit(main())
