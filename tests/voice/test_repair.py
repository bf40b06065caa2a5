"""Misheard words are mended from what the open question allows, and from nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.types import AudioFrame, Transcript
from voice.repair import RepairingRecognizer, repaired
from voice.words import load_words

WORDS = load_words()


@pytest.mark.parametrize(
    ("question", "heard", "meant"),
    [
        ("district", "我住立湾区", "我住荔湾区"),
        ("district", "丽湾区", "荔湾区"),
        ("district", "天和区那边", "天河区那边"),
        ("district", "番鱼区", "番禺区"),
        ("wanted_jobs", "想做叉车公", "想做叉车工"),
        ("identity", "北人", "北人"),
        ("identity", "本任", "本人"),
        ("identity", "陈小名", "陈小明"),
        ("expected_pay", "四迁", "四千"),
        ("convenient", "不方变", "不方便"),
        ("working_time", "兼直", "兼职"),
    ],
)
def test_the_open_questions_words_are_heard_in_others(question: str, heard: str, meant: str) -> None:
    """Districts, trades, names, amounts, yes and no; what sounds otherwise stays."""
    text, share = repaired(heard, WORDS.hints_for(question, "陈小明"))
    assert text == meant
    assert share == 1.0 if heard == meant else 0.5 < share < 1.0


@pytest.mark.parametrize(
    ("question", "heard"),
    [
        ("district", "我住荔湾区"),
        ("identity", "我不是他的家属"),
        ("wanted_jobs", "保安"),
        ("expected_pay", "我想先问一下社保"),
        ("", "我住立湾区"),
        ("district", ""),
        ("district", "hello 123"),
    ],
)
def test_nothing_else_is_touched(question: str, heard: str) -> None:
    """Words that are right, foreign to the question or no Chinese stay as they are."""
    assert repaired(heard, WORDS.hints_for(question, "陈小明")) == (heard, 1.0)


def test_two_candidates_of_one_sound_are_left_alone() -> None:
    """Nobody knows which was meant."""
    assert repaired("李明", ("黎明", "黎鸣")) == ("李明", 1.0)


def test_a_repair_costs_confidence() -> None:
    """Words and confidence arrive through the recogniser; partial texts are mended alike."""

    class Inner:
        streaming = True

        async def transcribe(
            self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
        ) -> AsyncIterator[Transcript]:
            yield Transcript("立湾区", False, 0.5, 0, 100)
            yield Transcript("立湾区", True, 0.8, 0, 200)

    async def collect() -> list[Transcript]:
        async def nothing() -> AsyncIterator[AudioFrame]:
            for frame in ():
                yield frame

        recognizer = RepairingRecognizer(Inner())
        return [item async for item in recognizer.transcribe(nothing(), ("荔湾区",))]

    partial, final = asyncio.run(collect())
    assert partial.text == final.text == "荔湾区"
    assert 0.6 < final.confidence < 0.8
