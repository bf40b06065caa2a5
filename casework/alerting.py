"""Tells people: the alerts stream, and the notifiers that hang on it.

An alert goes through the stream, so that whoever reads it misses nothing and a notifier that failed
is tried again. When Redis itself is what is broken, the notifiers are told directly, and the alert
follows on the stream when it is back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from redis.asyncio import Redis

from casework.notifiers import Notifier
from core.alerts import ALERTS_STREAM, Alert
from core.codec import to_json
from core.errors import NuanyeError, QueueError
from core.logs import get_log
from core.streams import RedisStreamQueue, redis_errors

GROUP = "notifiers"
REMEMBERED_S = 7 * 86_400
RETRY_MS = 30_000
_BACKLOG = 1000
_WAIT_S = 2.0
_SEND = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 100000, '*', 'json', ARGV[1])
redis.call('SET', KEYS[2], 1, 'EX', ARGV[2])
return 1
"""

_log = get_log("alerts")


class Alerts:
    """Sends alerts, each once however often it is raised, and passes them on to ``notifiers``."""

    def __init__(self, redis: Redis, notifiers: Sequence[Notifier], consumer: str) -> None:
        self._redis = redis
        self._notifiers = notifiers
        self._consumer = consumer
        self._queue = RedisStreamQueue(redis, ALERTS_STREAM, Alert, max_length=100_000)
        self._backlog: deque[Alert] = deque(maxlen=_BACKLOG)
        self._told: deque[str] = deque(maxlen=_BACKLOG)  # directly, while Redis was away

    async def send(self, alert: Alert) -> None:
        """Send ``alert``; never raises for Redis: then the notifiers hear it at once."""
        try:
            await self._send_backlog()
            await self._append(alert)
        except QueueError:
            if alert.alert_id in self._told:
                return
            _log.error("alert", kind=alert.kind.value, subject=alert.subject, queue="down")
            if await self._tell(alert):
                self._told.append(alert.alert_id)
                self._backlog.append(alert)

    async def run(self, stop: asyncio.Event) -> None:
        """Pass alerts on until ``stop``."""
        while not stop.is_set():
            try:
                await self.step(block_ms=1000)
            except QueueError as error:
                _log.warning("alerts_wait", code=error.code)
                await asyncio.sleep(_WAIT_S)

    async def step(self, *, block_ms: int = 0, retry_ms: int = RETRY_MS) -> int:
        """Pass on what is new and what a notifier refused before; return how many. Raises ``QueueError``."""
        await self._send_backlog()
        entries = await self._queue.claim_stale(GROUP, self._consumer, idle_ms=retry_ms)
        entries += await self._queue.read(GROUP, self._consumer, count=20, block_ms=block_ms)
        for entry_id, alert in entries:
            if alert.alert_id in self._told or await self._tell(alert):
                await self._queue.ack(GROUP, entry_id)
        return len(entries)

    async def _append(self, alert: Alert) -> None:
        key = f"{ALERTS_STREAM}:seen:{alert.alert_id}"
        with redis_errors():
            new = await self._redis.eval(_SEND, 2, ALERTS_STREAM, key, to_json(alert), REMEMBERED_S)
        if new:
            _log.error("alert", kind=alert.kind.value, subject=alert.subject)

    async def _send_backlog(self) -> None:
        while self._backlog:
            await self._append(self._backlog[0])
            self._backlog.popleft()

    async def _tell(self, alert: Alert) -> bool:
        """Tell every notifier; one that fails makes all be told again: they know repeats by ``alert_id``."""
        done = True
        for notifier in self._notifiers:
            try:
                await notifier.notify(alert)
            except (NuanyeError, OSError) as error:
                _log.warning("notifier_failed", notifier=type(notifier).__name__, error=type(error).__name__)
                done = False
        return done
