"""Carries stored results to the stream, in order, at least once, and promptly.

A row is published first and marked after. A crash between the two would publish it twice, so the
publishing script remembers each ``result_id`` for a day and answers a repeat with the first entry.
The same script appends to the stream of the person's district, and a correction to that of corrections:
an entry is in all or in none. A batch costs one trip to Redis and one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from casework.outbox import OutboxRow
from casework.routing import district_of, stream_of
from casework.store import Store
from core.errors import QueueError, StorageError
from core.faults import reach
from core.logs import get_log
from core.metrics import RESULTS_RELAYED
from core.streams import CORRECTIONS_STREAM, RESULTS_STREAM, redis_errors

POLL_S = 0.15
MAX_BACKOFF_S = 5.0
MEMORY_S = 86_400
MAX_STREAM_LENGTH = 1_000_000

# One call for a batch: when an entry is refused, nothing after it is written, so order holds. KEYS: the
# stream, the corrections' stream, then two of each result; ARGV: length, memory, which of them are
# corrections, then each result. The field name is the one that core.streams reads.
_PUBLISH = """
local entries, corrections = {}, {}
for index in string.gmatch(ARGV[3], '%d+') do corrections[tonumber(index)] = true end
for i = 1, #ARGV - 3 do
  local seen, district, json = KEYS[2 * i + 1], KEYS[2 * i + 2], ARGV[i + 3]
  local known = redis.call('GET', seen)
  if not known then
    known = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'json', json)
    redis.call('XADD', district, 'MAXLEN', '~', ARGV[1], '*', 'json', json)
    if corrections[i] then
      redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'json', json)
    end
    redis.call('SET', seen, known, 'EX', ARGV[2])
  end
  entries[i] = known
end
return table.concat(entries, ' ')
"""

_log = get_log("relay")


class Relay:
    """One relay. Several may run at once: the stream still gets every result once, in order."""

    def __init__(self, store: Store, redis: Redis, *, stream: str = RESULTS_STREAM) -> None:
        self._store = store
        self._redis = redis
        self._stream = stream
        self._script = redis.register_script(_PUBLISH)
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
            reach("relay.read")
            entries = await self._publish(rows)
            reach("relay.published")
            await self._store.mark_published(dict(zip((row.row_id for row in rows), entries, strict=True)))
            reach("relay.marked")
            RESULTS_RELAYED.inc(len(rows))
            count += len(rows)
        return count

    async def _publish(self, rows: Sequence[OutboxRow]) -> list[str]:
        seen = f"{self._stream}:seen:"
        keys = [self._stream, CORRECTIONS_STREAM]
        for row in rows:
            keys += (seen + row.result.result_id, stream_of(district_of(row.result)))
        corrections = (str(place) for place, row in enumerate(rows, 1) if row.result.kind == "correction")
        values: list[Any] = [
            MAX_STREAM_LENGTH,
            MEMORY_S,
            " ".join(corrections),
            *(row.document for row in rows),
        ]
        with redis_errors():
            reply: Any = await self._script(keys=keys, args=values)
        entries = reply.decode() if isinstance(reply, bytes) else str(reply)
        return entries.split(" ")

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
