"""The mark on a conversation in which the assistant is silent.

It lies in Redis beside the conversation's log (``nuanye:inbox:{…}:staff``), so that the inbox can heed
it without asking the database. The database is the truth: when Redis comes back empty, which the missing
key ``nuanye:handover:marks`` tells, the desk marks everything anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from redis.asyncio import Redis

from casework.handover.types import Contact
from connectors.redis_store import key_of
from core.codec import from_json, to_json
from core.streams import redis_errors

_KEEP_MS = 7 * 86_400_000
_WRITTEN = "nuanye:handover:marks"


class Phase(StrEnum):
    """What the silence is for. ``OVER`` is no silence: it remembers the turn with which it ended."""

    QUEUE = "queue"  # staff at the console have it, or it waits for them
    PLATFORM = "platform"  # a servicer of the platform has it
    TAKING = "taking"  # the door takes a message
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Mark:
    """``asked`` is the turn that asked for staff; ``last`` the newest turn that changed the mark.

    ``question`` and ``contact`` belong to a message being taken; ``note`` is what staff gave the
    assistant on the way; ``said`` the notice with which ``last`` was answered.
    """

    handover_id: str
    asked: str
    phase: Phase
    claimed: bool = False
    question: str = ""
    contact: Contact = Contact()
    last: str = ""
    said: str = ""
    note: str = ""


class Marks:
    """All of it raises ``QueueError``."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, conversation_id: str) -> Mark | None:
        """Return a conversation's mark."""
        with redis_errors():
            raw = await self._redis.get(key_of(conversation_id, "staff"))
        return from_json(raw, Mark) if raw else None

    async def put(self, conversation_id: str, mark: Mark) -> None:
        """Mark a conversation."""
        with redis_errors():
            await self._redis.set(key_of(conversation_id, "staff"), to_json(mark), px=_KEEP_MS)

    async def drop(self, conversation_id: str) -> None:
        """The assistant answers again."""
        with redis_errors():
            await self._redis.delete(key_of(conversation_id, "staff"))

    async def are_lost(self) -> bool:
        """Tell whether this Redis has never been marked, or has forgotten."""
        with redis_errors():
            return not await self._redis.exists(_WRITTEN)

    async def are_complete(self) -> None:
        """Everything is marked as the database has it."""
        with redis_errors():
            await self._redis.set(_WRITTEN, 1)
