"""Seams of the phone door. Audio is 16-bit mono PCM in 20 ms frames at ``CALL_RATE_HZ``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from core.types import AudioFrame, CallEvent, CallTask, Transcript

CALL_RATE_HZ = 8000
FRAME_MS = 20


class AudioTap(Protocol):
    """Listens to both legs of a call as they really sounded, e.g. a recorder. Must not block."""

    def heard(self, frame: AudioFrame) -> None:
        """Take what the far end sounded like during this frame; called every 20 ms, without gaps."""
        ...

    def sent(self, frame: AudioFrame) -> None:
        """Take speech of ours that really left now; not called while we are silent."""
        ...


class Call(Protocol):
    """One answered or still ringing call. All times are ms since the call object was made.

    ``tap`` may be set at any time; it hears every frame whether or not ``frames()`` is read.
    """

    tap: AudioTap | None

    def frames(self) -> AsyncIterator[AudioFrame]:
        """What the far end sends, in order, one frame per 20 ms, until the call ends.

        Starts with early media, if any. Gaps are concealed so that ``at_ms`` never jumps.
        """
        ...

    def events(self) -> AsyncIterator[CallEvent]:
        """Signalling and key presses, from dialling to the final ``hung_up``/``rejected``/``failed``."""
        ...

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """Queue audio for paced sending; return once its last frame was sent or it was cleared.

        Returns how many milliseconds of it were really sent.
        """
        ...

    def clear(self) -> None:
        """Drop all queued audio at once: at most one more frame leaves."""
        ...

    async def transfer(self, to: str, replacing: Call | None = None) -> bool:
        """Hand the far end over to another SIP address (REFER, RFC 3515); ``False`` if refused.

        With ``replacing``, an answered call of ours to that address, the far end takes our place in it.
        """
        ...

    async def hangup(self) -> None:
        """End the call from our side. Harmless when it has already ended."""
        ...


@runtime_checkable
class Pausable(Protocol):
    """A call whose playback can wait in mid-word."""

    def pause(self, paused: bool) -> None:
        """Send silence in place of what is queued, or go on with it."""
        ...


class CallTransport(Protocol):
    """Places calls."""

    def dial(self, task: CallTask) -> AbstractAsyncContextManager[Call]:
        """Start ringing; leaving the context hangs up and frees every port.

        Raises:
            CallError: the call could not even be started (bad address, no free port).
        """
        ...


class Recognizer(Protocol):
    """Hears. ``streaming`` engines yield partial transcripts while the speaker talks."""

    streaming: bool

    def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """Recognise one utterance: the frames from its onset to its end.

        ``hints`` are words that are likely here (districts, the callee's name). The last
        transcript is ``final``; nothing heard gives a final one with empty text.
        Raises ``EngineError``.
        """
        ...


class Synthesizer(Protocol):
    """Speaks."""

    def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """Render ``text`` as frames of 20 ms at ``CALL_RATE_HZ``. Raises ``EngineError``."""
        ...


class VoiceActivity(Protocol):
    """Tells speech from silence, statefully, one instance per leg."""

    def probability(self, frame: AudioFrame) -> float:
        """Return the speech probability (0–1) after this 20 ms frame."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...
