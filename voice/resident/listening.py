"""Pure: when the bot begins and ends its turn, as a listener on the other side hears it."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import AudioFrame
from voice.interfaces import FRAME_MS

_SPEECH = 0.5
_ONSET_MS = 60
_PRE_ROLL_MS = 200
# Whisper's window; the question is at the end of a long turn.
_LONGEST_MS = 28_000


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """The bot started to speak."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The bot has been silent for long enough; ``frames`` is what it said (the last 28 s at most)."""

    at_ms: int
    frames: tuple[AudioFrame, ...]


class TurnListener:
    """Fed every frame with its speech probability; ``end_ms`` of silence end a turn."""

    def __init__(self, end_ms: int) -> None:
        self._end_ms = end_ms
        self._frames: list[AudioFrame] = []
        self._voiced_ms = 0
        self._quiet_ms = 0
        self.talking = False

    def feed(self, frame: AudioFrame, probability: float) -> TurnBegan | TurnEnded | None:
        """Take one frame and say what it changed."""
        self._frames.append(frame)
        voiced = probability >= _SPEECH
        if not self.talking:
            self._voiced_ms = self._voiced_ms + FRAME_MS if voiced else 0
            if self._voiced_ms < _ONSET_MS:
                del self._frames[: -(_PRE_ROLL_MS // FRAME_MS)]
                return None
            self.talking, self._quiet_ms = True, 0
            return TurnBegan(frame.at_ms)
        self._quiet_ms = 0 if voiced else self._quiet_ms + FRAME_MS
        if self._quiet_ms < self._end_ms:
            return None
        frames = tuple(self._frames[-(_LONGEST_MS // FRAME_MS) :])
        self._frames, self._voiced_ms, self.talking = [], 0, False
        return TurnEnded(frame.at_ms, frames)
