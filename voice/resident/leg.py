"""What a resident needs of a telephone line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from core.types import AudioFrame, CallEvent


class Leg(Protocol):
    """What a resident needs of ``voice.transport.uas.IncomingLeg``."""

    def ring(self, reason: str = "") -> None:
        """Send 180."""
        ...

    async def early_media(self) -> None:
        """Send 183; what is played now is heard before the answer."""
        ...

    async def answer(self) -> None:
        """Send 200."""
        ...

    def decline(self, code: int = 603, reason: str = "") -> None:
        """Refuse."""
        ...

    async def press(self, digit: str) -> None:
        """Press a key."""
        ...

    def frames(self) -> AsyncIterator[AudioFrame]:
        """What the bot says, as ``voice.interfaces.Call.frames``."""
        ...

    def events(self) -> AsyncIterator[CallEvent]:
        """As ``voice.interfaces.Call.events``."""
        ...

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """As ``voice.interfaces.Call.play``."""
        ...

    async def hangup(self) -> None:
        """As ``voice.interfaces.Call.hangup``."""
        ...
