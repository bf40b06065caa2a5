"""``Store`` in Redis: every step that must not be half done is one Lua script.

Keys, all expiring ``Limits.keep_ms`` after the last change (``{…}`` is the conversation's id)::

    nuanye:inbox:{…}:seen      set of message ids
    nuanye:inbox:{…}:pending   list of Turn JSON, oldest first
    nuanye:inbox:{…}:lease     the process that answers now
    nuanye:inbox:{…}:log       stream of Event JSON
    nuanye:inbox:waiting       sorted set of conversations with pending turns
    nuanye:inbox:rate:<user>   messages in the current window
    nuanye:inbox:outgoing:<channel>  sorted set of conversations that a courier looks at, by when (seconds)
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis

from connectors.types import Event, Limits, LogPage, Verdict
from core.codec import from_json, to_json
from core.errors import BadInput
from core.streams import redis_errors
from core.types import Turn

WAKE_CHANNEL = "nuanye:inbox:wake"
_WAITING = "nuanye:inbox:waiting"
_CURSOR = re.compile(r"\d{1,19}-\d{1,19}")
_PAGE = 200
_CONNECTIONS = 256
_CONNECTION_S = 15

# A conversation id begins with its channel: "wechat_…". In the same step as the log grows, the courier of a
# channel that is pushed to is told, so that no crash can leave an entry which nobody delivers.
_LOG = """
local function outgoing(key, conversation)
  if key then redis.call('ZADD', key, redis.call('TIME')[1], conversation) end
end
local function log(stream, from)
  for i = from, #ARGV do redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[i]) end
end
"""

# KEYS: log, outgoing?   ARGV: log length, keep_ms, conversation, events…
_APPEND = (
    _LOG
    + f"""
log(KEYS[1], 4)
outgoing(KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', '{WAKE_CHANNEL}', ARGV[3])
"""
)

# KEYS: seen, log, outgoing?   ARGV: log length, keep_ms, conversation, key, events…
_APPEND_ONCE = (
    _LOG
    + f"""
if redis.call('SADD', KEYS[1], ARGV[4]) == 0 then return 0 end
log(KEYS[2], 5)
outgoing(KEYS[3], ARGV[3])
for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
redis.call('PUBLISH', '{WAKE_CHANNEL}', ARGV[3])
return 1
"""
)

# KEYS: seen, pending, log, waiting, rate, outgoing?
# ARGV: log length, keep_ms, conversation, message id, turn, max conversations, max pending,
#       window_ms, messages per window, echo…
_ACCEPT = (
    _LOG
    + f"""
if redis.call('SISMEMBER', KEYS[1], ARGV[4]) == 1 then return 'repeat' end
local pending = redis.call('LLEN', KEYS[2])
if pending == 0 and redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[6]) then return 'busy' end
if pending >= tonumber(ARGV[7]) then return 'crowded' end
local count = redis.call('INCR', KEYS[5])
if count == 1 then redis.call('PEXPIRE', KEYS[5], ARGV[8]) end
if count > tonumber(ARGV[9]) then return 'rate_limited' end
redis.call('SADD', KEYS[1], ARGV[4])
redis.call('RPUSH', KEYS[2], ARGV[5])
log(KEYS[3], 10)
outgoing(KEYS[6], ARGV[3])
redis.call('ZADD', KEYS[4], 'NX', redis.call('TIME')[1], ARGV[3])
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
redis.call('PUBLISH', '{WAKE_CHANNEL}', ARGV[3])
return 'accepted'
"""
)

# KEYS: lease, pending, waiting   ARGV: owner, lease_ms, conversation
_CLAIM = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
local head = redis.call('LINDEX', KEYS[2], 0)
if head then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[3], ARGV[3])
end
return head
"""

# KEYS: lease, pending, waiting, log, outgoing?
# ARGV: log length, keep_ms, conversation, owner, turn, events…
_COMMIT = (
    _LOG
    + f"""
if redis.call('GET', KEYS[1]) ~= ARGV[4] then return 0 end
if redis.call('LINDEX', KEYS[2], 0) ~= ARGV[5] then return 0 end
redis.call('LPOP', KEYS[2])
if redis.call('LLEN', KEYS[2]) == 0 then redis.call('ZREM', KEYS[3], ARGV[3]) end
log(KEYS[4], 6)
outgoing(KEYS[5], ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[2])
redis.call('PUBLISH', '{WAKE_CHANNEL}', ARGV[3])
return 1
"""
)

# KEYS: lease   ARGV: owner
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


def open_redis(url: str) -> Redis:
    """Return a client for a process of the doors.

    Hundreds of open pages may ask in one moment: their commands wait for a connection, while the
    default pool would refuse them beyond its hundredth.
    """
    pool = BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=_CONNECTION_S)
    return Redis.from_pool(pool)


