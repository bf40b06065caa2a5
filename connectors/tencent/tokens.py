"""One access token per account, shared by all processes through Redis; one of them fetches it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from connectors.tencent.errors import PlatformUnavailable
from core.clock import Clock
from core.ids import new_id
from core.logs import get_log
from core.streams import redis_errors

_log = get_log("tokens")

FetchToken = Callable[[bool], Awaitable[tuple[str, int]]]
"""Asks the platform for a token: whether the last one was refused → the token, its life in seconds."""

EARLY_S = 300
"""A token is thrown away this long before it expires, so that none expires on its way."""
_LOCK_MS = 15_000
_POLL_MS = 50

# Only what was refused is dropped: another process may have put a new one there.
_DROP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], '1', 'EX', 600)
end
"""
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class TokenStore:
    """See the module. ``account`` names the token; ``fetch`` runs in one process at a time."""

    def __init__(self, redis: Redis, account: str, fetch: FetchToken, clock: Clock) -> None:
        self._redis = redis
        self._account = account
        self._key = f"nuanye:token:{{{account}}}"
        self._fetch = fetch
        self._clock = clock
        self._drop = redis.register_script(_DROP)
        self._unlock = redis.register_script(_UNLOCK)

    async def get(self) -> str:
        """Return a token that is valid now.

        Raises:
            PlatformError: the platform gives none.
            QueueError: Redis is away.
        """
        deadline = self._clock.monotonic_ms() + 2 * _LOCK_MS
        owner = new_id("own")
        while self._clock.monotonic_ms() < deadline:
            with redis_errors():
                token = _text(await self._redis.get(self._key))
                if token:
                    return token
                mine = await self._redis.set(f"{self._key}:lock", owner, nx=True, px=_LOCK_MS)
            if mine:
                return await self._refresh(owner)
            await self._clock.sleep_ms(_POLL_MS)
        raise PlatformUnavailable("the process that fetches the access token does not finish")

    async def drop(self, token: str) -> None:
        """The platform refused ``token``: the next ``get`` fetches another one. Raises ``QueueError``."""
        with redis_errors():
            await self._drop(keys=[self._key, f"{self._key}:refused"], args=[token])
        _log.warning("token_refused", account=self._account)

    async def _refresh(self, owner: str) -> str:
        try:
            with redis_errors():
                # Between the look and the lock another process may have finished.
                token = _text(await self._redis.get(self._key))
                refused = bool(await self._redis.exists(f"{self._key}:refused"))
            if token:
                return token
            token, lifetime_s = await self._fetch(refused)
            keep_s = max(lifetime_s - EARLY_S, lifetime_s // 2, 1)
            with redis_errors():
                await self._redis.set(self._key, token, ex=keep_s)
                await self._redis.delete(f"{self._key}:refused")
            _log.info("token_fetched", account=self._account, lifetime_s=lifetime_s)
            return token
        finally:
            with redis_errors():
                await self._unlock(keys=[f"{self._key}:lock"], args=[owner])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
