"""`python -m voice`: takes calls from the stream on ``voice_lines`` lines, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from redis.asyncio import Redis

from casework.store import open_store, open_vault
from core.clock import SystemClock
from core.logs import get_log
from core.process import beat, run_process
from core.s3 import keep_shipping, open_recordings
from core.settings import Settings
from core.streams import CALLS_STREAM, RedisStreamQueue
from core.tasks import end_tasks
from core.types import CallTask
from voice.accounting import Accounting
from voice.aside import Aside
from voice.assembly import phone_door
from voice.session import CallSession
from voice.spool import Spool
from voice.transcripts import hearing_served
from voice.worker import Worker, WorkerOptions

_LOG = get_log("voice")


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop``. Raises ``NuanyeError`` when it cannot start."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    redis = Redis.from_url(settings.redis, socket_connect_timeout=5, socket_timeout=10)
    async with (
        redis,
        await open_store(settings) as store,
        phone_door(settings) as (equipment, speaker),
        hearing_served(settings, equipment.recognizer, equipment.speech),
    ):
        queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
        accounting = Accounting(store, queue, Spool(settings.data_dir / "spool", open_vault(settings)))
        aside = Aside(speaker)
        await aside.prepare(settings, equipment.recognizer, store)
        worker = Worker(
            queue,
            store,
            accounting,
            lambda task: CallSession(equipment, task),
            SystemClock(),
            WorkerOptions(name, settings.voice_lines, on_stored=aside.on_stored),
        )

        async def status() -> dict[str, int]:
            return {"lines_total": settings.voice_lines, "lines_free": worker.lines_free}

        aside.idle = lambda: worker.idle
        beside = asyncio.create_task(aside.run())
        shipping = asyncio.create_task(keep_shipping(open_recordings(settings), stop))
        beating = asyncio.create_task(beat(redis, f"nuanye:alive:voice:{name}", status, stop))
        _LOG.info("started", worker=name, lines=settings.voice_lines)
        try:
            await worker.run(stop)
        finally:
            stop.set()
            await end_tasks([beside, shipping])
            await asyncio.gather(beating, return_exceptions=True)
    _LOG.info("stopped", worker=name)


def main() -> int:
    """Run the process; return its exit status."""
    return run_process("voice", serve)


if __name__ == "__main__":
    sys.exit(main())
