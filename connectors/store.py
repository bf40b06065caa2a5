"""Where the inbox keeps its backlog and the conversations' logs: the protocols and a fake in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.types import Event, Limits, LogPage, Verdict
from core.clock import Clock
from core.types import Turn


class EventLog(Protocol):
    """What was said in each conversation, in order, readable after any cursor."""

    async def append(self, conversation_id: str, events: Sequence[Event]) -> None:
        """Add entries and wake the readers. Raises ``QueueError``."""
        ...

    async def append_once(self, conversation_id: str, key: str, events: Sequence[Event]) -> bool:
        """Add entries unless that was done under this ``key`` within the last day: ``False``."""
        ...

    async def since(self, conversation_id: str, cursor: str) -> LogPage:
        """Return what follows ``cursor``. Raises ``BadInput`` for a malformed cursor."""
        ...

    def wakeups(self) -> AsyncIterator[str]:
        """Yield the id of each conversation whose log or backlog changed, in any process."""
        ...


class Backlog(Protocol):
    """Turns that wait for an answer, one conversation in order, one process at a time."""

    async def accept(self, turn: Turn, user_id: str, echo: Event | None) -> Verdict:
        """Take the turn and log ``echo``, or say why not; all or nothing. Raises ``QueueError``."""
        ...

    async def claim(self, conversation_id: str, owner: str, lease_ms: int) -> Turn | None:
        """Take or renew the conversation's lease and return its oldest turn.

        ``None``: somebody else holds the lease, or nothing waits (the lease is given back then).
        """
        ...

    async def commit(self, turn: Turn, owner: str, events: Sequence[Event]) -> bool:
        """Remove the answered turn and log its answer in one step; ``False`` if the lease was lost."""
        ...

    async def release(self, conversation_id: str, owner: str) -> None:
        """Give the lease back so that another process can go on at once."""
        ...

    async def waiting(self) -> list[str]:
        """Return the conversations that have unanswered turns."""
        ...


class Store(EventLog, Backlog, Protocol):
    """Both halves; they share one store because ``accept`` and ``commit`` touch both at once."""


@dataclass(slots=True)
class _Conversation:
    seen: set[str] = field(default_factory=set)
    pending: list[Turn] = field(default_factory=list)
    log: list[Event] = field(default_factory=list)
    owner: str = ""
    lease_until: float = 0.0


class MemoryStore:
    """``Store`` in one process's memory, for unit tests."""

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._conversations: dict[str, _Conversation] = {}
        self._rates: dict[str, tuple[float, int]] = {}
        self._listeners: list[asyncio.Queue[str]] = []

    async def append(self, conversation_id: str, events: Sequence[Event]) -> None:
        """See ``EventLog``."""
        log = self._of(conversation_id).log
        for event in events:
            log.append(replace(event, id=f"{len(log) + 1}-0"))
        self._wake(conversation_id)

    async def append_once(self, conversation_id: str, key: str, events: Sequence[Event]) -> bool:
        """See ``EventLog``."""
        seen = self._of(conversation_id).seen
        if key in seen:
            return False
        seen.add(key)
        await self.append(conversation_id, events)
        return True

    async def since(self, conversation_id: str, cursor: str) -> LogPage:
        """See ``EventLog``."""
        conversation = self._of(conversation_id)
        events = tuple(conversation.log[int(cursor.split("-")[0]) :])
        return LogPage(events, events[-1].id if events else cursor, len(conversation.pending))

    async def wakeups(self) -> AsyncIterator[str]:
        """See ``EventLog``."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    async def accept(self, turn: Turn, user_id: str, echo: Event | None) -> Verdict:
        """See ``Backlog``."""
        limits = self._limits
        conversation = self._of(turn.conversation_id)
        if turn.message_id in conversation.seen:
            return Verdict.REPEAT
        if not conversation.pending and len(await self.waiting()) >= limits.waiting_conversations:
            return Verdict.BUSY
        if len(conversation.pending) >= limits.pending_per_conversation:
            return Verdict.CROWDED
        if self._too_fast(user_id):
            return Verdict.RATE_LIMITED
        conversation.seen.add(turn.message_id)
        conversation.pending.append(turn)
        await self.append(turn.conversation_id, [echo] if echo else [])
        return Verdict.ACCEPTED

    async def claim(self, conversation_id: str, owner: str, lease_ms: int) -> Turn | None:
        """See ``Backlog``."""
        conversation = self._of(conversation_id)
        now = self._clock.monotonic_ms()
        if conversation.owner not in {"", owner} and now < conversation.lease_until:
            return None
        conversation.owner = owner if conversation.pending else ""
        conversation.lease_until = now + lease_ms
        return conversation.pending[0] if conversation.pending else None

    async def commit(self, turn: Turn, owner: str, events: Sequence[Event]) -> bool:
        """See ``Backlog``."""
        conversation = self._of(turn.conversation_id)
        head = conversation.pending[0].message_id if conversation.pending else ""
        if conversation.owner != owner or head != turn.message_id:
            return False
        conversation.pending.pop(0)
        await self.append(turn.conversation_id, events)
        return True

    async def release(self, conversation_id: str, owner: str) -> None:
        """See ``Backlog``."""
        conversation = self._of(conversation_id)
        if conversation.owner == owner:
            conversation.owner = ""

    async def waiting(self) -> list[str]:
        """See ``Backlog``."""
        return [key for key, value in self._conversations.items() if value.pending]

    def _of(self, conversation_id: str) -> _Conversation:
        return self._conversations.setdefault(conversation_id, _Conversation())

    def _wake(self, conversation_id: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(conversation_id)

    def _too_fast(self, user_id: str) -> bool:
        now = self._clock.monotonic_ms()
        started, count = self._rates.get(user_id, (now, 0))
        if now - started >= self._limits.window_ms:
            started, count = now, 0
        self._rates[user_id] = (started, count + 1)
        return count >= self._limits.messages_per_window
