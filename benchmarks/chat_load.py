"""Turns per second against a running dialogue core: ``python -m benchmarks.chat_load``.

Conversations of a greeting, a policy question, a job intention and a goodbye are sent at an even
rate (open loop: a slow answer does not slow the next turn). Prints one JSON object: turns, failures,
p50_ms, p95_ms, max_ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime

import aiohttp

from core.dialogue import HttpDialogue
from core.errors import NuanyeError
from core.ids import new_id
from core.types import Turn

LINES = (
    "你好",
    "就业驿站在哪里",
    "我想登记求职意向",
    "保安",
    "天河区",
    "四千左右",
    "全职",
    "可以",
    "都对",
    "谢谢",
    "失业登记怎么办",
    "拜拜",
)


async def one(
    dialogue: HttpDialogue, turn: Turn, times: list[float], previous: asyncio.Task[None] | None
) -> None:
    """Send one turn after the conversation's previous one; a failure is counted by its missing time."""
    if previous is not None:
        await previous
    started = time.perf_counter()
    try:
        await dialogue.respond(turn)
    except NuanyeError:
        return
    times.append((time.perf_counter() - started) * 1000)


async def run(url: str, rate: float, seconds: float) -> dict[str, float]:
    """Send ``rate`` turns a second for ``seconds`` and return the figures."""
    total = int(rate * seconds)
    times: list[float] = []
    talkers = max(1, int(rate))
    last: dict[str, asyncio.Task[None]] = {}
    names = [new_id("load") for _ in range(talkers)]
    async with aiohttp.ClientSession() as session:
        dialogue = HttpDialogue(session, url)
        start = time.perf_counter()
        for number in range(total):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            talker, step = number % talkers, number // talkers
            name = f"{names[talker]}-{step // len(LINES)}"
            turn = Turn(name, "web", LINES[step % len(LINES)], f"m{step}", datetime.now(UTC))
            last[name] = asyncio.create_task(one(dialogue, turn, times, last.get(name)))
        await asyncio.gather(*last.values())
    times.sort()
    if not times:
        raise SystemExit("no turn was answered: is the dialogue core running?")
    figures = {"p50_ms": 0.5, "p95_ms": 0.95, "max_ms": 1.0}
    return {
        "turns": total,
        "failures": total - len(times),
        "rate": rate,
        **{name: round(times[min(len(times) - 1, int(len(times) * q))], 1) for name, q in figures.items()},
    }


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8605", help="base URL of the dialogue core")
    parser.add_argument("--rate", type=float, default=10, help="turns per second")
    parser.add_argument("--seconds", type=float, default=30, help="how long")
    options = parser.parse_args()
    print(json.dumps(asyncio.run(run(options.url, options.rate, options.seconds))))


if __name__ == "__main__":
    main()
