"""Delivers results over HTTP: signed, in order per person, retried with growing pauses, buried at last.

The consumer group ``webhook:<name>`` remembers what was delivered. A person whose delivery fails holds up
nobody else; while a receiver is down at most ``WINDOW`` entries are held, the others wait in the stream.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from redis.asyncio import Redis

from casework.routing import stream_of
from casework.webhooks.config import Hook
from casework.webhooks.signing import headers
from core.clock import Clock
from core.codec import to_json
from core.errors import QueueError
from core.logs import get_log
from core.streams import RESULTS_STREAM, RedisStreamQueue
from core.types import Result

WINDOW = 500
FIRST_PAUSE_MS = 1_000
MOST_PAUSE_MS = 600_000
TIMEOUT_S = 10.0
AT_ONCE = 8
_IDLE_S = 2.0
_DAY_MS = 86_400_000

_log = get_log("webhooks")


@dataclass(slots=True)
class _Waiting:
    """One entry on its way."""

    entry_id: str
    result: Result
    tries: int = 0
    next_ms: float = 0.0


class Webhook:
    """Deliveries to one receiver. One process delivers: the one for which ``may_run`` is true."""

    def __init__(self, redis: Redis, hook: Hook, clock: Clock, may_run: Callable[[], bool]) -> None:
        stream = stream_of(hook.district) if hook.district else RESULTS_STREAM
        self._queue = RedisStreamQueue(redis, stream, Result)
        self._hook = hook
        self._clock = clock
        self._may_run = may_run
        self._group = f"webhook:{hook.name}"
        self._people: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    @property
    def held(self) -> int:
        """How many entries are on their way."""
        return sum(len(waiting) for waiting in self._people.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``; outages of Redis are waited out."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while not stop.is_set():
                if not self._may_run():
                    self._people.clear()  # another process delivers them now
                    await asyncio.sleep(_IDLE_S)
                    continue
                try:
                    await self.step(session, block_ms=500)
                except QueueError as error:
                    _log.warning("webhook_waits", hook=self._hook.name, code=error.code)
                    await asyncio.sleep(_IDLE_S)

    async def step(self, session: aiohttp.ClientSession, *, block_ms: int = 0) -> int:
        """Take what is new, deliver what is due; return how many arrived. Raises ``QueueError``."""
        if not self._people:
            # What this or an earlier process had taken and not delivered; an entry that is held is not idle.
            self._hold(await self._queue.claim_stale(self._group, "hook", idle_ms=0, count=WINDOW))
        if (room := WINDOW - self.held) > 0:
            wait_ms = 50 if self._people else block_ms
            self._hold(await self._queue.read(self._group, "hook", count=min(room, 100), block_ms=wait_ms))
        now_ms = self._clock.monotonic_ms()
        due = [person for person, waiting in self._people.items() if waiting[0].next_ms <= now_ms]
        limit = asyncio.Semaphore(AT_ONCE)
        return sum(await asyncio.gather(*(self._person(session, person, limit) for person in due)))

    def _hold(self, entries: list[tuple[str, Result]]) -> None:
        for entry_id, result in entries:
            self._people.setdefault(result.subject, deque()).append(_Waiting(entry_id, result))

    async def _person(self, session: aiohttp.ClientSession, person: str, limit: asyncio.Semaphore) -> int:
        """Deliver one person's results in order, up to the first that fails."""
        waiting, arrived = self._people[person], 0
        async with limit:
            while waiting:
                item = waiting[0]
                fault = await self._post(session, item.result)
                if not fault:
                    await self._queue.ack(self._group, item.entry_id)
                    arrived += 1
                elif self._is_hopeless(item, fault):
                    await self._queue.bury(self._group, item.entry_id, to_json(item.result), fault)
                    _log.error("webhook_gave_up", hook=self._hook.name, result=item.result.result_id)
                else:
                    item.tries += 1
                    pause = min(FIRST_PAUSE_MS * 2 ** (item.tries - 1), MOST_PAUSE_MS)
                    item.next_ms = self._clock.monotonic_ms() + pause
                    return arrived
                waiting.popleft()
        del self._people[person]
        return arrived

    async def _post(self, session: aiohttp.ClientSession, result: Result) -> str:
        """Return what went wrong; empty: the receiver has it (2xx, or 409 for a repeat)."""
        body = to_json(result)
        signed = headers(self._hook.secret, result.result_id, int(self._clock.now().timestamp()), body)
        try:
            async with session.post(
                self._hook.url, data=body, headers=signed, allow_redirects=False
            ) as answer:
                fine = answer.status < 300 or answer.status == 409
                return "" if fine else f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__

    def _is_hopeless(self, item: _Waiting, fault: str) -> bool:
        """410 says that the receiver wants it no more; else time decides, by when the entry was made."""
        made_ms = int(item.entry_id.partition("-")[0])
        age_ms = self._clock.now().timestamp() * 1000 - made_ms
        return fault == "HTTP 410" or age_ms > self._hook.give_up_days * _DAY_MS
