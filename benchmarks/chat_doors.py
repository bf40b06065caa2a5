"""The chat doors under stall, storm and forgery: ``python -m benchmarks.chat_doors``.

Runs the official account's door (safe mode) on a free port over a Redis of its own, with a dialogue written
here and the fake platform. Prints one JSON object and ends with status 1 when a bar is missed:

- acknowledgement p99 while the dialogue stalls for 30 s, and that everybody is answered afterwards;
- callbacks that are retried, reordered and in parallel: exactly one turn and one answer per message;
- mutated callbacks that are accepted (none).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import random
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from redis.asyncio import Redis

from connectors.app import Parts, make_app
from connectors.fake_platform.phones import Shown
from connectors.fake_platform.wechat import Account, FakeWechat, Request
from core.clock import SystemClock
from core.redis_server import RedisServer
from core.settings import Settings, load_settings
from core.types import Answer, Reply, Result, Turn

BARS = {"ack_p99_s": 1.0, "wrong": 0, "accepted": 0}


class BenchDialogue:
    """Answers each message with its own words; while the gate is closed, nobody."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: Counter[str] = Counter()

    async def respond(self, turn: Turn) -> Answer:
        self.asked[f"{turn.conversation_id}/{turn.message_id}"] += 1
        await asyncio.sleep(0.005)
        await self.gate.wait()
        return Answer((Reply(f"答{turn.text}"),))


class NoLedger:
    """No job intention is finished here."""

    async def save_result(self, result: Result) -> None:
        raise AssertionError(result.kind)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def door(dialogue: BenchDialogue, folder: Path) -> AsyncIterator[FakeWechat]:
    """The platform with our door behind it."""
    with RedisServer(folder) as server:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http, Redis.from_url(server.url) as redis:
            platform = FakeWechat(Account(), SystemClock(), http)
            async with platform.serve("127.0.0.1", free_port()) as api_url:
                settings = account_settings(folder, server.url, platform.account, api_url)
                parts = Parts(redis, dialogue, NoLedger(), None, http)
                runner = web.AppRunner(make_app(settings, parts), access_log=None, shutdown_timeout=1)
                await runner.setup()
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
                platform.callback_url = f"http://127.0.0.1:{port}/wechat/callback"
                yield platform
                await runner.cleanup()


def account_settings(folder: Path, redis_url: str, account: Account, api_url: str) -> Settings:
    return replace(
        load_settings({"NUANYE_DATA_DIR": str(folder), "NUANYE_REDIS_URL": redis_url}),
        wechat_app_id=account.app_id,
        wechat_app_secret=account.secret,
        wechat_token=account.token,
        wechat_aes_key=account.aes_key,
        wechat_api_url=api_url,
    )


