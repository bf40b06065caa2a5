"""What happens to a message before the dialogue core sees it, while its sender is not kept waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.errors import NuanyeError
from core.types import Turn

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
