"""Whether a callback that carries a valid signature is also fresh and not a replay of another one."""

from __future__ import annotations

import hashlib

from redis.asyncio import Redis

from connectors.tencent.errors import CallbackRefused
from core.clock import Clock
from core.streams import redis_errors

FRESH_S = 300
"""A callback's timestamp may differ from our clock by this much; the platforms retry within 15 s."""


class CallbackGuard:
    """Shared by all processes through Redis. ``account`` separates the channels' signatures."""

    def __init__(self, redis: Redis, account: str, clock: Clock) -> None:
        self._redis = redis
        self._account = account
        self._clock = clock

    def check_fresh(self, timestamp: str) -> None:
        """Raise ``CallbackRefused`` for a timestamp (seconds, decimal) that is not of the last minutes."""
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise CallbackRefused("timestamp: not a number of seconds")
        if abs(self._clock.now().timestamp() - int(timestamp)) > FRESH_S:
            raise CallbackRefused("timestamp: too old or in the future", hint="check this machine's clock")

    async def check_replay(self, given_signature: str, content: bytes) -> None:
        """Let a signature stand for one content only; the same content again is a retry and passes.

        Raises:
            CallbackRefused: the signature was seen with something else.
            QueueError: Redis is away.
        """
        digest = hashlib.sha256(content).hexdigest()
        key = f"nuanye:callback:{self._account}:{given_signature}"
        with redis_errors():
            # Twice the window: a timestamp may also lie that far in the future.
            seen = await self._redis.set(key, digest, nx=True, get=True, ex=2 * FRESH_S)
        if seen is not None and (seen.decode() if isinstance(seen, bytes) else seen) != digest:
            raise CallbackRefused("signature: seen before with another message")
