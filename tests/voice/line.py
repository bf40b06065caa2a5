"""A telephone line for unit tests: the test plays the far end, second by virtual second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from core.types import AudioFrame, CallEvent, CallTask
from voice.engines.scripted import silence, tone
from voice.interfaces import FRAME_MS, AudioTap
from voice.transport.playback import PlaybackQueue

FarEnd = Callable[["Line"], Awaitable[None]]


class Line:
    """``voice.interfaces.Call`` plus what the far end can do."""

    def __init__(self) -> None:
        self.tap: AudioTap | None = None
        self.hung_up = False
        self.sent_at: list[int] = []
        self.transferred: list[str] = []
        self.accepts_transfer = True
        self._said: list[tuple[int, int, str]] = []
        self._frames: asyncio.Queue[AudioFrame | None] = asyncio.Queue()
        self._events: asyncio.Queue[CallEvent | None] = asyncio.Queue()
        self._playback = PlaybackQueue()
        self._loud_until = 0
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._ticker = asyncio.create_task(self._tick())

    # the far end ----------------------------------------------------------------------------

    def now(self) -> int:
        """Milliseconds since dialling."""
        return round((self._loop.time() - self._origin) * 1000)

    async def wait(self, ms: int) -> None:
        """Let time pass."""
        await asyncio.sleep(ms / 1000)

    async def say(self, text: str, ms: int = 800) -> None:
        """Talk for ``ms``."""
        start = self.now()
        self._said.append((start, start + ms, text))
        self._loud_until = start + ms
        await self.wait(ms)

    async def bot_starts(self) -> None:
        """Wait until our side is speaking."""
        seen = len(self.sent_at)
        while len(self.sent_at) == seen:
            await self.wait(FRAME_MS)

    async def bot_finishes(self, pause_ms: int = 300) -> None:
        """Wait until our side has spoken and then kept silent for ``pause_ms``."""
        await self.bot_starts()
        while self.now() - self.sent_at[-1] < pause_ms:
            await self.wait(FRAME_MS)

    def event(self, kind: str, **detail: Any) -> None:
        """Signal something."""
        self._events.put_nowait(CallEvent(kind, self.now(), detail))

    def answer(self) -> None:
        """Pick up."""
        self.event("answered", code=200)

    def end(self, kind: str = "hung_up", **detail: Any) -> None:
        """End the call from the far end."""
        if not self.hung_up:
            self.hung_up = True
            self._ticker.cancel()
            self._playback.close()
            self.event(kind, **{"by": "far", "code": 0, "reason": "", **detail})
            self._events.put_nowait(None)
            self._frames.put_nowait(None)

    def words(self, start_ms: int, end_ms: int) -> str:
        """What was said in this stretch: the script of the recogniser."""
        return "".join(text for start, end, text in self._said if start < end_ms and end > start_ms)

    # the near end: voice.interfaces.Call ------------------------------------------------------

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """See ``Call``."""
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def events(self) -> AsyncIterator[CallEvent]:
        """See ``Call``."""
        while (event := await self._events.get()) is not None:
            yield event

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """See ``Call``."""
        return await self._playback.play(frames)

    def clear(self) -> None:
        """See ``Call``."""
        self._playback.clear()

    async def transfer(self, to: str) -> bool:
        """See ``Call``."""
        self.transferred.append(to)
        return self.accepts_transfer

    async def hangup(self) -> None:
        """See ``Call``."""
        self.end("hung_up", by="us")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(FRAME_MS / 1000)
            at_ms = self.now() - FRAME_MS
            if self._playback.next_frame() is not None:
                self.sent_at.append(at_ms)
            self._frames.put_nowait(tone(at_ms) if at_ms < self._loud_until else silence(at_ms))


class LineTransport:
    """``CallTransport`` whose far end is a coroutine of the test."""

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end
        self.line: Line | None = None

    @asynccontextmanager
    async def dial(self, task: CallTask) -> AsyncIterator[Line]:
        """See ``CallTransport``."""
        line = Line()
        self.line = line
        playing = asyncio.ensure_future(self._far_end(line))
        try:
            yield line
        finally:
            await line.hangup()
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
