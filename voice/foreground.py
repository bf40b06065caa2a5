"""A television in the room is speech, but not the resident's. Wraps any ``VoiceActivity``; pure.

Somebody who talks on the telephone leaves pauses, above all while we speak; a background does not. Once
the far end has been voiced almost without a pause for seconds, only what comes near the loudest voice
counts as speech, until pauses are back. A call without a background is not touched.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from core.types import AudioFrame
from voice.interfaces import FRAME_MS, VoiceActivity

_SPEECH = 0.5
_LOUDNESS = 300 // FRAME_MS  # a short syllable and its surroundings
# Of recorded calls with a television 14 dB below the voice this left a quarter of what was taken for
# speech, all of the talker's turns among it.
_BELOW_DB = 6.0
# The talker's level sinks by this much a second, so that somebody who moves away is heard again.
_SINK_DB = 0.2 * FRAME_MS / 1000
_WATCHED = 10_000 // FRAME_MS
_CROWDED, _CALM = 0.8, 0.4
_FLOOR_DB = -60.0


class Foreground:
    """``VoiceActivity`` for the nearest voice."""

    def __init__(self, activity: VoiceActivity) -> None:
        self._activity = activity
        self._power: deque[float] = deque(maxlen=_LOUDNESS)
        self._voiced: deque[bool] = deque(maxlen=_WATCHED)
        self._voiced_count = 0
        self._talker_db = _FLOOR_DB
        self._crowded = False

    @property
    def crowded(self) -> bool:
        """Whether something in the background talks all the time."""
        return self._crowded

    def probability(self, frame: AudioFrame) -> float:
        """See ``VoiceActivity``."""
        found = self._activity.probability(frame)
        self._power.append(_power(frame))
        level_db = 10 * float(np.log10(sum(self._power) / len(self._power) + 1e-12))
        self._talker_db = max(self._talker_db - _SINK_DB, _FLOOR_DB)
        if found >= _SPEECH:
            self._talker_db = max(self._talker_db, level_db)
        self._watch(found >= _SPEECH)
        return 0.0 if self._crowded and level_db < self._talker_db - _BELOW_DB else found

    def reset(self) -> None:
        """Forget what was heard, the talker included."""
        self._activity.reset()
        self._power.clear()
        self._voiced.clear()
        self._voiced_count = 0
        self._talker_db = _FLOOR_DB
        self._crowded = False

    def _watch(self, voiced: bool) -> None:
        if len(self._voiced) == _WATCHED:
            self._voiced_count -= self._voiced[0]
        self._voiced.append(voiced)
        self._voiced_count += voiced
        share = self._voiced_count / _WATCHED
        self._crowded = share >= (_CALM if self._crowded else _CROWDED)


def _power(frame: AudioFrame) -> float:
    samples = np.frombuffer(frame.pcm, "<i2").astype(np.float32) / 32768
    return float(np.mean(samples * samples)) if samples.size else 0.0
