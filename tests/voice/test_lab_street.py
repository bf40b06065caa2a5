"""The lab's line: seeded losses, delays and backgrounds."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from voice.engines.pcm import SPEECH_LEVEL_DBOV, from_pcm, level_dbov
from voice.lab.street import Conditions, StreetLine, street_noise

SILENCE = bytes(320)


def line(seed: int = 1, **conditions: float) -> StreetLine:
    """A line with noise if there is any."""
    chosen = Conditions(**conditions)  # type: ignore[arg-type]
    noise = () if chosen.noise_db is None else (street_noise(chosen.noise_db, seed),)
    return StreetLine(chosen, noise, seed)


def test_packets_are_lost_and_late_as_often_as_asked_and_the_same_every_time() -> None:
    """Five in a hundred never arrive, none is later than the limit, a seed repeats all of it."""
    street, again = line(loss=0.05, jitter_ms=40), line(loss=0.05, jitter_ms=40)
    delays = [street.delay_s() for _ in range(4000)]
    arrived = [delay for delay in delays if delay is not None]

    assert delays == [again.delay_s() for _ in range(4000)]
    assert 0.04 < delays.count(None) / 4000 < 0.06
    assert 0.035 < max(arrived) <= 0.04
    assert [delay is None for delay in delays] == [
        street.delay_s() is None for street in [line(loss=0.05)] for _ in range(4000)
    ]


def test_noise_is_heard_in_silence_and_lies_below_the_voice() -> None:
    """15 dB below the level at which voices are rendered; without noise nothing is changed."""
    street = line(noise_db=15)
    heard = b"".join(street.sounds(SILENCE) for _ in range(1000))

    assert abs(level_dbov(from_pcm(heard)) - (SPEECH_LEVEL_DBOV - 15)) < 0.5
    assert line().sounds(SILENCE) == SILENCE
    assert np.frombuffer(street.sounds(b"\xff\x7f" * 160), "<i2").max() == 32767  # clipped, not wrapped


@pytest.mark.parametrize(
    "wrong", [{"codec": "opus"}, {"loss": 0.9}, {"loss": -1}, {"jitter_ms": 900}, {"noise_db": 99}]
)
def test_impossible_conditions_are_refused(wrong: dict[str, object]) -> None:
    """Each names what is wrong."""
    with pytest.raises(BadInput, match=next(iter(wrong)).removesuffix("_ms")):
        Conditions(**wrong)  # type: ignore[arg-type]
