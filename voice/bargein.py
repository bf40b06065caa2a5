"""Decides when somebody who talks over our speech means us to stop."""

from __future__ import annotations

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


class BargeIn:
    """Counts voiced time over one stretch of our speech."""

    def __init__(self, after_ms: int, words: VoiceWords) -> None:
        self._after_ms = after_ms
        self._words = words
        self._protected = False
        self._stopped = False
        self._voiced_ms = 0
        self._quiet_ms = 0
        self._judged = ("", after_ms)

    def start(self, *, protected: bool, voiced_ms: int = 0) -> None:
        """We begin to speak; ``voiced_ms`` is how long the other side has been talking already."""
        self._protected = protected
        self._stopped = False
        self._voiced_ms = voiced_ms
        self._quiet_ms = 0

    def feed(self, voiced: bool, partial: str = "") -> bool:
        """Take one frame; ``True`` exactly once, when our speech must stop."""
        if voiced:
            self._voiced_ms += FRAME_MS
            self._quiet_ms = 0
        else:
            self._quiet_ms += FRAME_MS
            if self._quiet_ms >= FORGET_AFTER_MS:
                self._voiced_ms = 0
        if self._protected or self._stopped:
            return False
        self._stopped = self._voiced_ms >= self._needed_ms(partial)
        return self._stopped

    def _needed_ms(self, partial: str) -> int:
        """How much voice stops us, given what it is known to say."""
        if partial != self._judged[0]:
            self._judged = (partial, self._judge(partial))
        return self._judged[1]

    def _judge(self, partial: str) -> int:
        said = bare(partial)
        if not said:
            return self._after_ms
        if self._words.is_back_channel(partial):
            return self._after_ms + BACK_CHANNEL_GRACE_MS
        if judge(partial, self._words) is Turn.WAIT:
            return min(_STOP_WORD_MS, self._after_ms)
        return min(_TALK_MS, self._after_ms) if len(said) >= _TALK_CHARS else self._after_ms
