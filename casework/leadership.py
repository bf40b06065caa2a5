"""One dispatcher at a time: a Redis lock says who tries, a fence in the database says who may write."""

from __future__ import annotations

from redis.asyncio import Redis

from casework.store import Store
from core.clock import Clock
from core.streams import redis_errors

LEADER_KEY = "nuanye:casework:leader"
TTL_MS = 10_000

_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Leadership:
    """The claim of one process. ``fence`` is ``None`` while another one leads."""

    def __init__(self, store: Store, redis: Redis, owner: str, clock: Clock, *, ttl_ms: int = TTL_MS) -> None:
        self._store = store
        self._redis = redis
        self._owner = owner
        self._clock = clock
        self._ttl_ms = ttl_ms
        self._renewed_ms = 0.0
        self.fence: int | None = None

    async def hold(self) -> int | None:
        """Renew or try to take the lock; return the fence while leading.

        The fence is counted in the database, so it keeps rising when Redis comes back empty.
        Raises ``QueueError``, ``StorageError``.
        """
        now_ms = self._clock.monotonic_ms()
        if self.fence is not None and now_ms - self._renewed_ms < self._ttl_ms / 3:
            return self.fence
        if self.fence is not None:
            with redis_errors():
                kept = await self._redis.eval(_RENEW, 1, LEADER_KEY, self._owner, self._ttl_ms)
            if not kept:
                self.fence = None
        if self.fence is None:
            with redis_errors():
                taken = await self._redis.set(LEADER_KEY, self._owner, nx=True, px=self._ttl_ms)
            if not taken:
                return None
            self.fence = await self._store.take_fence()
        self._renewed_ms = now_ms
        return self.fence

    def resign(self) -> None:
        """Stop leading without touching the lock, which another process may hold by now."""
        self.fence = None

    async def release(self) -> None:
        """Give the lock back, so that a successor need not wait for it to expire."""
        self.fence = None
        with redis_errors():
            await self._redis.eval(_RELEASE, 1, LEADER_KEY, self._owner)
