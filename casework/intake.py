"""Reads the districts' answers from their stream into the database."""

from __future__ import annotations

import asyncio

from casework.store import Store
from core.codec import to_json
from core.errors import BadInput, QueueError, StorageError
from core.faults import reach
from core.logs import get_log
from core.streams import RedisStreamQueue
from core.types import Feedback

GROUP = "casework"
STALE_MS = 60_000
_WAIT_S = 2.0

_log = get_log("intake")


class Intake:
    """One reader. Several may run: an answer is stored once, whoever reads it."""

    def __init__(self, store: Store, queue: RedisStreamQueue[Feedback], consumer: str) -> None:
        self._store = store
        self._queue = queue
        self._consumer = consumer

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``; an outage is waited out, nothing is acknowledged that is not stored."""
        while not stop.is_set():
            try:
                await self.take(block_ms=1000)
            except (QueueError, StorageError) as error:
                _log.warning("feedback_waits", code=error.code)
                await asyncio.sleep(_WAIT_S)

    async def take(self, *, block_ms: int = 0) -> int:
        """Store what has come, also what another reader left; return how many entries were settled."""
        entries = await self._queue.claim_stale(GROUP, self._consumer, idle_ms=STALE_MS, count=100)
        entries += await self._queue.read(GROUP, self._consumer, count=100, block_ms=block_ms)
        for entry_id, feedback in entries:
            try:
                await self._store.save_feedback(feedback)
                reach("intake.stored")
            except BadInput as error:
                _log.warning("feedback_refused", entry=entry_id, reason=str(error))
                await self._queue.bury(GROUP, entry_id, to_json(feedback), str(error))
                continue
            await self._queue.ack(GROUP, entry_id)
        return len(entries)
