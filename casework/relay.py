"""Carries stored results to the stream, in order, at least once, and promptly.

A row is published first and marked after. A crash between the two would publish it twice, so the
publishing script remembers each ``result_id`` for a day and answers a repeat with the first entry.
The same script appends to the stream of the person's district: an entry is in both or in none.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from casework.routing import district_of, stream_of
from casework.store import Store
from core.codec import to_json
from core.errors import QueueError, StorageError
from core.logs import get_log
from core.metrics import RESULTS_RELAYED
from core.streams import RESULTS_STREAM, redis_errors
from core.types import Result

POLL_S = 0.15
MAX_BACKOFF_S = 5.0
MEMORY_S = 86_400
MAX_STREAM_LENGTH = 1_000_000

# The field name is the one that core.streams reads.
_PUBLISH = """
local known = redis.call('GET', KEYS[2])
if known then return known end
local entry = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'json', ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'json', ARGV[1])
redis.call('SET', KEYS[2], entry, 'EX', ARGV[3])
return entry
"""

_log = get_log("relay")


class Relay:
    """One relay. Several may run at once: the stream still gets every result once, in order."""

    def __init__(self, store: Store, redis: Redis, *, stream: str = RESULTS_STREAM) -> None:
        self._store = store
        self._redis = redis
        self._stream = stream
        self._verified = False

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until ``stop``; an outage of Redis or the database is waited out."""
        backoff = 0.0
        while not stop.is_set():
            try:
                await self.relay_waiting()
                backoff = 0.0
            except (QueueError, StorageError) as error:
                self._verified = False
                backoff = min(MAX_BACKOFF_S, backoff * 2 or POLL_S)
                _log.warning("relay_waits", code=error.code, seconds=round(backoff, 2))
            await _pause(stop, backoff or POLL_S)

    async def relay_waiting(self) -> int:
        """Publish everything that waits; return how many rows. Raises ``QueueError``, ``StorageError``."""
        if not self._verified:
            await self._republish_lost()
            self._verified = True
        count = 0
        while rows := await self._store.waiting_results():
            for row in rows:
                entry_id = await self._publish(row.result)
                await self._store.mark_published(row.row_id, entry_id)
                RESULTS_RELAYED.inc()
            count += len(rows)
        return count

    async def _publish(self, result: Result) -> str:
        with redis_errors():
            reply: Any = await self._redis.eval(
                _PUBLISH,
                3,
                self._stream,
                f"{self._stream}:seen:{result.result_id}",
                stream_of(district_of(result)),
                to_json(result),
                MAX_STREAM_LENGTH,
                MEMORY_S,
            )
        return reply.decode() if isinstance(reply, bytes) else str(reply)

    async def _republish_lost(self) -> None:
        """After a new connection: results that Redis took and then lost are sent again."""
        with redis_errors():
            try:
                info: Any = await self._redis.xinfo_stream(self._stream)
            except ResponseError:  # no such stream
                info = {}
        last = info.get("last-generated-id", b"0-0")
        lost = await self._store.published_after(last.decode() if isinstance(last, bytes) else str(last))
        if lost:
            _log.warning("stream_lost_its_end", rows=len(lost))
            await self._store.publish_again(lost)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
