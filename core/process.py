"""What every process of ours does around its work: settings, logs, signals, a port, a heartbeat."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from redis.asyncio import Redis

from core.codec import to_json
from core.errors import ConfigError, NuanyeError, QueueError, StorageError
from core.logs import configure_logs, get_log
from core.settings import Settings, load_settings
from core.streams import redis_errors

HEARTBEAT_EVERY_S = 3.0
HEARTBEAT_TTL_S = 10
SHUTDOWN_S = 5.0

Serve = Callable[[Settings, asyncio.Event], Awaitable[None]]


def run_process(name: str, serve: Serve) -> int:
    """Run ``serve`` until SIGTERM or SIGINT sets its event; return the exit status.

    An error of ours ends the process with its code, its message and its hint on stderr, and status 1.
    """
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.log_level, process=name)
        asyncio.run(_until_signalled(settings, serve))
    except NuanyeError as error:
        print_error(error)
        return 1
    return 0


def print_error(error: NuanyeError) -> None:
    """Say on stderr what went wrong and what to do about it."""
    hint = f"\n  → {error.hint}" if error.hint else ""
    sys.stderr.write(f"错误 [{error.code}] {error}{hint}\n")


async def _until_signalled(settings: Settings, serve: Serve) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)


@asynccontextmanager
async def listening(app: web.Application, settings: Settings, port_setting: str) -> AsyncIterator[None]:
    """Serve ``app`` on the port that ``port_setting`` names while the context is open.

    Raises ``ConfigError`` when the port cannot be opened.
    """
    port = getattr(settings, port_setting)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, port).start()
        except OSError as error:
            raise ConfigError(
                f"{port_setting} {port} cannot be opened ({error.strerror})",
                hint=f"another program listens there: set NUANYE_{port_setting.upper()}",
            ) from error
        get_log("process").info("listening", host=settings.host, port=port)
        yield
    finally:
        await runner.cleanup()


async def beat(
    redis: Redis, key: str, status: Callable[[], Awaitable[Mapping[str, Any]]], stop: asyncio.Event
) -> None:
    """Write ``status`` under ``key`` every few seconds until ``stop``; without it the key expires."""
    log = get_log("process")
    while not stop.is_set():
        try:
            alive = {"status": "ok", **await status()}
            with redis_errors():
                await redis.set(key, to_json(alive), ex=HEARTBEAT_TTL_S)
        except (QueueError, StorageError) as error:
            log.warning("heartbeat_failed", code=error.code)
        try:
            await asyncio.wait_for(stop.wait(), HEARTBEAT_EVERY_S)
        except TimeoutError:
            continue
    try:
        with redis_errors():
            await redis.delete(key)
    except QueueError:
        log.warning("heartbeat_left_to_expire")
