"""What one call and one chat turn cost: ``python -m benchmarks.cost [--calls N] [--turns N]``.

CPU seconds (user and system, which other work on the machine hardly changes), bytes in the database and
in Redis. Calls: everything casework does for one (plan, hand out, begin, store, relay), without media.
Turns: the dialogue core's own process answers conversations one turn after the other. One JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from benchmarks.chat_load import run as chat_load
from casework.relay import Relay
from casework.results import call_result
from casework.store import Store, open_store
from casework.types import CallRecord, Contact
from core.clock import SystemClock
from core.redis_server import RedisServer
from core.types import Disposition, FieldValue, Utterance

_TALK = tuple(
    Utterance(
        "bot" if n % 2 == 0 else "resident",
        "请问您现在有没有在上班呢？还在找工作吗？",
        n * 3000,
        n * 3000 + 2500,
    )
    for n in range(24)
)
_FIELDS = {
    name: FieldValue(value, "还在找工作", "m2", 0.9)
    for name, value in (("employment_status", "unemployed"), ("district", "天河区"), ("training_wish", True))
}


async def calls(count: int, database: str, folder: Path, redis_url: str) -> dict[str, float]:
    """Return the cost of one call, of ``count`` that were planned, begun, stored and published."""
    url = database or f"sqlite+aiosqlite:///{folder / 'nuanye.db'}"
    contacts = [Contact(f"赵{'甲乙丙丁'[n % 4]}", f"138{n:08d}", "天河区") for n in range(count)]
    async with await open_store(url, secret=b"b" * 64) as store, Redis.from_url(redis_url) as redis:
        await redis.flushall()
        before, started = time.process_time(), time.perf_counter()
        await store.start_campaign("费用", contacts, ignore_window=True)
        planned = time.process_time()
        done = await _all_calls(store, count)
        relay = Relay(store, redis)
        while await relay.relay_waiting():
            pass
        spent, elapsed = time.process_time() - before, time.perf_counter() - started
        memory: dict[str, Any] = await redis.info("memory")
        empty = 1_000_000  # what an empty server holds
    size = (folder / "nuanye.db").stat().st_size if not database else 0
    return {
        "calls": done,
        "casework_cpu_ms_per_call": round(spent * 1000 / done, 2),
        "of_which_planning_ms": round((planned - before) * 1000 / done, 2),
        "calls_per_s_one_process": round(done / elapsed, 1),
        "database_bytes_per_call": round(size / done),
        "redis_bytes_per_call": round(max(0, int(memory["used_memory"]) - empty) / done),
    }


async def _all_calls(store: Store, count: int) -> int:
    fence, done, clock = await store.take_fence(), 0, SystemClock()
    while done < count and (tasks := await store.hand_out(fence, 50)):
        for task in tasks:
            if not await store.begin_attempt(task, "bench", lease_ms=60_000):
                continue
            now = clock.now()
            record = CallRecord(
                task.task_id, task.campaign_id, task.callee.person_id, task.callee.name, task.callee.address,
                task.callee.district, task.attempt, now - timedelta(seconds=90), now, Disposition.COMPLETED,
                now - timedelta(seconds=80), f"20261128/{task.task_id}.wav", _TALK, _FIELDS,
            )  # fmt: skip
            await store.save_call(record, call_result(record, {}))
            done += 1
    return done


async def turns(count: int, folder: Path, redis_url: str) -> dict[str, float]:
    """Return the dialogue process's cost of one turn, of ``count`` at ten a second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        **os.environ,
        "NUANYE_DATA_DIR": str(folder),
        "NUANYE_REDIS_URL": redis_url,
        "NUANYE_DIALOGUE_PORT": str(port),
        "NUANYE_LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_healthy(url)
        await chat_load(url, 10, 3)  # caches fill
        before = _cpu_s(process.pid)
        figures = await chat_load(url, 10, count / 10)
        spent = _cpu_s(process.pid) - before
        memory_mb = _resident_mb(process.pid)
    finally:
        process.terminate()
        await process.wait()
    return {
        "turns": count,
        "dialogue_cpu_ms_per_turn": round(spent * 1000 / count, 2),
        "dialogue_resident_mb": memory_mb,
        **{name: figures[name] for name in ("p50_ms", "p95_ms", "failures")},
    }


async def _until_healthy(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            try:
                async with session.get(f"{url}/health") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.3)
    raise SystemExit("the dialogue core did not start: is there a trained model?")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=300, help="0: without the dialogue core")
    parser.add_argument(
        "--database", default="", help="an empty, migrated PostgreSQL; else a new SQLite file"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, RedisServer(Path(name)) as redis:
        folder = Path(name)
        figures = asyncio.run(calls(options.calls, options.database, folder, redis.url))
        if options.turns:
            figures |= asyncio.run(turns(options.turns, folder, redis.url))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
