"""A ``CallLedger`` in memory that can be unplugged."""

from __future__ import annotations

from casework.types import CallRecord
from core.errors import StorageError
from core.types import CallTask, Result


class MemoryLedger:
    """Remembers what it was told; refuses everything while ``down``."""

    def __init__(self) -> None:
        self.down = False
        self.refused: set[str] = set()
        self.begun: list[str] = []
        self.extended: list[str] = []
        self.saved: dict[str, tuple[CallRecord, Result]] = {}

    async def begin_attempt(self, task: CallTask, worker: str, *, lease_ms: int) -> bool:
        """See ``CallLedger``."""
        self._check()
        if task.task_id in self.refused or task.task_id in self.begun:
            return False
        self.begun.append(task.task_id)
        return True

    async def extend_lease(self, call_id: str, worker: str, *, lease_ms: int) -> None:
        """See ``CallLedger``."""
        self._check()
        self.extended.append(call_id)

    async def save_call(self, record: CallRecord, result: Result) -> None:
        """See ``CallLedger``."""
        self._check()
        self.saved.setdefault(record.call_id, (record, result))

    def _check(self) -> None:
        if self.down:
            raise StorageError("unplugged")
