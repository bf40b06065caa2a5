"""Our own voice, coming back over the line, is not somebody speaking.

Telephones and networks cancel most of their echo; a loudspeaker or a bad hybrid does not. What comes in is
compared with what was sent during the last second: a delayed, quieter copy of it is echo, whatever the
voice activity detector thinks of it. Somebody who talks over us does not resemble our voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.types import AudioFrame
from voice.interfaces import CALL_RATE_HZ, AudioTap, VoiceActivity

_SAMPLES = CALL_RATE_HZ // 50
_WINDOW = 16 * _SAMPLES  # 320 ms of the far end are compared …
_LONGEST_DELAY = 35 * _SAMPLES  # … with our voice of up to 700 ms before
# Normalised correlation: a copy through A-law and a telephone reaches 0.8-1; two voices seldom 0.6.
_ALIKE = 0.6
_AUDIBLE = 30.0  # root mean square of 16-bit samples below which nothing can be compared
_SPEECH = 0.35
_FFT = 1 << (_LONGEST_DELAY + _WINDOW - 1).bit_length()

_Samples = NDArray[np.float32]


class EchoGuard:
    """``AudioTap`` that remembers both legs; ``is_echo`` tells whether the far end is only our own voice."""

    def __init__(self) -> None:
        self._ours: _Samples = np.zeros(_LONGEST_DELAY + _WINDOW, np.float32)
        self._theirs: _Samples = np.zeros(_WINDOW, np.float32)
        self._sent: _Samples | None = None

    def sent(self, frame: AudioFrame) -> None:
        """Remember what of ours left now."""
        self._sent = _samples(frame)

    def heard(self, frame: AudioFrame) -> None:
        """Take the far end's frame; called every 20 ms, which also clocks our side."""
        ours = self._sent if self._sent is not None else np.zeros(_SAMPLES, np.float32)
        self._sent = None
        self._ours = np.concatenate([self._ours[len(ours) :], ours])
        theirs = _samples(frame)
        self._theirs = np.concatenate([self._theirs[len(theirs) :], theirs])

    def is_echo(self) -> bool:
        """Whether the last 320 ms of the far end are a copy of what we sent."""
        energy = float(np.dot(self._theirs, self._theirs))
        if energy < _AUDIBLE**2 * _WINDOW or not self._ours.any():
            return False
        products = np.fft.irfft(
            np.fft.rfft(self._ours, _FFT) * np.conj(np.fft.rfft(self._theirs, _FFT)), _FFT
        )[: _LONGEST_DELAY + 1]
        power = np.concatenate([[0.0], np.cumsum(self._ours.astype(np.float64) ** 2)])
        ours = power[_WINDOW:] - power[:-_WINDOW]
        # An echo is quieter than what it came from.
        audible = (ours > _AUDIBLE**2 * _WINDOW) & (ours >= 2 * energy)
        if not audible.any():
            return False
        alike = np.abs(products[audible]) / np.sqrt(ours[audible] * energy)
        return float(alike.max()) > _ALIKE


class GuardedActivity:
    """``VoiceActivity`` that does not take our own echo for speech."""

    def __init__(self, activity: VoiceActivity, guard: EchoGuard) -> None:
        self._activity = activity
        self._guard = guard

    def probability(self, frame: AudioFrame) -> float:
        """Return the speech probability of what is not echo."""
        found = self._activity.probability(frame)
        return 0.0 if found >= _SPEECH and self._guard.is_echo() else found

    def reset(self) -> None:
        """Forget what was heard."""
        self._activity.reset()


class Taps:
    """Several taps on one call."""

    def __init__(self, *taps: AudioTap) -> None:
        self._taps = taps

    def heard(self, frame: AudioFrame) -> None:
        """Pass on the far end's frame."""
        for tap in self._taps:
            tap.heard(frame)

    def sent(self, frame: AudioFrame) -> None:
        """Pass on a frame of ours."""
        for tap in self._taps:
            tap.sent(frame)


def _samples(frame: AudioFrame) -> _Samples:
    return np.frombuffer(frame.pcm, "<i2").astype(np.float32)
