"""Tones on the line, told from speech by their purity. Pure."""

from __future__ import annotations

import math
from array import array

from core.types import AudioFrame
from voice.interfaces import CALL_RATE_HZ, FRAME_MS

# A called fax or modem answers with 2100 Hz ±15 for 2.6 to 4 s (ITU-T T.30 4.1.2, V.25).
FAX_HZ = 2100
_PURE = 0.85  # share of a frame's power that lies at one frequency; speech stays below a third
_LONG_MS = 600
_AUDIBLE = 200.0  # root mean square


class FaxTone:
    """Hears whether a fax answered. Feed every frame of 20 ms at ``CALL_RATE_HZ``."""

    def __init__(self) -> None:
        self._lasted_ms = 0

    def feed(self, frame: AudioFrame) -> bool:
        """Take one frame; return whether the tone has now lasted long enough."""
        self._lasted_ms = self._lasted_ms + FRAME_MS if _is_tone(frame, FAX_HZ) else 0
        return self._lasted_ms >= _LONG_MS


def _is_tone(frame: AudioFrame, hz: int) -> bool:
    samples = array("h", frame.pcm)
    power = sum(sample * sample for sample in samples)
    if power < len(samples) * _AUDIBLE**2:
        return False
    return _power_at(samples, hz) > _PURE * power


def _power_at(samples: array[int], hz: int) -> float:
    """Goertzel: the power of one frequency, on the scale of the sum of squares."""
    turn = 2 * math.cos(2 * math.pi * hz / CALL_RATE_HZ)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    return (last * last + before * before - turn * last * before) * 2 / max(1, len(samples))
