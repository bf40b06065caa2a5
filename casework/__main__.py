"""`python -m casework`: dispatcher, relay, feedback intake, alerts and hooks, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Protocol

from redis.asyncio import Redis

from casework.alerting import Alerts
from casework.dispatcher import Dispatcher
from casework.intake import Intake
from casework.keeping.daily import keep_house
from casework.leadership import Leadership
from casework.monitor import serve_monitor
from casework.notifiers import load_notifiers
from casework.relay import Relay
from casework.store import open_store
from casework.watch import Watch
from casework.webhooks.config import read_webhooks
from casework.webhooks.delivery import Webhook
from core.clock import SystemClock
from core.errors import QueueError, StorageError
from core.logs import get_log
from core.process import beat, run_process
from core.settings import Settings
from core.streams import CALLS_STREAM, FEEDBACK_STREAM, RedisStreamQueue
from core.tasks import until_stop
from core.types import CallTask, Feedback

LAST_RELAY_S = 3.0


class _Part(Protocol):
    async def run(self, stop: asyncio.Event) -> None: ...


_log = get_log("casework")


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run until ``stop``. Raises ``ConfigError`` or ``StorageError`` when it cannot start."""
    owner = f"{socket.gethostname()}-{os.getpid()}"
    clock = SystemClock()
    redis = Redis.from_url(settings.redis, socket_connect_timeout=5, socket_timeout=10)
    async with await open_store(settings) as store, redis:
        relay = Relay(store, redis)
        queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
        intake = Intake(store, RedisStreamQueue(redis, FEEDBACK_STREAM, Feedback), owner)
        hooks = [Webhook(redis, hook, clock, lambda: dispatcher.leads) for hook in read_webhooks(settings)]
        alerts = Alerts(redis, load_notifiers(settings), owner)
        dispatcher = Dispatcher(store, redis, queue, Leadership(store, redis, owner, clock), clock, alerts)
        watch = Watch(store, redis, alerts, clock)
        parts: tuple[_Part, ...] = (relay, intake, dispatcher, alerts, watch, *hooks)

        async def status() -> dict[str, bool]:
            await store.ping()
            return {"leader": dispatcher.leads}

        _log.info("started", owner=owner)
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(until_stop(part.run(stop), stop))
            group.create_task(until_stop(keep_house(store, settings, stop), stop))
            group.create_task(until_stop(serve_monitor(settings, store, redis, stop), stop))
            beating = beat(redis, f"nuanye:alive:casework:{owner}", status, stop)
            group.create_task(until_stop(beating, stop))
        await _relay_the_rest(relay)
    _log.info("stopped", owner=owner)


async def _relay_the_rest(relay: Relay) -> None:
    """What the doors handed in while they stopped goes out too; the next start sends what is left."""
    try:
        await asyncio.wait_for(relay.relay_waiting(), LAST_RELAY_S)
    except (TimeoutError, QueueError, StorageError) as error:
        _log.warning("results_left_for_next_start", reason=type(error).__name__)


def main() -> int:
    """Run the process; return its exit status."""
    return run_process("casework", serve)


if __name__ == "__main__":
    sys.exit(main())
