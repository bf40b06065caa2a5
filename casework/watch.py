"""Looks for what somebody must be told: crises, dead letters, consumers that stand still, outages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from casework.alerting import Alerts
from casework.consumption import group_of
from casework.routing import stream_of
from casework.store import Store
from core.alerts import Alert, AlertKind, alert
from core.clock import Clock
from core.errors import QueueError, StorageError
from core.logs import get_log
from core.streams import DEAD, FEEDBACK_STREAM, redis_errors

EVERY_S = 1.0
QUEUES_EVERY_MS = 60_000
DOWN_AFTER_MS = 10_000
STALE_AFTER_MS = 3_600_000
_PROBE = "nuanye:probe"

_log = get_log("watch")


class Watch:
    """One watcher; any number may run: what they find has derived ids, so it is told once."""

    def __init__(self, store: Store, redis: Redis, alerts: Alerts, clock: Clock) -> None:
        self._store = store
        self._redis = redis
        self._alerts = alerts
        self._clock = clock
        self._queues_ms = float("-inf")
        self._down_since: dict[AlertKind, float] = {}
        self._told: deque[str] = deque(maxlen=1000)  # spares Redis the question; it knows repeats itself

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until ``stop``."""
        while not stop.is_set():
            await self.look()
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look once. Outages are what it tells of, so it raises none."""
        await self._try(AlertKind.DATABASE_DOWN, "database", self._crises)
        await self._try(AlertKind.QUEUE_DOWN, "redis", self._probe)
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._queues_ms >= QUEUES_EVERY_MS:
            self._queues_ms = now_ms
            await self._try(AlertKind.QUEUE_DOWN, "redis", self._look_at_queues)

    async def _try(self, kind: AlertKind, subject: str, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except (QueueError, StorageError) as error:
            now_ms = self._clock.monotonic_ms()
            since = self._down_since.setdefault(kind, now_ms)
            if now_ms - since >= DOWN_AFTER_MS:
                now = self._clock.now()
                detail = {"reason": str(error), "seconds": round((now_ms - since) / 1000)}
                await self._alerts.send(alert(kind, subject, now, key=_hour(now), detail=detail))
        else:
            if self._down_since.pop(kind, None) is not None:
                _log.info("back_again", kind=kind.value)

    async def _crises(self) -> None:
        cases = await self._store.urgent_cases()
        for case in cases:
            detail = {"district": case.district, "street": case.street, "due_at": case.due_at.isoformat()}
            key = case.due_at.isoformat()
            await self._alerts.send(
                alert(AlertKind.CRISIS, case.case_id, self._clock.now(), key=key, detail=detail)
            )
        if cases:
            await self._store.mark_alerted([case.case_id for case in cases])
        for handover in await self._store.urgent_handovers():
            if handover.handover_id not in self._told:
                detail = {"district": handover.district, "channel": handover.channel}
                now, subject = self._clock.now(), handover.handover_id
                await self._alerts.send(alert(AlertKind.CRISIS, subject, now, key=subject, detail=detail))
                self._told.append(subject)

    async def _probe(self) -> None:
        """A write: a Redis that is full or read-only still answers PING."""
        with redis_errors():
            await self._redis.set(_PROBE, 1, ex=60)

    async def _look_at_queues(self) -> None:
        with redis_errors():
            async for key in self._redis.scan_iter(match=f"nuanye:*{DEAD}", count=1000, _type="STREAM"):
                await self._dead_letters(key.decode())
            async for key in self._redis.scan_iter(match=stream_of("*"), count=1000, _type="STREAM"):
                if not key.endswith(DEAD.encode()):
                    await self._standing_still(key.decode())
            await self._standing_still(FEEDBACK_STREAM)

    async def _dead_letters(self, stream: str) -> None:
        newest: Any = await self._redis.xrevrange(stream, count=1)
        if newest:
            entry_id, fields = newest[0]
            reason = fields.get(b"reason", b"").decode(errors="replace")[:200]
            detail = {"letters": await self._redis.xlen(stream), "reason": reason}
            now = self._clock.now()
            await self._alerts.send(
                alert(AlertKind.DEAD_LETTER, stream, now, key=entry_id.decode(), detail=detail)
            )

    async def _standing_still(self, stream: str) -> None:
        """The oldest entry that its group has not acknowledged is too old."""
        oldest = await self._oldest_left(stream, group_of(stream))
        if oldest is None:
            return
        now = self._clock.now()
        age_ms = now.timestamp() * 1000 - int(oldest.partition("-")[0])
        if age_ms >= STALE_AFTER_MS:
            detail = {"entry": oldest, "hours": round(age_ms / 3_600_000, 1)}
            key = now.date().isoformat()
            await self._alerts.send(alert(AlertKind.QUEUE_STALE, stream, now, key=key, detail=detail))

    async def _oldest_left(self, stream: str, name: str) -> str | None:
        try:
            groups: Any = await self._redis.xinfo_groups(stream)
        except ResponseError:  # no such stream
            return None
        group = next((each for each in groups if each["name"].decode() == name), None)
        start = "-"
        if group is not None:
            if group["pending"]:
                pending: Any = await self._redis.xpending(stream, name)
                return str(pending["min"].decode())
            start = f"({group['last-delivered-id'].decode()}"
        left: Any = await self._redis.xrange(stream, start, "+", count=1)
        return str(left[0][0].decode()) if left else None


def overdue_alert(case_id: str, level: int, now: datetime, place: str) -> Alert:
    """Return the alert of a case that nobody answered in time."""
    detail = {"level": level, "place": place}
    return alert(AlertKind.CASE_OVERDUE, case_id, now, key=now.isoformat(), detail=detail)


def _hour(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H")
