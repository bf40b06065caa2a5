"""`python -m casework`: dispatcher and results relay, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from redis.asyncio import Redis

from casework.dispatcher import Dispatcher
from casework.leadership import Leadership
from casework.relay import Relay
from casework.store import Store, open_store
from core.clock import SystemClock
from core.codec import to_json
from core.errors import NuanyeError, QueueError, StorageError
from core.logs import configure_logs, get_log
from core.settings import Settings, load_settings
from core.streams import CALLS_STREAM, RedisStreamQueue, redis_errors
from core.types import CallTask

HEARTBEAT_EVERY_S = 3.0
HEARTBEAT_TTL_S = 10
LAST_RELAY_S = 3.0

_log = get_log("casework")


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run until ``stop``. Raises ``ConfigError`` or ``StorageError`` when it cannot start."""
    owner = f"{socket.gethostname()}-{os.getpid()}"
    clock = SystemClock()
    redis = Redis.from_url(settings.redis, socket_connect_timeout=5, socket_timeout=10)
    async with await open_store(settings) as store, redis:
        relay = Relay(store, redis)
        queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
        dispatcher = Dispatcher(store, redis, queue, Leadership(store, redis, owner, clock), clock)
        _log.info("started", owner=owner)
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run(stop))
            group.create_task(dispatcher.run(stop))
            group.create_task(_heartbeat(store, redis, dispatcher, owner, stop))
        await _relay_the_rest(relay)
    _log.info("stopped", owner=owner)


async def _heartbeat(
    store: Store, redis: Redis, dispatcher: Dispatcher, owner: str, stop: asyncio.Event
) -> None:
    key = f"nuanye:alive:casework:{owner}"
    while not stop.is_set():
        try:
            await store.ping()
            with redis_errors():
                await redis.set(
                    key, to_json({"status": "ok", "leader": dispatcher.leads}), ex=HEARTBEAT_TTL_S
                )
        except (QueueError, StorageError) as error:
            _log.warning("heartbeat_failed", code=error.code)
        try:
            await asyncio.wait_for(stop.wait(), HEARTBEAT_EVERY_S)
        except TimeoutError:
            continue
    try:
        with redis_errors():
            await redis.delete(key)
    except QueueError:
        _log.warning("heartbeat_left_to_expire")


async def _relay_the_rest(relay: Relay) -> None:
    """What the doors handed in while they stopped goes out too; the next start sends what is left."""
    try:
        await asyncio.wait_for(relay.relay_waiting(), LAST_RELAY_S)
    except (TimeoutError, QueueError, StorageError) as error:
        _log.warning("results_left_for_next_start", reason=type(error).__name__)


async def _main() -> None:
    settings = load_settings(os.environ)
    configure_logs(settings.log_level, process="casework")
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
