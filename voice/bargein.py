"""Decides when somebody who talks over our speech means us to stop."""

from __future__ import annotations

from voice.interfaces import FRAME_MS
from voice.words import VoiceWords

# A pause between words must not undo the voiced time before it; a longer one begins anew.
FORGET_AFTER_MS = 240
# "嗯", "好的": listening noises may last this much longer before they count as taking the floor.
BACK_CHANNEL_GRACE_MS = 600


class BargeIn:
    """Counts voiced time over one stretch of our speech."""

    def __init__(self, after_ms: int, words: VoiceWords) -> None:
        self._after_ms = after_ms
        self._words = words
        self._protected = False
        self._stopped = False
        self._voiced_ms = 0
        self._quiet_ms = 0

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
        grace = BACK_CHANNEL_GRACE_MS if partial and self._words.is_back_channel(partial) else 0
        self._stopped = self._voiced_ms >= self._after_ms + grace
        return self._stopped
