"""The doors on WeCom under stall, storm and forgery: ``python -m benchmarks.corp_doors``.

The same three trials as ``benchmarks.chat_doors``, once for the application and once for customer service,
with the same bars. Prints one JSON object and ends with status 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from redis.asyncio import Redis

from benchmarks.chat_doors import BARS, BenchDialogue, NoLedger, free_port, mutated
from connectors.app import Parts, make_app
from connectors.fake_platform.corp import CorpAccount
from connectors.fake_platform.kf import CUSTOMER, FakeKf
from connectors.fake_platform.wecom import FakeWecom
from core.clock import SystemClock
from core.redis_server import RedisServer
from core.settings import Settings, load_settings

_INVISIBLE = "\u200b\u200c"


@dataclass(slots=True)
class WecomBench:
    """The application's door. ``screen`` is what a user sees."""

    platform: FakeWecom
    path: str = "wecom"

    def settings(self, account: CorpAccount) -> dict[str, Any]:
        return {
            "wecom_agent_id": account.agent_id,
            "wecom_secret": account.secret,
            "wecom_token": account.token,
            "wecom_aes_key": account.aes_key,
        }

    def message(self, user: str, text: str, number: int) -> dict[str, Any]:
        self.platform.member(user)
        fields = {"MsgType": "text", "Content": text, "MsgId": number}
        return self.platform.compose(user, fields)

    def screen(self, user: str) -> list[str]:
        return [shown.text.rstrip(_INVISIBLE) for shown in self.platform.member(user).screen]


@dataclass(slots=True)
class KfBench:
    """Customer service's door: each message is there to be fetched, and its callback says so."""

    platform: FakeKf
    path: str = "kf"

    def settings(self, account: CorpAccount) -> dict[str, Any]:
        return {
            "kf_secret": account.secret,
            "kf_token": account.token,
            "kf_aes_key": account.aes_key,
        }

    def message(self, user: str, text: str, number: int) -> dict[str, Any]:
        session = self.platform.session(user)
        session.state = 0
        self.platform.phones.allow(user, "message")
        content = {"msgtype": "text", "text": {"content": text}}
        self.platform.add(user, CUSTOMER, content, f"msg{number}")
        return self.platform.compose()

    def screen(self, user: str) -> list[str]:
        return [shown.text for shown in self.platform.phones.of(user).screen]


Bench = WecomBench | KfBench


@asynccontextmanager
async def door(kind: str, dialogue: BenchDialogue, folder: Path) -> AsyncIterator[Bench]:
    """The platform with our door behind it."""
    with RedisServer(folder) as server:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http, Redis.from_url(server.url) as redis:
            bench: Bench
            if kind == "wecom":
                bench = WecomBench(FakeWecom(CorpAccount(), SystemClock(), http))
            else:
                bench = KfBench(FakeKf(CorpAccount(), SystemClock(), http))
            platform = bench.platform
            async with platform.serve("127.0.0.1", free_port()) as api_url:
                shared = load_settings({"NUANYE_DATA_DIR": str(folder), "NUANYE_REDIS_URL": server.url})
                settings: Settings = replace(
                    shared,
                    wecom_corp_id=platform.account.corp_id,
                    wecom_api_url=api_url,
                    **bench.settings(platform.account),
                )
                parts = Parts(redis, dialogue, NoLedger(), None, http)
                runner = web.AppRunner(make_app(settings, parts), access_log=None, shutdown_timeout=1)
                await runner.setup()
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
                platform.callback_url = f"http://127.0.0.1:{port}/{bench.path}/callback"
                yield bench
                await runner.cleanup()


async def stall(bench: Bench, dialogue: BenchDialogue, rate: int, seconds: int) -> dict[str, Any]:
    """Send ``rate`` messages a second while nobody is answered; then wait until all are."""
    dialogue.gate.clear()
    users = [f"stall{number:06}" for number in range(rate * seconds)]
    times: list[float] = []
    statuses: Counter[int] = Counter()

    async def one(number: int, user: str) -> None:
        request = bench.platform.wrap(bench.message(user, user, 10**12 + number))
        begun = time.perf_counter()
        status, _ = await bench.platform.attempt(request)
        times.append(time.perf_counter() - begun)
        statuses[status] += 1

    begun, tasks = time.perf_counter(), []
    for number, user in enumerate(users):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number, user)))
    await asyncio.gather(*tasks)
    dialogue.gate.set()
    missing = await answered(bench, {user: [user] for user in users}, 120)
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


