"""Tones, and what a test can say about sound."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from core.types import AudioFrame

RATE = 8000


def tone(hz: float, ms: int, loudness: int = 8000) -> list[AudioFrame]:
    """A sine in frames of 20 ms."""
    samples = np.arange(RATE * ms // 1000)
    wave = (loudness * np.sin(2 * math.pi * hz * samples / RATE)).astype("<i2").tobytes()
    return [AudioFrame(wave[i : i + 320], RATE, i // 16) for i in range(0, len(wave), 320)]


def purity(frame: AudioFrame | bytes, hz: float) -> float:
    """Which part of the frame's energy lies at ``hz`` (0-1); silence gives 0."""
    pcm = frame if isinstance(frame, bytes) else frame.pcm
    wave = np.frombuffer(pcm, dtype="<i2").astype(float)
    energy = float(np.sum(wave * wave))
    if energy < 100_000 * len(wave) / 160:
        return 0.0
    turn = np.exp(-2j * math.pi * hz * np.arange(len(wave)) / RATE)
    return float(2 * abs(np.sum(wave * turn)) ** 2 / len(wave) / energy)


def ms_of(frames: Iterable[AudioFrame], hz: float) -> int:
    """For how long ``hz`` is heard, in ms."""
    return sum(20 for frame in frames if purity(frame, hz) > 0.8)
