"""Fixed-window rate limit in Redis, shared by all processes."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.errors import QueueError

_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""


class RateLimit:
    """At most ``limit`` events per key in any window of ``window_ms`` milliseconds."""

    def __init__(self, redis: Redis, name: str, *, limit: int, window_ms: int = 60_000) -> None:
        self._count = redis.register_script(_COUNT)
        self._name = name
        self._limit = limit
        self._window_ms = window_ms

    async def allow(self, key: str) -> bool:
        """Count one event and say whether it is within the limit. Raises ``QueueError``."""
        try:
            count = await self._count(keys=[f"nuanye:rate:{self._name}:{key}"], args=[self._window_ms])
        except (RedisError, OSError) as error:
            raise QueueError(f"Redis could not be reached ({type(error).__name__})") from error
        return int(str(count)) <= self._limit
