"""A ledger that shows each call once it is stored."""

from __future__ import annotations

from collections.abc import Callable

from casework.interfaces import CallLedger
from casework.types import CallRecord
from core.types import CallTask, Result


class Witness:
    """``casework.interfaces.CallLedger`` in front of another one; ``stored`` is told of every call."""

    def __init__(self, ledger: CallLedger, stored: Callable[[CallRecord], None]) -> None:
        self._ledger = ledger
        self._stored = stored

    async def begin_attempt(self, task: CallTask, worker: str, *, lease_ms: int) -> bool:
        """See ``CallLedger``."""
        return await self._ledger.begin_attempt(task, worker, lease_ms=lease_ms)

    async def extend_lease(self, call_id: str, worker: str, *, lease_ms: int) -> None:
        """See ``CallLedger``."""
        await self._ledger.extend_lease(call_id, worker, lease_ms=lease_ms)

    async def save_call(self, record: CallRecord, result: Result) -> None:
        """See ``CallLedger``."""
        await self._ledger.save_call(record, result)
        self._stored(record)