class RedisStore:
    """See ``connectors.store.Store``. The connection may be shared; it must not decode responses."""

    def __init__(self, redis: Redis, limits: Limits) -> None:
        self._redis = redis
        self._pushed: set[str] = set()
        self._common = (limits.log_length, limits.keep_ms)
        self._bounds = (
            limits.waiting_conversations,
            limits.pending_per_conversation,
            limits.window_ms,
            limits.messages_per_window,
        )
        self._append = redis.register_script(_APPEND)
        self._append_once = redis.register_script(_APPEND_ONCE)
        self._accept = redis.register_script(_ACCEPT)
        self._claim = redis.register_script(_CLAIM)
        self._commit = redis.register_script(_COMMIT)
        self._release = redis.register_script(_RELEASE)

    def push(self, channel: str) -> None:
        """From now on a courier delivers the logs of ``channel``: tell it of everything new."""
        self._pushed.add(channel)

    def is_pushed(self, conversation_id: str) -> bool:
        """Tell whether a courier delivers this conversation's log."""
        return bool(self._courier(conversation_id))

    async def append(self, conversation_id: str, events: Sequence[Event]) -> None:
        """See ``EventLog``."""
        keys = [key_of(conversation_id, "log"), *self._courier(conversation_id)]
        args: list[Any] = [*self._common, conversation_id, *map(to_json, events)]
        with redis_errors():
            await self._append(keys=keys, args=args)

    async def append_once(self, conversation_id: str, key: str, events: Sequence[Event]) -> bool:
        """See ``EventLog``."""
        keys = [key_of(conversation_id, part) for part in ("seen", "log")] + self._courier(conversation_id)
        args: list[Any] = [*self._common, conversation_id, key, *map(to_json, events)]
        with redis_errors():
            return bool(await self._append_once(keys=keys, args=args))

    async def since(self, conversation_id: str, cursor: str) -> LogPage:
        """See ``EventLog``."""
        if not _CURSOR.fullmatch(cursor):
            raise BadInput("cursor: not one that was handed out")
        with redis_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xrange(key_of(conversation_id, "log"), min=f"({cursor}", count=_PAGE)
                pipe.llen(key_of(conversation_id, "pending"))
                entries, pending = await pipe.execute()
        events = tuple(
            replace(from_json(fields[b"e"], Event), id=entry.decode()) for entry, fields in entries
        )
        return LogPage(events, events[-1].id if events else cursor, pending)

    async def wakeups(self) -> AsyncIterator[str]:
        """See ``EventLog``."""
        with redis_errors():
            async with self._redis.pubsub() as listener:
                await listener.subscribe(WAKE_CHANNEL)
                async for message in listener.listen():
                    # The subscription itself counts as news of everything: what came before is unknown.
                    yield message["data"].decode() if message["type"] == "message" else ""

    async def accept(self, turn: Turn, user_id: str, echo: Event | None) -> Verdict:
        """See ``Backlog``."""
        conversation_id = turn.conversation_id
        keys = [*(key_of(conversation_id, part) for part in ("seen", "pending", "log")), _WAITING]
        args: list[Any] = [*self._common, conversation_id, turn.message_id, to_json(turn), *self._bounds]
        args += [to_json(echo)] if echo else []
        keys += [f"nuanye:inbox:rate:{user_id}", *self._courier(conversation_id)]
        with redis_errors():
            answer = await self._accept(keys=keys, args=args)
        return Verdict(_text(answer))

    async def claim(self, conversation_id: str, owner: str, lease_ms: int) -> Turn | None:
        """See ``Backlog``."""
        keys = [key_of(conversation_id, "lease"), key_of(conversation_id, "pending"), _WAITING]
        with redis_errors():
            head = await self._claim(keys=keys, args=[owner, lease_ms, conversation_id])
        return from_json(head, Turn) if head else None

    async def commit(self, turn: Turn, owner: str, events: Sequence[Event]) -> bool:
        """See ``Backlog``."""
        conversation_id = turn.conversation_id
        keys = [key_of(conversation_id, "lease"), key_of(conversation_id, "pending"), _WAITING]
        args: list[Any] = [*self._common, conversation_id, owner, to_json(turn), *map(to_json, events)]
        with redis_errors():
            keys += [key_of(conversation_id, "log"), *self._courier(conversation_id)]
            done = await self._commit(keys=keys, args=args)
        return bool(done)

    async def release(self, conversation_id: str, owner: str) -> None:
        """See ``Backlog``."""
        with redis_errors():
            await self._release(keys=[key_of(conversation_id, "lease")], args=[owner])

    async def waiting(self) -> list[str]:
        """See ``Backlog``."""
        with redis_errors():
            members = await self._redis.zrange(_WAITING, 0, -1)
        return [_text(member) for member in members]

    def _courier(self, conversation_id: str) -> list[str]:
        channel = conversation_id.partition("_")[0]
        return [outgoing_key(channel)] if channel in self._pushed else []


def outgoing_key(channel: str) -> str:
    """Return the key of the conversations that wait for the courier of ``channel``."""
    return f"nuanye:inbox:outgoing:{channel}"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def key_of(conversation_id: str, part: str) -> str:
    """Return the key of one part of a conversation; all its keys lie in one cluster slot."""
    return f"nuanye:inbox:{{{conversation_id}}}:{part}"
