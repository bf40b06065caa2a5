"""Tells open pages that results have arrived, or that somebody waits for staff.

Only the fact travels, never what is in them.
"""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from core.clock import Clock
from core.logs import get_log
from core.streams import RESULTS_STREAM
from core.tasks import end_tasks

_log = get_log("live")
_BLOCK_MS = 2000
_RETRY_MS = 3000
_LENGTH = 1000


def connect(url: str) -> Redis:
    """Return a client that gives up at once: a page must not wait for a Redis that is away."""
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2)


class Hub:
    """Follows one stream of news; ``wait_after`` returns as soon as something new has come.

    While Redis is away every retry counts as news, so that pages fall back to asking the database.
    """

    def __init__(self, redis: Redis | None, clock: Clock, stream: str = RESULTS_STREAM) -> None:
        self._redis = redis
        self._stream = stream
        self._clock = clock
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.version = 0
        self.closed = False

    async def start(self) -> None:
        """Begin to follow the stream."""
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop, and let every waiting page go."""
        self.closed = True
        await self._bump()
        if self._task is not None:
            await end_tasks([self._task])

    async def wait_after(self, version: int, timeout_s: float) -> int:
        """Return the newest version, at once when it is not ``version``, else after ``timeout_s``."""
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.version != version or self.closed), timeout_s
                )
            except TimeoutError:
                return self.version
            return self.version

    async def ring(self, about: str) -> None:
        """Add news to the stream. Without Redis the doors and pages find out by asking."""
        if self._redis is None:
            return
        try:
            await self._redis.xadd(self._stream, {"id": about}, maxlen=_LENGTH, approximate=True)
        except (RedisError, OSError) as error:
            _log.warning("stream_away", stream=self._stream, error=type(error).__name__)

    async def _follow(self) -> None:
        last: object = None
        while not self.closed:
            try:
                last = await self._wait_past(last)
            except (RedisError, OSError) as error:
                _log.warning("stream_away", stream=self._stream, error=type(error).__name__)
                await self._clock.sleep_ms(_RETRY_MS)
                await self._bump()

    async def _wait_past(self, last: object) -> object:
        if self._redis is None:
            await self._clock.sleep_ms(_RETRY_MS)
            await self._bump()
            return None
        found = await self._redis.xrevrange(self._stream, count=1)
        newest: bytes | str = found[0][0] or b"0-0" if found else b"0-0"
        if newest != last:
            await self._bump()
            return newest
        # Only to sleep until something comes: what it was, the database knows.
        await self._redis.xread({self._stream: newest}, count=1, block=_BLOCK_MS)
        return last

    async def _bump(self) -> None:
        async with self._changed:
            self.version += 1
            self._changed.notify_all()
