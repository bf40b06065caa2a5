"""Engines without models: for unit tests, load tests and machines without speech."""

from __future__ import annotations

import math
from array import array
from collections.abc import AsyncIterator, Callable

from core.types import AudioFrame, Transcript
from voice.interfaces import CALL_RATE_HZ, FRAME_MS

_SAMPLES = CALL_RATE_HZ * FRAME_MS // 1000
_LOUD = 12_000
_EDGE = 500.0  # root mean square above which a frame is speech


def tone(at_ms: int = 0, hz: int = 200) -> AudioFrame:
    """One frame of a clearly audible tone; ``hz`` is a multiple of 50, so frames join smoothly."""
    step = 2 * math.pi * hz / CALL_RATE_HZ
    pcm = array("h", (int(_LOUD * math.sin(step * index)) for index in range(_SAMPLES)))
    return AudioFrame(pcm.tobytes(), CALL_RATE_HZ, at_ms)


def silence(at_ms: int = 0) -> AudioFrame:
    """One frame of silence."""
    return AudioFrame(bytes(_SAMPLES * 2), CALL_RATE_HZ, at_ms)


class EnergyVad:
    """``VoiceActivity`` by loudness: enough for tones, not for people."""

    def probability(self, frame: AudioFrame) -> float:
        """Return 1.0 for a loud frame, 0.0 for a quiet one."""
        samples = array("h", frame.pcm)
        power = sum(sample * sample for sample in samples) / max(1, len(samples))
        return 1.0 if power > _EDGE * _EDGE else 0.0

    def reset(self) -> None:
        """Nothing is remembered."""


class ToneSynthesizer:
    """``Synthesizer`` that hums for as long as the text would take to say."""

    name = "tone"

    def __init__(self, ms_per_char: int = 160) -> None:
        self._ms_per_char = ms_per_char

    async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """Yield one frame per 20 ms of speech."""
        for index in range(max(1, len(text) * self._ms_per_char // FRAME_MS)):
            yield tone(index * FRAME_MS)


class ScriptedRecognizer:
    """``Recognizer`` that is told what was said: ``script(start_ms, end_ms)`` returns the words.

    The two times are those of the first and the last loud frame. A streaming one yields a partial
    transcript after every loud frame.
    """

    def __init__(self, script: Callable[[int, int], str], *, streaming: bool = False) -> None:
        self.streaming = streaming
        self.hints: list[tuple[str, ...]] = []
        self._script = script

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``voice.interfaces.Recognizer``."""
        self.hints.append(hints)
        activity = EnergyVad()
        start: int | None = None
        end = 0
        async for frame in frames:
            if activity.probability(frame) < 0.5:
                continue
            start = frame.at_ms if start is None else start
            end = frame.at_ms + FRAME_MS
            if self.streaming:
                yield Transcript(self._script(start, end), False, 1.0, start, end)
        words = "" if start is None else self._script(start, end)
        yield Transcript(words, True, 0.9 if words else 0.0, start or 0, end)
