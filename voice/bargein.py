"""Decides when somebody who talks over our speech means us to stop."""

from __future__ import annotations

from enum import Enum

from voice.interfaces import FRAME_MS
from voice.turns import Turn, judge
from voice.words import VoiceWords, bare

# A pause between words must not undo the voiced time before it; a longer one begins anew.
FORGET_AFTER_MS = 240
# "嗯", "好的": listening noises may last this much longer before they count as taking the floor.
BACK_CHANNEL_GRACE_MS = 600
# "等等", "唔好讲住": who says so is not asked how long they have been talking.
_STOP_WORD_MS = 40
# So many Chinese characters that are no listening noise are talk, however fast they came.
_TALK_CHARS = 3
_TALK_MS = 100


# Voice without words yet: we fall silent at once, but hold our sentence until it is longer than a 嗯.
_UNDECIDED_MS = 160


class Reaction(Enum):
    """What our speech does."""

    NONE = "none"  # as before
    PAUSE = "pause"  # fall silent, ready to go on
    GO_ON = "go_on"  # it was nothing: go on where we paused
    STOP = "stop"  # the floor is theirs


class BargeIn:
    """Counts voiced time over one stretch of our speech."""

    def __init__(self, after_ms: int, words: VoiceWords) -> None:
        self._after_ms = after_ms
        self._words = words
        self._protected = False
        self._stopped = False
        self._voiced_ms = 0
        self._quiet_ms = 0
        self._paused = False
        self._judged = ("", after_ms + _UNDECIDED_MS)

    def start(self, *, protected: bool, voiced_ms: int = 0) -> None:
        """We begin to speak; ``voiced_ms`` is how long the other side has been talking already."""
        self._protected = protected
        self._stopped = False
        self._paused = False
        self._voiced_ms = voiced_ms
        self._quiet_ms = 0

    def feed(self, voiced: bool, partial: str = "") -> Reaction:
        """Take one frame and say what our speech must do now; ``STOP`` comes once."""
        if voiced:
            self._voiced_ms += FRAME_MS
            self._quiet_ms = 0
        else:
            self._quiet_ms += FRAME_MS
            if self._quiet_ms >= FORGET_AFTER_MS:
                self._voiced_ms = 0
        if self._protected or self._stopped:
            return Reaction.NONE
        if self._voiced_ms >= self._needed_ms(partial):
            self._stopped, self._paused = True, False
            return Reaction.STOP
        undecided = self._voiced_ms >= self._after_ms and not bare(partial)
        if undecided == self._paused or (self._paused and self._voiced_ms and not bare(partial)):
            return Reaction.NONE
        self._paused = undecided
        return Reaction.PAUSE if undecided else Reaction.GO_ON

    def _needed_ms(self, partial: str) -> int:
        """How much voice stops us, given what it is known to say."""
        if partial != self._judged[0]:
            self._judged = (partial, self._judge(partial))
        return self._judged[1]

    def _judge(self, partial: str) -> int:
        said = bare(partial)
        if not said:
            return self._after_ms + _UNDECIDED_MS
        if self._words.is_back_channel(partial):
            return self._after_ms + BACK_CHANNEL_GRACE_MS
        if judge(partial, self._words) is Turn.WAIT:
            return min(_STOP_WORD_MS, self._after_ms)
        return min(_TALK_MS, self._after_ms) if len(said) >= _TALK_CHARS else self._after_ms
