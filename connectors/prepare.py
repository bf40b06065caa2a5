"""What happens to a message before the dialogue core sees it, while its sender is not kept waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from connectors.types import Event
from core.errors import NuanyeError
from core.types import Answer, Turn

Prepare = Callable[[Turn], Awaitable[Turn]]
"""Finishes a turn, e.g. by hearing a voice message. Raises ``Unusable`` or ``NotReady``."""


class Unusable(NuanyeError):
    """Raised when a message cannot be understood at all: its sender reads ``text`` instead of an answer."""

    code = "inbox.unusable"

    def __init__(self, notice: str, text: str) -> None:
        super().__init__(notice)
        self.notice = notice
        self.text = text


class NotReady(NuanyeError):
    """Raised when a message cannot be prepared now but may be later."""

    code = "inbox.not_ready"


class StaffGate(Protocol):
    """What the inbox asks before and after each answer, where staff take conversations over."""

    async def hold(self, turn: Turn, ready: Turn) -> Turn | tuple[Event, ...]:
        """Return what the core is to answer, or what is said instead. Raises ``QueueError``."""
        ...

    async def heed(self, turn: Turn, answer: Answer) -> tuple[Answer, tuple[Event, ...]]:
        """Return as much of an answer as is shown, and what is said after it. Raises ``QueueError``."""
        ...
