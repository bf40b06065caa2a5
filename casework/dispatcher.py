"""Hands due attempts to the voice workers, never more than there are free lines, and cleans up."""

from __future__ import annotations

import asyncio

import msgspec
from redis.asyncio import Redis

from casework.alerting import Alerts
from casework.handout import StaleLeader
from casework.leadership import Leadership
from casework.store import Store
from casework.watch import overdue_alert
from core.alerts import Alert, AlertKind, alert
from core.clock import Clock, SystemClock
from core.errors import QueueError, StorageError
from core.faults import reach
from core.interfaces import Queue
from core.logs import get_log
from core.streams import redis_errors
from core.types import CallTask

TICK_S = 0.25
# Each decision is a handful of statements: more at once would hold up everybody else who writes. 160 calls
# a second are more than any trunk of ours begins.
AT_ONCE = 40
LINES_EVERY_MS = 1_000
UPKEEP_EVERY_MS = 1_000
LOST_AFTER_MS = 15_000
MAX_BACKOFF_S = 5.0
VOICE_KEYS = "nuanye:alive:voice:*"

_log = get_log("dispatcher")


class _Alive(msgspec.Struct):
    """A voice worker's heartbeat; unknown keys are its own business."""

    status: str = ""
    lines_total: int = 0


class Dispatcher:
    """One dispatcher; any number may run, one leads. ``tick`` is one round, for tests."""

    def __init__(
        self,
        store: Store,
        redis: Redis,
        queue: Queue[CallTask],
        leadership: Leadership,
        clock: Clock | None = None,
        alerts: Alerts | None = None,
    ) -> None:
        self._store = store
        self._redis = redis
        self._queue = queue
        self._leadership = leadership
        self._clock = clock or SystemClock()
        self._alerts = alerts
        self._lines = 0
        self._lines_seen_ms = float("-inf")
        self._upkeep_ms = float("-inf")

    @property
    def leads(self) -> bool:
        """Whether this process is the one that hands out."""
        return self._leadership.fence is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Dispatch until ``stop``; outages are waited out, a lost lead is taken again when free."""
        backoff = 0.0
        while not stop.is_set():
            try:
                await self.tick()
                backoff = 0.0
            except StaleLeader:
                self._leadership.resign()
                _log.warning("leadership_lost")
            except (QueueError, StorageError) as error:
                backoff = min(MAX_BACKOFF_S, backoff * 2 or TICK_S)
                _log.warning("dispatcher_waits", code=error.code, seconds=round(backoff, 2))
            try:
                await asyncio.wait_for(stop.wait(), backoff or TICK_S)
            except TimeoutError:
                continue
        try:
            await self._leadership.release()
        except QueueError:
            _log.warning("lock_left_to_expire")

    async def tick(self) -> int:
        """Do one round; return how many tasks were published.

        Raises ``QueueError``, ``StorageError``, ``StaleLeader``.
        """
        fence = await self._leadership.hold()
        if fence is None:
            return 0
        await self._look_at_lines()
        published = await self._upkeep(fence)
        free = self._lines - await self._store.count_busy()
        tasks = await self._store.hand_out(fence, min(free, AT_ONCE)) if free > 0 else ()
        if tasks:
            reach("dispatcher.decided")
        for task in tasks:
            await self._queue.publish(task)
            reach("dispatcher.published")
            published += 1
            _log.info("handed_out", attempt=task.task_id, number=task.attempt)
        return published

    async def _upkeep(self, fence: int) -> int:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._upkeep_ms < UPKEEP_EVERY_MS:
            return 0
        self._upkeep_ms = now_ms
        now = self._clock.now()
        for attempt in await self._store.reap(fence):
            _log.warning("lease_lapsed", attempt=attempt)
        lost = await self._store.lost_tasks(fence, older_than_ms=LOST_AFTER_MS if self._lines > 0 else None)
        for task in lost:
            await self._queue.publish(task)
            _log.warning("published_again", attempt=task.task_id)
        for campaign in await self._store.pause_failing(fence):
            _log.error("campaign_paused", campaign=campaign, reason="failure_spike")
            await self._tell(alert(AlertKind.FAILURE_SPIKE, campaign, now, key=now.isoformat()))
        await self._store.finish_campaigns(fence)
        await self._store.plan_check_ins(fence)
        for case in await self._store.raise_overdue(fence):
            await self._tell(overdue_alert(case.case_id, case.level, now, case.district + case.street))
        return len(lost)

    async def _tell(self, news: Alert) -> None:
        if self._alerts is not None:
            await self._alerts.send(news)

    async def _look_at_lines(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._lines_seen_ms < LINES_EVERY_MS:
            return
        self._lines_seen_ms = now_ms
        self._lines = await count_lines(self._redis)


async def count_lines(redis: Redis) -> int:
    """Return how many calls the living voice workers can hold in total.

    Which of them are taken is counted in the database: heartbeats are seconds old.
    """
    total = 0
    with redis_errors():
        async for key in redis.scan_iter(VOICE_KEYS, count=1000):
            raw = await redis.get(key)
            try:
                alive = msgspec.json.decode(raw or b"{}", type=_Alive)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if alive.status != "stopping":
                total += max(0, alive.lines_total)
    return total
