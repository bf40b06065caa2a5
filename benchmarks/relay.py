"""How fast results leave: `python -m benchmarks.relay [--results N] [--database URL]`.

Stores N results, lets the relay publish them to a redis-server of its own (append-only file on), one
stream entry (and one of the district's) per result, and measures redis-benchmark's plain XADD of entries
of the same size on the same server in the same run: by one client, one command per trip ("batch 1"), and
by its usual 50. Prints one JSON object; ends with status 1 below 2,000 a second or a quarter of the XADD rate
of one client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.asyncio import Redis

from casework.relay import Relay
from casework.store import Store, open_store
from core.codec import to_json
from core.ids import result_id
from core.redis_server import RedisServer
from core.types import FieldValue, Result

BAR_PER_S = 2000
BAR_SHARE = 0.25
_DISTRICTS = ("天河区", "越秀区", "海珠区", "荔湾区", "白云区", "黄埔区")
_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def sample(number: int) -> Result:
    """Return an invented result of usual size."""
    source = f"bench_{number}"
    said = FieldValue("天河区", "我在天河那边住", "m4", 0.95, start_ms=14_200, end_ms=15_900)
    return Result(
        result_id=result_id("call", source),
        kind="call",
        subject=f"per_{number}",
        source=source,
        channel="phone",
        at=_AT + timedelta(milliseconds=number),
        fields={"district": said, "wanted_jobs": FieldValue(["保安"], "想做保安", "m3", 0.98)},
        detail={"campaign_id": "cmp_1", "attempt": 1, "district": _DISTRICTS[number % len(_DISTRICTS)]},
    )


async def _relay(store: Store, redis: Redis, results: int) -> float:
    for number in range(results):
        await store.save_result(sample(number))
    relay = Relay(store, redis)
    began = time.perf_counter()
    sent = await relay.relay_waiting()
    seconds = time.perf_counter() - began
    if sent != results:
        raise SystemExit(f"{sent} of {results} results were relayed")
    return results / seconds


def xadd_rate(socket: str, clients: int, requests: int) -> float:
    """Return redis-benchmark's XADD per second with entries of a result's size."""
    program = shutil.which("redis-benchmark")
    if program is None:
        raise SystemExit("redis-benchmark is missing: it comes with redis-server (Debian: redis-tools)")
    size = len(to_json(sample(1)))
    command = [program, "-s", socket, "-c", str(clients), "-n", str(requests), "-d", str(size), "--csv"]
    command += ["XADD", "bench:xadd", "MAXLEN", "~", "1000000", "*", "json", "x" * size]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.strip().splitlines()[-1].split('","')[1].strip('"'))


async def measure(url: str, results: int, folder: Path) -> dict[str, float]:
    """Return the rates per second and their ratio."""
    server = RedisServer(folder)
    await asyncio.to_thread(server.start)
    try:
        socket = server.url.removeprefix("unix://")
        requests = max(10_000, results)
        before = await asyncio.to_thread(xadd_rate, socket, 1, requests)
        async with (
            await open_store(url, secret=b"benchmark-only" * 4) as store,
            Redis.from_url(server.url) as redis,
        ):
            rate = await _relay(store, redis, results)
        after = await asyncio.to_thread(xadd_rate, socket, 1, requests)
        many = await asyncio.to_thread(xadd_rate, socket, 50, requests)
    finally:
        await asyncio.to_thread(server.stop)
    one = (before + after) / 2
    return {
        "results": results,
        "relay_per_s": round(rate),
        "xadd_one_client_per_s": round(one),
        "share_of_one_client": round(rate / one, 3),
        "xadd_50_clients_per_s": round(many),
        "share_of_50_clients": round(rate / many, 3),
    }


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=20_000)
    parser.add_argument("--database", default="", help="an empty, migrated database; default: an SQLite file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.database or f"sqlite+aiosqlite:///{Path(folder) / 'nuanye.db'}"
        found = asyncio.run(measure(url, arguments.results, Path(folder)))
    print(json.dumps(found))
    return int(found["relay_per_s"] < BAR_PER_S or found["share_of_one_client"] < BAR_SHARE)


if __name__ == "__main__":
    sys.exit(main())
