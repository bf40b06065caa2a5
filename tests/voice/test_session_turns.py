"""Whole calls in virtual time: whose turn it is, what is prepared, what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.dialogue import ScriptedDialogue
from core.types import AudioFrame, Reply, Transcript, Turn
from tests.voice.line import Person
from tests.voice.test_session import BYE, GOODBYE, IDENTITY, PLAIN, Rig, ToneSpeech, asked, said, scripted
from voice.engines.scripted import ScriptedRecognizer
from voice.manner import Manner

LONG = Reply("我想了解一下您最近这几个月的工作情况可以吗？")


class Noting(ToneSpeech):
    """Remembers what had to be rendered."""

    def __init__(self, rendered: list[str]) -> None:
        self._rendered = rendered

    async def render(self, text: str, manner: Manner = PLAIN) -> Sequence[AudioFrame]:
        self._rendered.append(text)
        return await super().render(text, manner)


class Tardy(ScriptedRecognizer):
    """An utterance recogniser that takes 300 ms, as Whisper does."""

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``ScriptedRecognizer``."""
        async for transcript in super().transcribe(frames, hints):
            await asyncio.sleep(0.3)
            yield transcript


def test_an_utterance_recognisers_words_end_the_turn() -> None:
    """It is asked in the first pause: whole words end the turn when they are there, not 640 ms later."""

    async def resident(person: Person) -> None:
        await person.reply("我是本人")

    rig = Rig(resident, scripted(asked("identity", IDENTITY), BYE))
    rig.recognizer = Tardy(rig.transport.words)
    (gap,) = rig.call().gaps
    assert gap.endpoint_ms <= 260
    assert 280 <= gap.recognition_ms <= 360


