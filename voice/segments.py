"""One utterance on its way from frames to text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from core.types import AudioFrame, Transcript
from voice.endpointing import SpeechEnded

# Recognisers want a little air behind the last word, not the whole wait for it.
_TAIL_MS = 200


@dataclass(slots=True)
class Segment:
    """One utterance on its way to text."""

    start_ms: int
    frames: list[AudioFrame]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    ended: SpeechEnded | None = None
    decided_ms: int = 0
    partial: str = ""
    guessed: str = ""  # the partial text that a guess was made of
    paused_ms: int = 0  # since when they have been silent; 0: they talk
    early: Transcript | None = None  # an utterance recogniser's text, got in a pause …
    early_ms: int = 0  # … and when it was there
    task: asyncio.Task[None] | None = None
    limit: asyncio.Timeout | None = None

    @property
    def pending(self) -> bool:
        """Whether the words up to this pause are still being recognised by an utterance recogniser."""
        return bool(self.paused_ms) and self.early is None and self.task is not None and not self.partial

    def go_on(self) -> None:
        """What was recognised in a pause is not all of it: forget it."""
        if self.task is not None:
            self.task.cancel()
        self.task, self.early, self.partial = None, None, ""

    async def stream(self) -> AsyncIterator[AudioFrame]:
        """Yield the frames as they arrive, until the utterance has ended."""
        position = 0
        while True:
            while position < len(self.frames):
                yield self.frames[position]
                position += 1
            if self.ended is not None:
                return
            self.arrived.clear()
            await self.arrived.wait()

    def replay(self) -> AsyncIterator[AudioFrame]:
        """Yield what was said up to now, with a little air behind its end."""
        last = self.ended.end_ms + _TAIL_MS if self.ended is not None else self.frames[-1].at_ms
        return replayed(tuple(frame for frame in self.frames if frame.at_ms <= last))


async def replayed(frames: tuple[AudioFrame, ...]) -> AsyncIterator[AudioFrame]:
    """Yield ``frames``."""
    for frame in frames:
        yield frame
