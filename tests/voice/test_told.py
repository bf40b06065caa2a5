"""Recognisers that are told the words keep the timing of speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from core.types import AudioFrame, Transcript
from tests.voice.virtual_time import run_virtual
from voice.engines.scripted import silence
from voice.engines.told import Overheard, ToldRecognizer, WordLine


async def live(ms: int, from_ms: int = 0) -> AsyncIterator[AudioFrame]:
    """Frames in real time; those before ``from_ms`` were already there."""
    for at_ms in range(0, ms, 20):
        if at_ms >= from_ms:
            await asyncio.sleep(0.02)
        yield silence(at_ms)


async def heard(
    recognizer: ToldRecognizer | Overheard, frames: AsyncIterator[AudioFrame]
) -> list[Transcript]:
    """All transcripts of an utterance."""
    return [item async for item in recognizer.transcribe(frames)]


def test_words_arrive_a_little_after_they_sound_and_whole_at_the_end() -> None:
    """Partials grow and lag; punctuation is not heard; the last transcript is final."""

    async def talk() -> list[Transcript]:
        words = WordLine()
        words.say(
            "我，做保安。", asyncio.get_running_loop().time() + 0.1, asyncio.get_running_loop().time() + 0.9
        )
        return await heard(ToldRecognizer(words, lag_ms=200), live(1200))

    found = run_virtual(talk())

    assert [item.text for item in found] == ["我", "我做", "我做保", "我做保安", "我做保安"]
    assert [item.final for item in found] == [False] * (len(found) - 1) + [True]
    assert found[0].end_ms >= 200 + 200  # its middle, and the lag


def test_an_utterance_holds_only_what_sounded_during_it() -> None:
    """What was cut off, or said later, is not in it; nothing said is an empty final transcript."""

    async def talk() -> tuple[str, str]:
        words, now = WordLine(), asyncio.get_running_loop().time()
        words.say("一二三四", now + 0.1, now + 0.9)
        words.cut(now + 0.5)
        words.say("五六", now + 3.0, now + 3.4)
        recognizer = ToldRecognizer(words)
        first = (await heard(recognizer, live(1500)))[-1].text
        return first, (await heard(ToldRecognizer(WordLine()), live(400)))[-1].text

    assert run_virtual(talk()) == ("一二", "")


def test_what_was_said_is_overheard_even_when_it_is_handed_over_late() -> None:
    """All sentences since the last time, together; none after the patience."""

    async def talk() -> list[str]:
        ears = Overheard(patience_s=2.0)
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, ears.hand_over, "您好。")
        first = (await heard_whole(ears)).text
        ears.hand_over("请问")
        ears.hand_over("您是？")
        return [first, (await heard_whole(ears)).text, (await heard_whole(ears)).text]

    assert run_virtual(talk()) == ["您好。", "请问您是？", ""]


async def heard_whole(ears: Overheard) -> Transcript:
    """The only transcript of one utterance."""
    [only] = await heard(ears, live(200, from_ms=200))
    return only
