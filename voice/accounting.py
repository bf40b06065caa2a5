"""Hands finished calls to the ledger, and does not let go of one before it has them."""

from __future__ import annotations

import asyncio

from casework.interfaces import CallLedger
from casework.types import CallRecord
from core.errors import QueueError, StorageError
from core.faults import reach
from core.interfaces import Queue
from core.logs import get_log
from core.types import CallTask, Result
from voice.spool import Spool, SpooledCall

_LOG = get_log("voice.accounting")

GROUP = "voice"
RETRY_S = 5.0


class Accounting:
    """Stores calls, then acknowledges their stream entries; retries both until they succeed."""

    def __init__(
        self, ledger: CallLedger, queue: Queue[CallTask], spool: Spool, *, retry_s: float = RETRY_S
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._spool = spool
        self._retry_s = retry_s
        self._homeless: dict[str, SpooledCall] = {}  # neither database nor disk would take them
        self._unacknowledged: set[str] = set()

    async def store(self, entry_id: str, record: CallRecord, result: Result) -> None:
        """Store a finished call, or keep it where it will be stored from."""
        call = SpooledCall(entry_id, record, result)
        try:
            await self._ledger.save_call(record, result)
        except StorageError as error:
            _LOG.warning("call_kept_for_later", call_id=record.call_id, code=error.code)
            self._keep(call)
            return
        reach("worker.stored")
        await self.acknowledge(entry_id)

    async def acknowledge(self, entry_id: str) -> None:
        """Mark a stream entry as done, now or when Redis is back."""
        if not entry_id:
            return
        try:
            await self._queue.ack(GROUP, entry_id)
            self._unacknowledged.discard(entry_id)
        except QueueError:
            self._unacknowledged.add(entry_id)

    async def retry(self) -> None:
        """Try once to store and acknowledge everything that is left over."""
        for entry_id in tuple(self._unacknowledged):
            await self.acknowledge(entry_id)
        for call in (*self._homeless.values(), *self._spool.waiting()):
            try:
                await self._ledger.save_call(call.record, call.result)
                self._spool.remove(call.record.call_id)
            except StorageError:
                return
            self._homeless.pop(call.record.call_id, None)
            _LOG.info("kept_call_stored", call_id=call.record.call_id)
            await self.acknowledge(call.entry_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Retry until ``stop``, and once more then."""
        while not stop.is_set():
            await self.retry()
            try:
                await asyncio.wait_for(stop.wait(), self._retry_s)
            except TimeoutError:
                continue
        await self.retry()
        for call in tuple(self._homeless.values()):
            self._keep(call)

    def _keep(self, call: SpooledCall) -> None:
        try:
            self._spool.put(call)
            self._homeless.pop(call.record.call_id, None)
        except StorageError as error:
            _LOG.error("call_kept_in_memory_only", call_id=call.record.call_id, code=error.code)
            self._homeless[call.record.call_id] = call
