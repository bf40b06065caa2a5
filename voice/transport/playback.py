"""What waits to be said: a queue of playbacks, consumed one 20 ms frame per tick."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from core.errors import BadInput
from core.types import AudioFrame
from voice.interfaces import CALL_RATE_HZ, FRAME_MS

FRAME_BYTES = CALL_RATE_HZ * FRAME_MS // 1000 * 2


def chop(frames: Iterable[AudioFrame]) -> list[bytes]:
    """Cut audio of any frame length into 20 ms pieces; the last one is filled with silence.

    Raises:
        BadInput: a frame has another rate than the line.
    """
    pcm = bytearray()
    for frame in frames:
        if frame.rate_hz != CALL_RATE_HZ:
            raise BadInput(f"a call plays {CALL_RATE_HZ} Hz, not {frame.rate_hz} Hz")
        pcm += frame.pcm
    pcm += bytes(-len(pcm) % FRAME_BYTES)
    return [bytes(pcm[start : start + FRAME_BYTES]) for start in range(0, len(pcm), FRAME_BYTES)]


class _Playback:
    __slots__ = ("done", "frames", "sent")

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = deque(frames)
        self.sent = 0
        self.done = asyncio.Event()


class PlaybackQueue:
    """One leg's speech. ``next_frame`` is called by the clock, ``play`` by the conversation."""

    def __init__(self) -> None:
        self._waiting: deque[_Playback] = deque()
        self._closed = False
        self.paused = False

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """Queue; see ``voice.interfaces.Call.play``. A cancelled waiter takes its audio along."""
        playback = _Playback(chop(frames))
        if self._closed or not playback.frames:
            return 0
        self._waiting.append(playback)
        try:
            await playback.done.wait()
        finally:
            if playback in self._waiting:
                self._waiting.remove(playback)
        return playback.sent * FRAME_MS

    def next_frame(self) -> bytes | None:
        """Take the frame that is due now, ``None`` when nothing is to be said."""
        if not self._waiting or self.paused:
            return None
        playback = self._waiting[0]
        frame = playback.frames.popleft()
        playback.sent += 1
        if not playback.frames:
            self._waiting.popleft()
            playback.done.set()
        return frame

    def clear(self) -> None:
        """Drop everything; whoever waits learns how much was sent."""
        for playback in self._waiting:
            playback.done.set()
        self._waiting.clear()

    def close(self) -> None:
        """Drop everything and take no more."""
        self._closed = True
        self.clear()