def test_an_utterance_recognisers_open_words_are_waited_for() -> None:
    """A sentence that breaks off is not answered in its pause of a second; both halves are one turn."""

    async def resident(person: Person) -> None:
        await person.reply("不想做因为")
        await person.wait(1100)
        await person.say("太远了")

    dialogue = scripted(asked("identity", IDENTITY), BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = Tardy(rig.transport.words)
    rig.call()
    assert [turn.text for turn in dialogue.turns[1:]] == ["不想做因为太远了"]


@pytest.mark.parametrize("streaming", [False, True])
def test_the_answer_is_prepared_while_we_still_wait(streaming: bool) -> None:
    """What they seem to have said is asked ahead under the id of the turn to come, and rendered."""

    async def resident(person: Person) -> None:
        await person.reply("大概四千")

    dialogue = ScriptedDialogue(scripted(asked("expected_pay", IDENTITY), BYE)._script, lambda _: BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = ScriptedRecognizer(rig.transport.words, streaming=streaming)
    rendered: list[str] = []
    rig.speech = Noting(rendered)
    rig.call()
    assert rendered.count(GOODBYE.text) == 2
    (guessed,) = dialogue.prepared
    assert (guessed.text, guessed.message_id) == ("大概四千", dialogue.turns[1].message_id)


def test_what_follows_the_usual_answer_is_rendered_while_we_ask() -> None:
    """The sentence with the callee's own facts is there before they have said that it is them."""
    facts = asked("confirm_known", Reply("您之前登记在天河区，想做保安。现在还是这样吗？"))

    async def resident(person: Person) -> None:
        await person.reply("是我")

    dialogue = ScriptedDialogue(scripted(asked("identity", IDENTITY), BYE)._script, lambda _: facts)
    rig = Rig(resident, dialogue)
    rendered: list[str] = []
    rig.speech = Noting(rendered)
    rig.call()
    assert dialogue.prepared[0].text == "是我本人"
    assert "您之前登记在天河区，想做保安。" in rendered
    assert [turn.text for turn in dialogue.turns[1:]] == ["是我"]


def test_a_guess_that_was_wrong_is_no_turn() -> None:
    """Who goes on is answered for all they said; the first half was only a guess."""

    async def resident(person: Person) -> None:
        await person.reply("大概四千")
        await person.wait(500)
        await person.say("五左右")

    dialogue = scripted(asked("expected_pay", IDENTITY), BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = ScriptedRecognizer(rig.transport.words, streaming=True)
    rig.call()
    assert [turn.text for turn in dialogue.turns[1:]] == ["大概四千五左右"]
    assert dialogue.prepared[0].text == "大概四千"


def test_a_noise_of_assent_before_the_question_is_understood_lets_it_be_asked_again() -> None:
    """ "好" in the first words of the only clause cannot be its answer: the clause is said again."""

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(900)
        await person.say("好", 400)
        await person.reply("可以")

    dialogue = scripted(asked("convenient", LONG), BYE)
    story = Rig(resident, dialogue).call()
    assert [turn.text for turn in dialogue.turns[1:]] == ["可以"]
    assert said(story, "bot")[:2] == ["…", LONG.text]


def test_the_core_is_told_what_was_not_heard() -> None:
    """The clauses that were cut off stand in the turn; those heard do not."""
    reply = Reply("第一句话说完了。第二句话很长很长很长很长很长。第三句话。")

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(2200)
        await person.say("我现在不方便说话", 1200)

    dialogue = scripted(asked("convenient", reply), BYE)
    story = Rig(resident, dialogue).call()
    unheard = dialogue.turns[1].metadata["unheard"]
    assert unheard == "第二句话很长很长很长很长很长。第三句话。"
    assert said(story, "bot")[0] == "第一句话说完了。…"


def _quieter(frame: AudioFrame, factor: float) -> AudioFrame:
    samples = (np.frombuffer(frame.pcm, "<i2") * factor).astype("<i2")
    return AudioFrame(samples.tobytes(), frame.rate_hz, frame.at_ms)


@pytest.mark.parametrize(("delay_ms", "factor"), [(60, 0.5), (200, 0.3), (400, 0.1)])
def test_our_own_voice_coming_back_is_nobody_speaking(delay_ms: int, factor: float) -> None:
    """An echo, loud enough for any voice detector, neither stops us nor becomes a turn."""

    async def resident(person: Person) -> None:
        returned = 0
        for _ in range(400):
            await person.wait(20)
            while returned < len(person.peer.heard):
                frame = person.peer.heard[returned]
                if person.now() - frame.at_ms < delay_ms:
                    break
                person.peer.say((_quieter(frame, factor),))
                returned += 1

    dialogue = scripted(asked("convenient", LONG), BYE)
    rig = Rig(resident, dialogue)
    story = rig.call()
    assert not story.utterances[0].interrupted
    assert said(story, "bot")[0] == LONG.text
    assert not said(story, "resident")


def test_who_talks_over_us_is_heard_through_the_echo() -> None:
    """An echo does not hide a person."""

    async def resident(person: Person) -> None:
        await person.bot_starts()
        for number in range(60):
            await person.wait(20)
            if person.peer.heard:
                echo = _quieter(person.peer.heard[-1], 0.1)
                voice = echo if number < 30 else _mixed(echo)
                person.peer.say((voice,))
        person.said.append((0, 10_000, "等一下"))
        await person.wait(3000)

    dialogue = scripted(asked("convenient", LONG), BYE)
    story = Rig(resident, dialogue).call()
    assert story.utterances[0].interrupted


def _mixed(echo: AudioFrame) -> AudioFrame:
    from voice.engines.scripted import tone

    theirs = np.frombuffer(tone(echo.at_ms, 350).pcm, "<i2") * 0.5
    samples = (np.frombuffer(echo.pcm, "<i2") + theirs).astype("<i2")
    return AudioFrame(samples.tobytes(), echo.rate_hz, echo.at_ms)


def test_a_dialogue_that_cannot_guess_is_only_asked_in_earnest() -> None:
    """Preparing is an offer of the core, not a duty."""

    class Plain:
        def __init__(self) -> None:
            self.inner = scripted(asked("expected_pay", IDENTITY), BYE)

        async def respond(self, turn: Turn) -> object:
            return await self.inner.respond(turn)

    async def resident(person: Person) -> None:
        await person.reply("大概四千")

    dialogue = Plain()
    Rig(resident, dialogue).call()  # type: ignore[arg-type]
    assert [turn.text for turn in dialogue.inner.turns[1:]] == ["大概四千"]


def test_two_answers_heard_too_badly_are_no_answers() -> None:
    """The second is told to the core as such, with its words in the transcript; a good one begins anew."""

    class Bad(ScriptedRecognizer):
        async def transcribe(
            self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
        ) -> AsyncIterator[Transcript]:
            async for transcript in super().transcribe(frames, hints):
                sure = 0.9 if "保洁" in transcript.text else 0.1
                yield replace(transcript, confidence=sure)

    async def resident(person: Person) -> None:
        for text in ("想做保安", "想做保安", "想做保安", "想做保洁", "想做保安"):
            await person.reply(text)

    question = asked("wanted_jobs", Reply("您想做什么？"))
    dialogue = scripted(question, question, question, question, question, BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = Bad(rig.transport.words)
    story = rig.call()
    assert [turn.event.value for turn in dialogue.turns[1:]] == [
        "utterance",
        "unclear",
        "utterance",
        "utterance",
        "utterance",
    ]
    assert dialogue.turns[2].metadata == {"reason": "low_confidence"}
    assert said(story, "resident")[1] == "想做保安"


@pytest.mark.parametrize("streaming", [False, True])
def test_a_short_assent_leaves_the_sentence_whole(streaming: bool) -> None:
    """ "嗯" of 240 ms: we are silent for a moment and finish the sentence; nothing was interrupted."""

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(900)
        await person.say("嗯", 240)
        await person.reply("可以")

    dialogue = scripted(asked("convenient", LONG), BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = ScriptedRecognizer(rig.transport.words, streaming=streaming)
    story = rig.call()
    assert said(story, "bot")[0] == LONG.text
    assert not story.utterances[0].interrupted
    assert [turn.text for turn in dialogue.turns[1:]] == ["可以"]


def test_who_holds_us_is_not_answered() -> None:
    """ "等一下" is no answer: we keep silent for a good while, and the next words are."""

    async def resident(person: Person) -> None:
        await person.reply("等一下")
        await person.wait(15_000)
        await person.say("可以了你说")

    dialogue = scripted(asked("convenient", IDENTITY), BYE)
    story = Rig(resident, dialogue).call()
    assert [(turn.event.value, turn.text) for turn in dialogue.turns[1:]] == [("utterance", "可以了你说")]
    assert said(story, "resident") == ["等一下", "可以了你说"]


def test_who_holds_us_and_never_comes_back_is_asked_again() -> None:
    """The silence after a hold ends like any other, only later."""

    async def resident(person: Person) -> None:
        await person.reply("等等先")
        await person.wait(60_000)

    dialogue = scripted(asked("convenient", IDENTITY), BYE)
    story = Rig(resident, dialogue).call()
    assert dialogue.turns[1].event.value == "silence"
    assert 20 <= (story.ended_at - story.started_at).total_seconds() <= 40


def test_a_first_greeting_is_heard_out() -> None:
    """ "喂" right after the answer is neither talked over nor taken for an answer."""

    async def resident(person: Person) -> None:
        await person.wait(260)
        await person.say("喂", 500)
        await person.reply("是我")

    dialogue = scripted(asked("identity", IDENTITY), BYE)
    story = Rig(resident, dialogue).call()
    bot = next(item for item in story.utterances if item.speaker == "bot")
    assert 960 <= bot.start_ms <= 1200
    assert [turn.text for turn in dialogue.turns[1:]] == ["是我"]
