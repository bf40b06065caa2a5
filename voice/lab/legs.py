"""Pure: pauses and interruptions, measured on the two legs of a call's recording.

Nothing here knows the program's own clock or its voice activity detection: a leg is heard where
10 ms of it are louder than ``LOUD``.
"""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

WINDOW_MS = 10
LOUD = 200.0  # root mean square of 16-bit samples: -44 dB of full scale, 25 times A-law's idle noise
JOIN_MS = 200  # a shorter pause lies inside a word or between two
SHORTEST_MS = 60  # less is a click

Leg = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Uninterrupted sound of one leg, in ms from the start of the recording."""

    start_ms: int
    end_ms: int


def read_legs(path: Path) -> tuple[Leg, Leg, int]:
    """Return resident, bot and the rate of a stereo recording."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        return samples[:, 0], samples[:, 1], file.getframerate()


def stretches(leg: Leg, rate_hz: int) -> tuple[Stretch, ...]:
    """Return where a leg sounds."""
    width = rate_hz * WINDOW_MS // 1000
    windows = leg[: len(leg) // width * width].reshape(-1, width).astype(np.float64)
    loud = np.flatnonzero(np.sqrt((windows**2).mean(axis=1)) >= LOUD)
    found: list[Stretch] = []
    for index in loud:
        start, end = int(index) * WINDOW_MS, int(index + 1) * WINDOW_MS
        if found and start - found[-1].end_ms < JOIN_MS:
            found[-1] = Stretch(found[-1].start_ms, end)
        else:
            found.append(Stretch(start, end))
    return tuple(item for item in found if item.end_ms - item.start_ms >= SHORTEST_MS)


def reply_gaps(resident: Sequence[Stretch], bot: Sequence[Stretch]) -> list[int]:
    """Return, for each time the bot speaks next after the resident, the silence between them in ms.

    The bot's first words answer nobody; its words into the resident's speech are no reply to it.
    """
    gaps = []
    for before, reply in pairwise(bot):
        ends = [item.end_ms for item in resident if item.end_ms <= reply.start_ms]
        covered = any(item.start_ms < reply.start_ms < item.end_ms for item in resident)
        if ends and ends[-1] > before.end_ms and not covered:
            gaps.append(reply.start_ms - ends[-1])
    return gaps


def stop_times(
    resident: Sequence[Stretch], bot: Sequence[Stretch], interrupted: Sequence[tuple[int, int]]
) -> list[int]:
    """Return, for each interruption, the time from the resident's onset to the bot's silence in ms.

    ``interrupted`` tells which sentences of the bot (start, end) were cut off: speech over a
    protected one, or over its last syllable, is no interruption.
    """
    stops = []
    for began, ended in interrupted:
        onsets = [item.start_ms for item in resident if began <= item.start_ms < ended]
        silences = [item.end_ms for item in bot if began <= item.end_ms and item.start_ms < ended]
        if onsets and silences:
            stops.append(max(0, silences[-1] - onsets[-1]))
    return stops
