"""The nearest voice is told from a television; a call without one is not touched."""

from __future__ import annotations

import math
from array import array

from core.types import AudioFrame
from voice.engines.scripted import EnergyVad, silence
from voice.foreground import Foreground


def sound(at_ms: int, level: float) -> AudioFrame:
    """20 ms of a tone whose peak is ``level`` of full scale."""
    samples = array("h", (int(32767 * level * math.sin(i * 0.3)) for i in range(160)))
    return AudioFrame(samples.tobytes(), 8000, at_ms)


def voiced(ears: Foreground, level: float, ms: int) -> float:
    """Share of a stretch of sound that counts as speech."""
    found = [ears.probability(sound(0, level) if level else silence()) for _ in range(ms // 20)]
    return sum(value >= 0.5 for value in found) / len(found)


def test_what_never_pauses_is_a_background_and_only_the_louder_voice_counts() -> None:
    """After ten seconds of talk from afar it is silence; a near voice over it is heard, also a short one."""
    ears = Foreground(EnergyVad())
    voiced(ears, 0.3, 1000)  # 喂: how loud the talker is
    voiced(ears, 0.07, 9000)

    assert ears.crowded
    assert voiced(ears, 0.07, 3000) == 0.0
    assert voiced(ears, 0.3, 400) > 0.6
    assert voiced(ears, 0.07, 3000) < 0.2


def test_a_call_with_pauses_is_left_alone() -> None:
    """Soft words of somebody who leaves pauses are speech, however loud they were before."""
    ears = Foreground(EnergyVad())
    for _ in range(20):
        assert voiced(ears, 0.3, 1000) == 1.0
        assert voiced(ears, 0.05, 400) == 1.0
        voiced(ears, 0.0, 1200)

    assert not ears.crowded


def test_when_the_television_is_switched_off_soft_words_count_again() -> None:
    """Ten seconds with pauses end it, and so does a new call."""
    ears = Foreground(EnergyVad())
    voiced(ears, 0.3, 1000)
    voiced(ears, 0.07, 10_000)
    voiced(ears, 0.0, 7000)

    assert not ears.crowded
    assert voiced(ears, 0.07, 500) == 1.0
    voiced(ears, 0.3, 12_000)
    ears.reset()
    assert not ears.crowded
