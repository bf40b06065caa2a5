"""``Queue`` over Redis Streams, and the in-memory fake that satisfies the same contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from core.clock import Clock, SystemClock
from core.codec import from_json, to_json
from core.errors import BadInput, QueueError

T = TypeVar("T")

CALLS_STREAM = "nuanye:calls"
RESULTS_STREAM = "nuanye:results"
CORRECTIONS_STREAM = "nuanye:corrections"
FEEDBACK_STREAM = "nuanye:feedback"
HANDOVER_STREAM = "nuanye:handover"  # ids of handovers that have changed; only news, the database knows
DEAD = ":dead"  # what a stream's name ends in for entries that nobody could use

_FIELD = b"json"


class RedisStreamQueue(Generic[T]):
    """One stream of JSON documents of one type.

    An entry that cannot be decoded is moved to ``<stream>:dead`` with its reason, so that one bad
    producer cannot stop a consumer.
    """

    def __init__(self, redis: Redis, stream: str, kind: type[T], *, max_length: int = 1_000_000) -> None:
        self._redis = redis
        self._stream = stream
        self._kind = kind
        self._max_length = max_length
        self._groups: set[str] = set()

    async def publish(self, item: T) -> str:
        """Append ``item``; see ``core.interfaces.Queue``."""
        with redis_errors():
            entry = await self._redis.xadd(
                self._stream, {_FIELD: to_json(item)}, maxlen=self._max_length, approximate=True
            )
        return _text(entry)

    async def read(
        self, group: str, consumer: str, *, count: int = 1, block_ms: int = 1000
    ) -> list[tuple[str, T]]:
        """Take new entries; see ``core.interfaces.Queue``."""
        with redis_errors():
            try:
                reply = await self._take(group, consumer, count, block_ms)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._groups.discard(group)  # Redis came back empty: the group must be made again
                reply = await self._take(group, consumer, count, block_ms)
        return await self._decode(group, _entries(reply))

    async def ack(self, group: str, entry_id: str) -> None:
        """Mark an entry as done."""
        with redis_errors():
            await self._redis.xack(self._stream, group, entry_id)

    async def bury(self, group: str, entry_id: str, payload: bytes, reason: str) -> None:
        """Move an entry that cannot be used to ``<stream>:dead``; ``nuanye results dead`` shows it."""
        letter: dict[Any, Any] = {_FIELD: payload, b"reason": reason, b"entry": entry_id, b"group": group}
        with redis_errors():
            await self._redis.xadd(f"{self._stream}{DEAD}", letter, maxlen=100_000)
        await self.ack(group, entry_id)

    async def claim_stale(
        self, group: str, consumer: str, *, idle_ms: int, count: int = 10
    ) -> list[tuple[str, T]]:
        """Take over entries whose consumer fell silent."""
        with redis_errors():
            await self._ensure_group(group)
            reply = await self._redis.xautoclaim(
                self._stream, group, consumer, min_idle_time=idle_ms, count=count
            )
        return await self._decode(group, [(i, f) for i, f in reply[1] if f])

    async def _take(self, group: str, consumer: str, count: int, block_ms: int) -> Any:
        await self._ensure_group(group)
        return await self._redis.xreadgroup(
            group, consumer, {self._stream: ">"}, count=count, block=block_ms if block_ms > 0 else None
        )

    async def _ensure_group(self, group: str) -> None:
        if group in self._groups:
            return
        try:
            await self._redis.xgroup_create(self._stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._groups.add(group)

    async def _decode(self, group: str, entries: list[tuple[Any, dict[Any, Any]]]) -> list[tuple[str, T]]:
        decoded: list[tuple[str, T]] = []
        for raw_id, fields in entries:
            entry_id = _text(raw_id)
            payload = fields.get(_FIELD, fields.get(_FIELD.decode(), b""))
            try:
                decoded.append((entry_id, from_json(payload, self._kind)))
            except BadInput as error:
                await self.bury(group, entry_id, payload, str(error))
        return decoded


def _entries(reply: Any) -> list[tuple[Any, dict[Any, Any]]]:
    """Flatten XREADGROUP's answer, a mapping under RESP3 and a list of pairs under RESP2."""
    if not reply:
        return []
    blocks = list(reply.values()) if isinstance(reply, dict) else [entries for _, entries in reply]
    flat: list[tuple[Any, dict[Any, Any]]] = []
    for block in blocks:
        for item in block:
            if item and isinstance(item[0], list | tuple):
                flat.extend((i, f) for i, f in item if f)
            elif item and item[1]:
                flat.append((item[0], item[1]))
    return flat


class MemoryQueue(Generic[T]):
    """``Queue`` in one process's memory, for unit tests and single-process tools."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._entries: list[T] = []
        self._next: dict[str, int] = {}
        self._pending: dict[str, dict[str, tuple[str, float]]] = {}
        self._arrival = asyncio.Event()

    async def publish(self, item: T) -> str:
        """Append ``item``; the entry id is its position."""
        self._entries.append(item)
        self._arrival.set()
        return str(len(self._entries) - 1)

    async def read(
        self, group: str, consumer: str, *, count: int = 1, block_ms: int = 1000
    ) -> list[tuple[str, T]]:
        """Take new entries, waiting up to ``block_ms`` for the first."""
        if self._next.get(group, 0) >= len(self._entries) and block_ms > 0:
            self._arrival.clear()
            try:
                await asyncio.wait_for(self._arrival.wait(), block_ms / 1000)
            except TimeoutError:
                return []
        start = self._next.get(group, 0)
        taken = self._entries[start : start + count]
        self._next[group] = start + len(taken)
        now = self._clock.monotonic_ms()
        pending = self._pending.setdefault(group, {})
        result = [(str(start + offset), item) for offset, item in enumerate(taken)]
        pending.update({entry_id: (consumer, now) for entry_id, _ in result})
        return result

    async def ack(self, group: str, entry_id: str) -> None:
        """Mark an entry as done."""
        self._pending.get(group, {}).pop(entry_id, None)

    async def claim_stale(
        self, group: str, consumer: str, *, idle_ms: int, count: int = 10
    ) -> list[tuple[str, T]]:
        """Take over entries whose consumer fell silent."""
        now = self._clock.monotonic_ms()
        pending = self._pending.setdefault(group, {})
        stale = [key for key, (_, at) in pending.items() if now - at >= idle_ms][:count]
        pending.update({key: (consumer, now) for key in stale})
        return [(key, self._entries[int(key)]) for key in stale]


async def newest_entry(redis: Redis, stream: str) -> str:
    """Return the id of a stream's newest entry, ``0`` when it is empty. Raises ``QueueError``."""
    with redis_errors():
        newest = await redis.xrevrange(stream, count=1)
    return _text(newest[0][0]) if newest else "0"


async def read_from(redis: Redis, stream: str, after: str) -> AsyncIterator[tuple[str, bytes]]:
    """Yield ``(entry id, JSON)`` of every entry after ``after`` for ever, without a consumer group.

    ``after`` is an entry id, ``0`` for the beginning or ``$`` for what arrives from now on.
    Raises ``QueueError``.
    """
    if after == "$":
        after = await newest_entry(redis, stream)
    while True:
        with redis_errors():
            reply = await redis.xread({stream: after}, count=100, block=1000)
        for raw_id, fields in _entries(reply):
            after = _text(raw_id)
            yield after, fields.get(_FIELD, fields.get(_FIELD.decode(), b""))


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what the Redis client raises into ``QueueError``."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueError(
            f"Redis refused or could not be reached ({type(error).__name__})", hint="nuanye doctor"
        ) from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
