"""What the doors have to tell the database about handovers, by way of a stream that survives a restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from redis.asyncio import Redis

from casework.handover.types import (
    Contact,
    Handover,
    HandoverEnd,
    HandoverLine,
    HandoverRequest,
    PendingLine,
)
from core.errors import QueueError, StorageError
from core.ids import new_id
from core.logs import get_log
from core.streams import HANDOVER_STREAM, RedisStreamQueue, redis_errors

_log = get_log("handover")

FACTS_STREAM = "nuanye:chat:handovers"
_GROUP = "ledger"
_STALE_MS = 10_000
_NEWS_LENGTH = 1_000


class HandoverLedger(Protocol):
    """What the doors ask of the database. Every method raises ``StorageError``."""

    async def ask_for_staff(self, request: HandoverRequest) -> bool: ...
    async def claim_handover(self, handover_id: str, staff: str) -> bool: ...
    async def put_back(self, handover_id: str, staff: str = "") -> bool: ...
    async def take_message(self, handover_id: str) -> bool: ...
    async def leave_task(self, handover_id: str, contact: Contact) -> bool: ...
    async def end_handover(
        self, handover_id: str, end: HandoverEnd, *, staff: str = "", note: str = ""
    ) -> bool: ...
    async def heed(self, handover_id: str, version: int) -> None: ...
    async def note_delivery(self, line_id: str, delivery: str) -> None: ...
    async def pending_lines(self, limit: int = 100) -> tuple[PendingLine, ...]: ...
    async def handovers_for_doors(self) -> tuple[Handover, ...]: ...
    async def copy_lines(self, handover_id: str, copied: list[HandoverLine], cursor: str) -> None: ...


class FactKind(StrEnum):
    """What happened at a door."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    NOBODY = "nobody"  # a message is being taken
    LEFT = "left"  # the message is complete
    PLATFORM = "platform"  # a servicer of the platform has the session
    ENDED = "ended"  # that session is over
    DELIVERY = "delivery"  # what became of a line


@dataclass(frozen=True, slots=True)
class Fact:
    """One of them; ``subject`` is the handover's id, or the line's."""

    kind: FactKind
    subject: str
    request: HandoverRequest | None = None
    contact: Contact | None = None
    detail: str = ""


async def ring(redis: Redis, handover_id: str) -> None:
    """Tell open consoles and doors that a handover has changed. Raises ``QueueError``."""
    with redis_errors():
        await redis.xadd(HANDOVER_STREAM, {"id": handover_id}, maxlen=_NEWS_LENGTH, approximate=True)


class Facts:
    """Publishes facts and, in ``step``, moves them into the database."""

    def __init__(self, redis: Redis, ledger: HandoverLedger) -> None:
        self._redis = redis
        self._ledger = ledger
        self._queue = RedisStreamQueue(redis, FACTS_STREAM, Fact)
        self._consumer = new_id("con")
        # What was taken and not yet saved is not taken again before it is.
        self._taken: list[tuple[str, Fact]] = []

    async def publish(self, fact: Fact) -> None:
        """Note a fact. Raises ``QueueError``."""
        await self._queue.publish(fact)

    async def run(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Move facts until cancelled; ``pause`` is awaited when the database or Redis is away."""
        while True:
            try:
                await self.step()
            except (QueueError, StorageError) as error:
                _log.error("handover_not_saved", code=error.code, reason=str(error))
                await pause()

    async def step(self, *, block_ms: int = 1_000, stale_ms: int = _STALE_MS) -> int:
        """Save what is there and return how many; first what another attempt left unfinished."""
        if not self._taken:
            self._taken = await self._queue.claim_stale(_GROUP, self._consumer, idle_ms=stale_ms)
        if not self._taken:
            self._taken = await self._queue.read(_GROUP, self._consumer, count=10, block_ms=block_ms)
        done = 0
        while self._taken:
            entry_id, fact = self._taken[0]
            await self._save(fact)
            await self._queue.ack(_GROUP, entry_id)
            del self._taken[0]
            done += 1
            await ring(self._redis, fact.subject)
        return done

    async def _save(self, fact: Fact) -> None:
        ledger = self._ledger
        match fact.kind:
            case FactKind.ASKED if fact.request is not None:
                await ledger.ask_for_staff(fact.request)
            case FactKind.WITHDRAWN:
                await ledger.end_handover(fact.subject, HandoverEnd.WITHDRAWN)
            case FactKind.NOBODY:
                await ledger.take_message(fact.subject)
            case FactKind.LEFT:
                await ledger.leave_task(fact.subject, fact.contact or Contact())
            case FactKind.PLATFORM:
                await ledger.claim_handover(fact.subject, fact.detail)
            case FactKind.ENDED:
                await ledger.end_handover(fact.subject, HandoverEnd.ELSEWHERE)
            case FactKind.DELIVERY:
                await ledger.note_delivery(fact.subject, fact.detail)