async def answered(bench: Bench, said: dict[str, list[str]], within_s: float) -> int:
    """Wait until every message has its answer; return how many have none or several."""
    deadline = time.monotonic() + within_s
    while True:
        seen = {user: Counter(bench.screen(user)) for user in said}
        wrong = sum(seen[user][f"答{text}"] != 1 for user, texts in said.items() for text in texts)
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(0.5)


async def storm(bench: Bench, dialogue: BenchDialogue, messages: int) -> dict[str, Any]:
    """Deliver each message three to five times, shuffled, 40 at once; eight of each user, in waves."""
    dice, dialogue.asked, slots = random.Random(20), Counter(), asyncio.Semaphore(40)
    said = {f"storm{user:05}": [f"{user}甲{part}" for part in range(8)] for user in range(messages // 8)}
    refused: Counter[int] = Counter()

    async def deliver(message: dict[str, Any]) -> None:
        async with slots:
            # Each copy is signed and encrypted anew, as the platform's repeats are.
            status, _ = await bench.platform.attempt(bench.platform.wrap(message))
        if status != 200:
            refused[status] += 1

    deliveries, took = 0, 0.0
    for wave in range(8):
        fresh = [
            bench.message(user, texts[wave], number * 8 + wave + 1)
            for number, (user, texts) in enumerate(said.items())
        ]
        copies = [message for message in fresh for _ in range(dice.choice([3, 3, 4, 5]))]
        dice.shuffle(copies)
        deliveries += len(copies)
        begun = time.perf_counter()
        await asyncio.gather(*(deliver(message) for message in copies))
        took += time.perf_counter() - begun
        # The door takes five unanswered messages of one user.
        await answered(bench, {user: texts[: wave + 1] for user, texts in said.items()}, 60)
    await asyncio.sleep(2)
    wrong = await answered(bench, said, 60)
    total, again = sum(map(len, said.values())), sum(count - 1 for count in dialogue.asked.values())
    return {
        "callbacks": deliveries,
        "messages": total,
        "per_second": round(deliveries / took),
        "refused": dict(refused),
        "turns": len(dialogue.asked),
        "turns_twice": again,
        "wrong": wrong + again + abs(len(dialogue.asked) - total),
    }


async def forgery(bench: Bench, dialogue: BenchDialogue, count: int) -> dict[str, Any]:
    """Send changed copies of genuine callbacks that the door has never seen."""
    dice, dialogue.asked = random.Random(5), Counter()
    statuses: Counter[int] = Counter()
    for number in range(count):
        if isinstance(bench, WecomBench):
            message = bench.message("forged", f"假{number}", 10**15 + number)
        else:
            message = bench.platform.compose()
        genuine = bench.platform.wrap(message)
        statuses[(await bench.platform.attempt(mutated(genuine, dice)))[0]] += 1
    accepted = count - statuses[403] - statuses[400] - statuses[413] + len(dialogue.asked)
    return {"mutated": count, "statuses": dict(statuses), "accepted": accepted}


async def run(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    trials: dict[str, Callable[[Bench, BenchDialogue], Awaitable[dict[str, Any]]]] = {
        "forgery": lambda bench, dialogue: forgery(bench, dialogue, options.mutated),
        "storm": lambda bench, dialogue: storm(bench, dialogue, options.messages),
        "stall": lambda bench, dialogue: stall(bench, dialogue, options.rate, options.stall),
    }
    for kind in ("wecom", "kf"):
        dialogue = BenchDialogue()
        with tempfile.TemporaryDirectory() as folder:
            async with door(kind, dialogue, Path(folder)) as bench:
                for name, trial in trials.items():
                    figures[f"{kind}.{name}"] = await trial(bench, dialogue)
    return figures


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20, help="messages per second during the stall")
    parser.add_argument("--stall", type=int, default=30, help="seconds for which nobody is answered")
    parser.add_argument("--messages", type=int, default=3_200, help="messages of the storm")
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
