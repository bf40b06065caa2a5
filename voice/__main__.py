"""`python -m voice`: takes calls from the stream on ``voice_lines`` lines, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from redis.asyncio import Redis

from casework.store import open_store
from casework.vault import Vault
from core.clock import SystemClock
from core.codec import to_json
from core.errors import NuanyeError, QueueError
from core.logs import configure_logs, get_log
from core.secret import load_secret
from core.settings import Settings, load_settings
from core.streams import CALLS_STREAM, RedisStreamQueue, redis_errors
from core.types import CallTask
from voice.accounting import Accounting
from voice.assembly import phone_door
from voice.session import CallSession
from voice.spool import Spool
from voice.worker import Worker, WorkerOptions

HEARTBEAT_EVERY_S = 3.0
HEARTBEAT_TTL_S = 10

_LOG = get_log("voice")


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop``. Raises ``NuanyeError`` when it cannot start."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    redis = Redis.from_url(settings.redis, socket_connect_timeout=5, socket_timeout=10)
    async with redis, await open_store(settings) as store, phone_door(settings) as (equipment, speaker):
        queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
        accounting = Accounting(
            store, queue, Spool(settings.data_dir / "spool", Vault(load_secret(settings)))
        )
        worker = Worker(
            queue,
            store,
            accounting,
            lambda task: CallSession(equipment, task),
            SystemClock(),
            WorkerOptions(name, settings.voice_lines),
        )
        rendering = asyncio.create_task(speaker.prefetch_fixed())
        beating = asyncio.create_task(heartbeat(redis, worker, name, settings.voice_lines, stop))
        _LOG.info("started", worker=name, lines=settings.voice_lines)
        try:
            await worker.run(stop)
        finally:
            stop.set()
            rendering.cancel()
            await asyncio.gather(rendering, beating, return_exceptions=True)
    _LOG.info("stopped", worker=name)


async def heartbeat(redis: Redis, worker: Worker, name: str, lines: int, stop: asyncio.Event) -> None:
    """Tell the dispatcher and the supervisor that we live and how many lines are free."""
    key = f"nuanye:alive:voice:{name}"
    while not stop.is_set():
        alive = {"status": "ok", "lines_total": lines, "lines_free": worker.lines_free}
        try:
            with redis_errors():
                await redis.set(key, to_json(alive), ex=HEARTBEAT_TTL_S)
        except QueueError as error:
            _LOG.warning("heartbeat_failed", code=error.code)
        try:
            await asyncio.wait_for(stop.wait(), HEARTBEAT_EVERY_S)
        except TimeoutError:
            continue
    try:
        with redis_errors():
            await redis.delete(key)
    except QueueError:
        _LOG.warning("heartbeat_left_to_expire")


async def _main() -> None:
    settings = load_settings(os.environ)
    configure_logs(settings.log_level, process="voice")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await serve(settings, stop)


def main() -> None:
    """Start; an error of ours ends the process with its message, its hint and status 1."""
    try:
        asyncio.run(_main())
    except NuanyeError as error:
        hint = f"\n  → {error.hint}" if error.hint else ""
        sys.stderr.write(f"错误 [{error.code}] {error}{hint}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
