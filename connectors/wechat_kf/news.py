"""Which customer service accounts have something new: noted by callbacks, fetched by the puller."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from connectors.tencent.xml import Fields, text_of
from core.errors import BadInput
from core.streams import redis_errors

EVENT = "kf_msg_or_event"
_DUE = "nuanye:kf:due"
_MAX_ID = 128

# A token that arrived while the messages were being fetched stands for news that were not seen yet.
_DONE = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end"


@dataclass(frozen=True, slots=True)
class News:
    """``token`` lets the messages of ``account`` (open_kfid) be fetched without the strict rate limit."""

    account: str
    token: str


def news_in(fields: Fields) -> News | None:
    """Return what a callback announces, ``None`` for other callbacks. Raises ``BadInput``."""
    if text_of(fields, "Event", "") != EVENT:
        return None
    account, token = text_of(fields, "OpenKfId", ""), text_of(fields, "Token", "")
    if not 0 < len(account) <= _MAX_ID or len(token) > 2 * _MAX_ID:
        raise BadInput("OpenKfId or Token: empty or too long")
    return News(account, token)


class NewsBox:
    """Kept in Redis: a restart forgets none. Raises ``QueueError``."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._done = redis.register_script(_DONE)

    async def put(self, news: News) -> None:
        """Note that an account has news."""
        with redis_errors():
            await self._redis.hset(_DUE, news.account, news.token)

    async def put_missing(self, account: str) -> None:
        """Have an account looked at even though no callback asked for it."""
        with redis_errors():
            await self._redis.hsetnx(_DUE, account, "")

    async def due(self) -> list[News]:
        """Return the accounts that have news."""
        with redis_errors():
            found = await self._redis.hgetall(_DUE)
        return [News(_text(account), _text(token)) for account, token in found.items()]

    async def done(self, news: News) -> None:
        """Everything that ``news`` stands for was fetched."""
        with redis_errors():
            await self._done(keys=[_DUE], args=[news.account, news.token])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
