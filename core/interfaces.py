"""Protocols that more than one package relies on; the implementations' homes are in DESIGN."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from core.types import Answer, Turn

T = TypeVar("T")


class Dialogue(Protocol):
    """The conversation core, as a door sees it."""

    async def respond(self, turn: Turn) -> Answer:
        """Answer one turn. A repeated ``message_id`` gets the first answer again.

        Raises:
            DialogueUnavailable: the core cannot be reached.
            DialogueError: the core failed on this turn.
            BadInput: the core refused the turn.
        """
        ...


@runtime_checkable
class ForesightedDialogue(Dialogue, Protocol):
    """A core that can be asked what it would answer, so that the answer is ready when a turn ends."""

    async def prepare(self, turn: Turn) -> Answer:
        """Answer ``turn`` without a trace in the conversation. Raises what ``respond`` raises.

        ``respond`` with the same ``message_id`` and words then commits this answer; with other words
        it is forgotten.
        """
        ...


class Queue(Protocol[T]):
    """At-least-once delivery to one of several consumers in a named group."""

    async def publish(self, item: T) -> str:
        """Append ``item`` and return its entry id. Raises ``QueueError``."""
        ...

    async def read(
        self, group: str, consumer: str, *, count: int = 1, block_ms: int = 1000
    ) -> list[tuple[str, T]]:
        """Take up to ``count`` new entries; an empty list after ``block_ms`` without any."""
        ...

    async def ack(self, group: str, entry_id: str) -> None:
        """Mark an entry as done for ``group``."""
        ...

    async def claim_stale(
        self, group: str, consumer: str, *, idle_ms: int, count: int = 10
    ) -> list[tuple[str, T]]:
        """Take over entries that another consumer took at least ``idle_ms`` ago and did not ack."""
        ...
