"""Pauses and interruptions are read off a recording, not off the program's clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.phone import figures
from core.types import AudioFrame
from voice.lab.legs import Leg, Stretch, read_legs, reply_gaps, stop_times, stretches
from voice.recording import CallRecorder

RATE = 8000


def leg(length_ms: int, *loud: tuple[int, int], level: int = 3000) -> Leg:
    """A leg of A-law's idle noise with a tone at each place of ``loud`` (start, end in ms)."""
    samples = np.full(length_ms * RATE // 1000, 8, dtype=np.int16)
    for start, end in loud:
        at = np.arange(start * RATE // 1000, end * RATE // 1000)
        samples[at] = (level * np.sin(at * 2 * np.pi * 440 / RATE)).astype(np.int16)
    return samples


def test_sound_is_found_where_it_is() -> None:
    """Short pauses join, clicks and idle noise are nothing."""
    heard = leg(4000, (500, 900), (1000, 1500), (2000, 2020), (3000, 3400))
    assert stretches(heard, RATE) == (Stretch(500, 1500), Stretch(3000, 3400))


def test_only_replies_have_a_gap() -> None:
    """Neither the first words, nor a pause inside a reply, nor talk into the resident's speech counts."""
    bot = stretches(leg(12_000, (0, 1000), (3200, 4000), (4500, 5000), (9000, 9500), (11_000, 11_500)), RATE)
    resident = stretches(leg(12_000, (1500, 2000), (8000, 9300)), RATE)
    assert reply_gaps(resident, bot) == [1200]


def test_an_interruption_lasts_until_the_bot_is_silent() -> None:
    """Also when it begins in a pause between two sentences; a protected sentence is not counted."""
    bot = stretches(leg(20_000, (0, 3000), (6000, 8000), (12_000, 13_000), (13_400, 13_600)), RATE)
    resident = stretches(leg(20_000, (500, 900), (7650, 9000), (13_300, 14_500)), RATE)
    assert stop_times(resident, bot, [(6000, 8000), (12_000, 13_600)]) == [350, 300]


def test_a_real_recording_is_read(tmp_path: Path) -> None:
    """Left is the resident, right the bot."""
    recorder = CallRecorder(tmp_path / "call.wav")
    for at_ms in range(0, 2000, 20):
        tone = leg(2000, (400, 800))[at_ms * 8 : (at_ms + 20) * 8]
        answer = leg(2000, (1200, 1600))[at_ms * 8 : (at_ms + 20) * 8]
        recorder.heard(AudioFrame(tone.tobytes(), RATE, at_ms))
        recorder.sent(AudioFrame(answer.tobytes(), RATE, at_ms))
    recorder.close()
    resident, bot, rate_hz = read_legs(tmp_path / "call.wav")
    assert stretches(resident, rate_hz) == (Stretch(400, 800),)
    assert stretches(bot, rate_hz) == (Stretch(1200, 1600),)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {"count": 0}),
        ([7], {"count": 1, "p50": 7, "p90": 7, "max": 7}),
        ([5, 1, 3, 2, 4, 10, 9, 8, 7, 6], {"count": 10, "p50": 5, "p90": 9, "max": 10}),
    ],
)
def test_ranks_are_the_nearest(values: list[int], expected: dict[str, int]) -> None:
    """p50 and p90 are values that were measured."""
    assert figures(values) == expected
