"""What the doors may ask of casework. Implemented by ``casework.store.Store`` (SQL)."""

from __future__ import annotations

from typing import Protocol

from casework.types import CallRecord
from core.types import CallTask, Result


class CallLedger(Protocol):
    """Where a voice worker accounts for its attempts. Every method may be repeated harmlessly."""

    async def begin_attempt(self, task: CallTask, worker: str, *, lease_ms: int) -> bool:
        """Claim the attempt for ``worker``.

        ``False`` when it must not be dialled: already claimed or ended, past ``not_after``, or the
        person has opted out since. Raises ``StorageError``.
        """
        ...

    async def extend_lease(self, call_id: str, worker: str, *, lease_ms: int) -> None:
        """Say that the call is still alive; an attempt whose lease lapses ends as interrupted."""
        ...

    async def save_call(self, record: CallRecord, result: Result) -> None:
        """Store call and outbox row in one transaction. Raises ``StorageError``."""
        ...


class ResultLedger(Protocol):
    """Where a chat door hands in what a conversation produced."""

    async def save_result(self, result: Result) -> None:
        """Store the result and its outbox row in one transaction, once per ``result_id``."""
        ...