async def stall(platform: FakeWechat, dialogue: BenchDialogue, rate: int, seconds: int) -> dict[str, Any]:
    """Send ``rate`` messages a second while nobody is answered; then wait until all are."""
    dialogue.gate.clear()
    users = [f"oStall{number:06}" for number in range(rate * seconds)]
    times: list[float] = []
    statuses: Counter[int] = Counter()

    async def one(user: str) -> None:
        begun = time.perf_counter()
        outcome = await platform.say(user, user)
        times.append(time.perf_counter() - begun)
        statuses.update(outcome.statuses)

    begun, tasks = time.perf_counter(), []
    for number, user in enumerate(users):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(user)))
    await asyncio.gather(*tasks)
    dialogue.gate.set()
    missing = await answered(platform, {user: [user] for user in users}, 120)
    times.sort()
    return {
        "messages": len(users),
        "stalled_s": seconds,
        "statuses": dict(statuses),
        "ack_p50_s": round(times[len(times) // 2], 3),
        "ack_p99_s": round(times[int(len(times) * 0.99)], 3),
        "ack_max_s": round(times[-1], 3),
        "wrong": missing,
    }


async def answered(platform: FakeWechat, said: dict[str, list[str]], within_s: float) -> int:
    """Wait until every message has its answer; return how many have none or several."""
    deadline = time.monotonic() + within_s
    while True:
        wrong = 0
        for user, texts in said.items():
            screen = [shown.text for shown in platform.phones.of(user).screen]
            seen = Counter(part for text in screen for part in text.split("\n\n") if part.startswith("答"))
            wrong += sum(seen[f"答{text}"] != 1 for text in texts)
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(0.5)


def waves_of(platform: FakeWechat, messages: int) -> tuple[dict[str, list[str]], list[list[dict[str, Any]]]]:
    """Eight messages of each user, each in its own wave: the door takes twenty a minute, five unanswered."""
    said = {
        f"oStorm{number:05}": [f"{number}甲{part}" for part in range(8)] for number in range(messages // 8)
    }
    waves: list[list[dict[str, Any]]] = [[] for _ in range(8)]
    for user, texts in said.items():
        platform.phones.allow(user, "message")
        for wave, text in enumerate(texts):
            number = len(waves[wave]) * 8 + wave + 1
            fields = {"MsgType": "text", "Content": text, "MsgId": number}
            waves[wave].append(platform.compose(user, fields))
    return said, waves


@dataclass(slots=True)
class Replies:
    """What the platform shows: one reply per MsgId, whichever attempt it came with."""

    platform: FakeWechat
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(40))
    texts: dict[int, tuple[str, set[str]]] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)

    async def deliver(self, message: dict[str, Any]) -> None:
        async with self.slots:
            status, reply = await self.platform.attempt(self.platform.wrap(message))
        if status != 200:
            self.refused[status] += 1
        if reply:
            self.texts.setdefault(message["MsgId"], (message["FromUserName"], set()))[1].add(reply)

    def show(self) -> int:
        """Put the replies on the screens; return for how many messages they differ."""
        for user, texts in self.texts.values():
            self.platform.phones.show(user, Shown("reply", next(iter(texts))))
        return sum(len(texts) != 1 for _, texts in self.texts.values())


async def storm(platform: FakeWechat, dialogue: BenchDialogue, messages: int) -> dict[str, Any]:
    """Deliver each message three to five times, shuffled, 40 at once."""
    dice, dialogue.asked = random.Random(20), Counter()
    said, waves = waves_of(platform, messages)
    replies, deliveries, begun = Replies(platform), 0, time.perf_counter()
    for wave in waves:
        copies = [message for message in wave for _ in range(dice.choice([3, 3, 4, 5]))]
        dice.shuffle(copies)
        deliveries += len(copies)
        await asyncio.gather(*(replies.deliver(message) for message in copies))
    took = time.perf_counter() - begun
    wrong = replies.show() + await answered(platform, said, 60)
    total, again = sum(map(len, said.values())), sum(count - 1 for count in dialogue.asked.values())
    return {
        "callbacks": deliveries,
        "messages": total,
        "per_second": round(deliveries / took),
        "refused": dict(replies.refused),
        "turns": len(dialogue.asked),
        "turns_twice": again,
        "wrong": wrong + again + abs(len(dialogue.asked) - total),
    }


def mutated(genuine: Request, dice: random.Random) -> Request:
    """Change a parameter, or the bytes of what is encrypted: one changed, some cut off, some added."""
    if dice.random() < 0.4:
        signed = ("signature", "timestamp", "nonce", "msg_signature")
        name = dice.choice([name for name in signed if name in genuine.query])
        value = list(genuine.query[name])
        place = dice.randrange(len(value))
        value[place] = dice.choice([sign for sign in "0123456789abcdefX" if sign != value[place]])
        return Request({**genuine.query, name: "".join(value)}, genuine.body)
    start = genuine.body.index(b"<Encrypt><![CDATA[") + 18
    end = genuine.body.index(b"]]></Encrypt>")
    data = bytearray(base64.b64decode(genuine.body[start:end]))
    match dice.randrange(3):
        case 0:
            data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        case 1:
            del data[-dice.randrange(1, len(data)) :]
        case _:
            data += dice.randbytes(dice.choice([1, 15, 16, 32, 64]))
    return Request(genuine.query, genuine.body[:start] + base64.b64encode(bytes(data)) + genuine.body[end:])


async def forgery(platform: FakeWechat, dialogue: BenchDialogue, count: int) -> dict[str, Any]:
    """Send changed copies of genuine callbacks that the door has never seen."""
    dice, dialogue.asked = random.Random(5), Counter()
    statuses: Counter[int] = Counter()
    for number in range(count):
        fields = {"MsgType": "text", "Content": f"假{number}", "MsgId": 10**15 + number}
        request = mutated(platform.wrap(platform.compose("oForged", fields)), dice)
        statuses[(await platform.attempt(request))[0]] += 1
    accepted = count - statuses[403] - statuses[400] - statuses[413] + len(dialogue.asked)
    return {"mutated": count, "statuses": dict(statuses), "accepted": accepted}


async def run(options: argparse.Namespace) -> dict[str, Any]:
    dialogue = BenchDialogue()
    with tempfile.TemporaryDirectory() as folder:
        async with door(dialogue, Path(folder)) as platform:
            figures = {"forgery": await forgery(platform, dialogue, options.mutated)}
            figures["storm"] = await storm(platform, dialogue, options.messages)
            figures["stall"] = await stall(platform, dialogue, options.rate, options.stall)
    return figures


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20, help="messages per second during the stall")
    parser.add_argument("--stall", type=int, default=30, help="seconds for which nobody is answered")
    parser.add_argument(
        "--messages", type=int, default=3_200, help="messages of the storm, three to five copies each"
    )
    parser.add_argument("--mutated", type=int, default=6_000, help="changed callbacks")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures = asyncio.run(run(options))
    missed = [
        f"{part}.{name}"
        for part, values in figures.items()
        for name, bar in BARS.items()
        if name in values and values[name] > bar
    ]
    print(json.dumps({**figures, "missed": missed}, ensure_ascii=False))
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
