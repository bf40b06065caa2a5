"""What a call was like is read off the resident's recording, line by line."""

from __future__ import annotations

import numpy as np

from core.types import Utterance
from voice.lab.legs import Stretch
from voice.lab.measures import Gap, Program, SaidLine, measure, offset_between

RATE = 8000


def gap_detail(**parts: int) -> dict[str, int]:
    """One entry of a record's ``turn_gaps``."""
    named = {"endpoint_ms": 300, "recognition_ms": 60, "dialogue_ms": 20, "synthesis_ms": 5}
    return {**named, **{f"{name}_ms": value for name, value in parts.items()}, "total_ms": 400}


def test_a_pause_lasts_from_the_last_sound_to_the_first_and_has_its_parts() -> None:
    """The line's rendered silence does not count; the program's parts are found by the reply's place."""
    lines = [SaidLine("answer", 1000, 2200)]
    program = Program(
        (Utterance("resident", "好", 1000, 2000, "m2"), Utterance("bot", "那", 2650, 4000, "m2")),
        (gap_detail(endpoint=310),),
    )

    found = measure(lines, [Stretch(1000, 2000)], [Stretch(0, 800), Stretch(2700, 4000)], program)

    parts = {"endpoint": 310, "recognition": 60, "dialogue": 20, "synthesis": 5}
    assert found.gaps == (Gap(700, parts),)
    assert (found.turns, found.false_cuts, found.missed_turns) == (1, 0, 0)
    assert found.length_ms == 4000


def test_a_bot_that_speaks_into_a_pause_of_the_line_has_cut_it() -> None:
    """The line is one although it is silent in the middle."""
    lines = [SaidLine("answer", 1000, 4000)]

    found = measure(
        lines, [Stretch(1000, 1800), Stretch(3200, 3900)], [Stretch(0, 500), Stretch(2500, 3000)], Program()
    )

    assert (found.turns, found.false_cuts, found.gaps) == (1, 1, ())


def test_a_line_that_nobody_answers_is_missed() -> None:
    """Eight seconds without a word, or a line that had to be said again; the end of a call is neither."""
    resident = [Stretch(1000, 2000), Stretch(14_000, 15_000), Stretch(20_000, 21_000)]
    lines = [SaidLine("answer", item.start_ms, item.end_ms) for item in resident]

    found = measure(lines, resident, [Stretch(0, 800), Stretch(15_600, 19_000)], Program())

    assert (found.turns, found.missed_turns, [gap.total_ms for gap in found.gaps]) == (3, 1, [600])


def test_interruptions_are_timed_and_back_channels_are_not_meant_to_stop() -> None:
    """From the first sound over the bot to its silence; a sentence broken off after 嗯 is a false stop."""
    lines = [
        SaidLine("interruption", 1500, 3000),
        SaidLine("back_channel", 6000, 6300),
        SaidLine("back_channel", 9000, 9300),
    ]
    resident = [Stretch(1520, 2900), Stretch(6010, 6300), Stretch(9010, 9300)]
    bot = [Stretch(0, 1800), Stretch(5000, 6400), Stretch(8000, 12_000)]
    program = Program((Utterance("bot", "一", 5000, 6400, "m3", interrupted=True),))

    found = measure(lines, resident, bot, program)

    assert found.barge_ins_ms == (280,)
    assert (found.back_channels, found.false_stops) == (2, 1)
    assert found.talk_over_ms == 280 + 290 + 290


def test_two_recordings_of_one_voice_are_laid_over_each_other() -> None:
    """The bot's leg as sent, and as it arrived 1.23 s into the other recording."""
    dice = np.random.default_rng(3)
    sent = np.zeros(RATE * 20, np.int16)
    for start in (1, 4, 5.5, 11, 16):
        at = int(start * RATE)
        sent[at : at + RATE] = dice.integers(-4000, 4000, RATE)
    arrived = np.concatenate([np.zeros(RATE * 123 // 100, np.int16), sent])

    assert offset_between(sent, arrived, RATE) == 1230
    assert offset_between(arrived, sent, RATE) == -1230
    assert offset_between(np.zeros(800, np.int16), sent, RATE) == 0
