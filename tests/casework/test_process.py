"""The real process: starts, hands out, relays, and ends cleanly when told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis

from casework.store import open_store
from core.settings import Settings
from core.streams import CALLS_STREAM, RESULTS_STREAM, RedisStreamQueue
from core.types import CallTask, Result
from tests.casework.samples import CHEN, finished
from tests.eventually import eventually

pytestmark = [pytest.mark.slow, pytest.mark.net]


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "NUANYE_DATA_DIR": str(settings.data_dir),
        "NUANYE_REDIS_URL": settings.redis_url,
    }


async def _start(settings: Settings, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**_environment(settings), **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_from_a_list_to_the_stream_and_a_clean_end(settings: Settings) -> None:
    """A campaign's task reaches the voice queue, its saved call reaches the results; SIGTERM ends it."""
    process = await _start(settings, "-m", "casework")
    try:
        async with Redis.from_url(settings.redis) as redis, await open_store(settings) as store:

            async def beats() -> bool:
                keys = await redis.keys("nuanye:alive:casework:*")
                return any(str(process.pid).encode() in key for key in keys)

            await eventually(beats, within_s=30)
            await redis.set("nuanye:alive:voice:w1", json.dumps({"status": "ok", "lines_total": 1}), ex=60)
            campaign = await store.start_campaign("测试", [CHEN], ignore_window=True)
            calls = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
            ((_, task),) = await calls.read("voice", "w1", block_ms=10_000)
            assert await store.begin_attempt(task, "w1", lease_ms=60_000)
            record, result = finished(task, datetime.now(UTC))
            await store.save_call(record, result)
            results = RedisStreamQueue(redis, RESULTS_STREAM, Result)
            ((_, published),) = await results.read("district", "c1", block_ms=10_000)
            assert published == result

            async def finished_campaign() -> bool:
                progress = await store.campaign_progress(campaign.campaign_id)
                return progress is not None and progress.campaign.state == "finished"

            await eventually(finished_campaign)
            process.send_signal(signal.SIGTERM)
            _, log = await asyncio.wait_for(process.communicate(), 15)
            assert process.returncode == 0, log.decode()
            assert not await beats()
            assert await redis.get("nuanye:casework:leader") is None
        for personal in (CHEN.name, CHEN.address):
            assert personal not in log.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_process_ends_although_it_never_closed_its_store(settings: Settings, tmp_path: Path) -> None:
    """A database connection that was left open does not keep the interpreter from exiting."""
    program = (
        "import asyncio, sys\n"
        "from casework.store import open_store\n"
        "async def main():\n"
        "    store = await open_store(sys.argv[1])\n"
        "    await store.ping()\n"
        "    raise RuntimeError('left open')\n"
        "asyncio.run(main())\n"
    )
    url = f"sqlite+aiosqlite:///{tmp_path / 'left.db'}"
    process = await _start(settings, "-c", program, url)
    try:
        _, log = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 1
    assert b"left open" in log


async def test_a_wrong_setting_ends_it_with_its_name(settings: Settings) -> None:
    """A bad database URL ends the process with status 1 and one line that names the setting."""
    process = await _start(settings, "-m", "casework", NUANYE_DATABASE_URL="mysql://host/db")
    _, log = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert "database_url" in log.decode()
    assert "Traceback" not in log.decode()
