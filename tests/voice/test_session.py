"""Whole calls in virtual time: loopback line, scripted dialogue, engines without models."""

from __future__ import annotations

import resource
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from casework.types import CallRecord
from core.dialogue import ScriptedDialogue
from core.errors import DialogueUnavailable, EngineError
from core.interfaces import Dialogue
from core.types import (
    Answer,
    AudioFrame,
    CallAction,
    Callee,
    CallTask,
    ConversationState,
    Disposition,
    FieldValue,
    Reply,
    Result,
    Transcript,
    Turn,
    TurnEvent,
)
from tests.voice.line import FarEnd, Person, PersonTransport, hum
from tests.voice.virtual_time import START, LoopClock, run_virtual
from voice.desk import BlindDesk, Desk
from voice.engines.scripted import EnergyVad, ScriptedRecognizer, ToneSynthesizer
from voice.interfaces import Recognizer
from voice.limits import SessionLimits
from voice.manner import Manner
from voice.notes import CallStory
from voice.outcome import record_of
from voice.session import CallSession, Equipment
from voice.speaking import Speech
from voice.transport.loopback import LoopbackPeer
from voice.words import load_words

TASK = CallTask(
    task_id="att_test",
    callee=Callee("per_1", "陈小明", "13800138001", "天河区"),
    campaign_id="cam_1",
    facts={"district": "天河区"},
    attempt=1,
    not_after=START + timedelta(hours=1),
)
NOTICE = Reply("我是智能助手，本次通话会录音。", protected=True)
IDENTITY = Reply("请问是陈小明本人吗？")
STATUS = Reply("您现在有工作吗？有工作请按一，没有请按二。")
GOODBYE = Reply("谢谢您，再见。", call=CallAction.HANGUP)
BYE = Answer((GOODBYE,), ConversationState(disposition=Disposition.COMPLETED, completed="follow_up"))


PLAIN = Manner()


class ToneSpeech:
    """``Speech`` straight from the tone synthesiser."""

    async def render(self, text: str, manner: Manner = PLAIN) -> Sequence[AudioFrame]:
        return [frame async for frame in ToneSynthesizer().speak(text)]


def asked(question: str, *replies: Reply, **state: object) -> Answer:
    return Answer(replies, replace(ConversationState(open_question=question), **state))  # type: ignore[arg-type]


def scripted(*answers: Answer) -> ScriptedDialogue:
    """A dialogue that gives ``answers`` in order, the last one for ever."""
    waiting = list(answers)
    return ScriptedDialogue(lambda turn: waiting.pop(0) if len(waiting) > 1 else waiting[0])


class Rig:
    """Everything one call needs, with the parts a test may exchange."""

    def __init__(self, far_end: FarEnd, dialogue: Dialogue, peer: LoopbackPeer | None = None) -> None:
        self.transport = PersonTransport(far_end, peer)
        self.dialogue = dialogue
        self.recognizer: Recognizer = ScriptedRecognizer(self.transport.words)
        self.limits = SessionLimits()
        self.speech: Speech = ToneSpeech()
        self.recordings: Path | None = None
        self.desk: Desk | None = BlindDesk("sip:staff@127.0.0.1")
        self.task = TASK
        self.during: Callable[[CallSession], None] | None = None

    def call(self) -> CallStory:
        async def place() -> CallStory:
            equipment = Equipment(
                transport=self.transport,
                dialogue=self.dialogue,
                recognizer=self.recognizer,
                speech=self.speech,
                make_activity=EnergyVad,
                words=load_words(),
                clock=LoopClock(),
                limits=self.limits,
                agency="测试中心",
                desk=self.desk,
                recordings_dir=self.recordings,
            )
            session = CallSession(equipment, self.task)
            if self.during is not None:
                self.during(session)
            return await session.run()

        return run_virtual(place())

    def record(self) -> tuple[CallRecord, Result]:
        return record_of(self.call())


def said(story: CallStory, speaker: str) -> list[str]:
    return [item.text for item in story.utterances if item.speaker == speaker]


def test_the_dialogue_is_told_script_variant_and_variables() -> None:
    """What a campaign's plan says about this person stands beside the facts."""

    async def resident(person: Person) -> None:
        await person.reply("是我本人")

    dialogue = scripted(asked("identity", NOTICE, IDENTITY), BYE)
    rig = Rig(resident, dialogue)
    rig.task = replace(TASK, script="notice", variant="B", variables={"期数": "第二期"})
    rig.call()

    told = dialogue.turns[0].metadata
    assert (told["script"], told["variant"], told["variables"]) == ("notice", "B", {"期数": "第二期"})


def test_a_whole_call_from_the_notice_to_the_goodbye(tmp_path: Path) -> None:
    """Notice and question are spoken, the answer becomes a turn, the goodbye ends the call."""

    async def resident(person: Person) -> None:
        await person.reply("是我本人")

    dialogue = scripted(asked("identity", NOTICE, IDENTITY), BYE)
    rig = Rig(resident, dialogue)
    rig.recordings = tmp_path
    story = rig.call()

    record, result = record_of(story)
    assert [turn.event for turn in dialogue.turns] == [TurnEvent.CALL_ANSWERED, TurnEvent.UTTERANCE]
    assert dialogue.turns[0].metadata == {
        "name": "陈小明",
        "facts": {"district": "天河区"},
        "agency": "测试中心",
    }
    assert dialogue.turns[1].text == "是我本人"
    assert said(story, "bot") == [NOTICE.text + IDENTITY.text, GOODBYE.text]
    assert record.disposition is result.disposition is Disposition.COMPLETED
    assert (tmp_path / record.recording).stat().st_size > 44
    (gap,) = story.gaps
    assert gap.total_ms == record.turn_gaps_ms[0]
    assert gap.other_ms <= 150
    assert 200 <= gap.endpoint_ms <= 260


def test_the_recogniser_expects_the_callees_name() -> None:
    """The open question's words are handed over as hints."""

    async def resident(person: Person) -> None:
        await person.reply("是我")

    rig = Rig(resident, scripted(asked("identity", IDENTITY), BYE))
    recognizer = ScriptedRecognizer(rig.transport.words)
    rig.recognizer = recognizer
    rig.call()
    assert "陈小明" in recognizer.hints[0]


@pytest.mark.parametrize("streaming", [False, True])
def test_speech_over_ours_stops_it_within_400_ms(streaming: bool) -> None:
    """Who interrupts is heard; only what was played counts as said."""
    long = Reply("我先说明一下。这里有很长的一段内容，一直说一直说一直说一直说。还有最后一句。")
    spoke_at: list[int] = []

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(1600)
        spoke_at.append(person.now())
        await person.say("等一下我不方便", 1200)

    rig = Rig(resident, scripted(asked("convenient", long), BYE))
    rig.recognizer = ScriptedRecognizer(rig.transport.words, streaming=streaming)
    story = rig.call()

    first = next(item for item in story.utterances if item.speaker == "bot")
    assert first.interrupted
    assert first.text == "我先说明一下。…"
    assert first.end_ms - spoke_at[0] <= 400
    assert said(story, "resident") == ["等一下我不方便"]


def test_a_listening_noise_lets_us_go_on() -> None:
    """ "嗯" in the middle of a reply is no answer: the rest is said."""
    long = Reply("我先说明一下这件事情。然后是第二句话。您方便吗？")

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(800)
        await person.say("嗯", 400)
        await person.reply("方便")

    dialogue = scripted(asked("convenient", long), BYE)
    story = Rig(resident, dialogue).call()

    assert [turn.text for turn in dialogue.turns] == ["", "方便"]
    assert "您方便吗？" in said(story, "bot")[1]


def test_talk_over_the_notice_does_not_stop_it() -> None:
    """The protected notice is heard to its end and "喂" is no answer."""

    async def resident(person: Person) -> None:
        await person.wait(500)
        await person.say("喂你好", 900)
        await person.reply("我是")

    dialogue = scripted(asked("identity", NOTICE, IDENTITY), BYE)
    story = Rig(resident, dialogue).call()

    assert [turn.text for turn in dialogue.turns] == ["", "我是"]
    assert not any(item.interrupted for item in story.utterances)


def test_silence_is_told_to_the_core_until_it_says_goodbye() -> None:
    """Each silence is a turn; nothing ever heard is stored as such."""

    async def resident(person: Person) -> None:
        await person.wait(60_000)

    bye = Answer((GOODBYE,), ConversationState())
    again = asked("identity", IDENTITY)
    dialogue = scripted(again, again, again, bye)
    record, _ = Rig(resident, dialogue).record()

    events = [turn.event for turn in dialogue.turns]
    assert events == [TurnEvent.CALL_ANSWERED] + [TurnEvent.SILENCE] * 3
    assert record.disposition is Disposition.NO_SPEECH


def test_a_key_answers_where_the_question_offers_it() -> None:
    """An offered key stops our speech and becomes a turn; another key is ignored."""

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(500)
        person.peer.press("9")
        await person.wait(500)
        person.peer.press("1")

    dialogue = scripted(asked("employment_status", STATUS, keys=("1", "2")), BYE)
    story = Rig(resident, dialogue).call()

    assert [(turn.event, turn.text) for turn in dialogue.turns[1:]] == [(TurnEvent.KEY, "1")]
    assert said(story, "resident") == ["（按键 1）"]
    assert story.utterances[0].interrupted


def test_a_hang_up_in_mid_sentence_ends_the_call_at_once() -> None:
    """Hanging up before any answer is stored as that."""

    async def resident(person: Person) -> None:
        await person.bot_starts()
        await person.wait(700)
        person.peer.hang_up()

    record, _ = Rig(resident, scripted(asked("identity", IDENTITY))).record()
    assert record.disposition is Disposition.HUNG_UP
    assert (record.ended_at - record.started_at).total_seconds() < 3


def test_the_last_words_before_a_hang_up_still_count() -> None:
    """ "不要再打了" and gone: the core hears it and the number is never called again."""

    async def resident(person: Person) -> None:
        await person.reply("不要再打了", 900)
        person.peer.hang_up()

    opted_out = Answer((GOODBYE,), ConversationState(disposition=Disposition.OPT_OUT))
    dialogue = scripted(asked("identity", IDENTITY), opted_out)
    record, _ = Rig(resident, dialogue).record()

    assert dialogue.turns[-1].text == "不要再打了"
    assert record.disposition is Disposition.OPT_OUT


class HangingRecognizer:
    """Never comes to an end."""

    streaming = False

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        import asyncio

        await asyncio.sleep(100_000)
        yield Transcript("", True, 0.0, 0, 0)


class DyingRecognizer:
    """Breaks in the middle of every utterance."""

    streaming = True

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        taken = 0
        async for frame in frames:
            taken += 1
            if taken > 20:
                raise EngineError("worker process died")
            yield Transcript("我", False, 1.0, frame.at_ms, frame.at_ms)


class SurprisingRecognizer:
    """Raises what no contract mentions."""

    streaming = False

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        async for _ in frames:
            raise ZeroDivisionError
        yield Transcript("", True, 0.0, 0, 0)


@pytest.mark.parametrize("recognizer", [HangingRecognizer(), DyingRecognizer(), SurprisingRecognizer()])
def test_after_two_recogniser_failures_keys_go_on(recognizer: Recognizer) -> None:
    """Each failure is an unclear turn; then speech is no longer waited for and keys still work."""

    async def resident(person: Person) -> None:
        await person.reply("我有工作", 1000)
        await person.reply("我说我有工作", 1000)
        await person.reply("有工作啊", 1000)
        await person.wait(1500)
        person.peer.press("1")

    question = asked("employment_status", STATUS, keys=("1", "2"))
    dialogue = scripted(question, question, question, BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = recognizer
    record, _ = rig.record()

    events = [turn.event for turn in dialogue.turns]
    assert events == [TurnEvent.CALL_ANSWERED, TurnEvent.UNCLEAR, TurnEvent.UNCLEAR, TurnEvent.KEY]
    assert "recognizer_failed" in record.needs_review


def test_without_ears_and_without_keys_the_call_ends_kindly() -> None:
    """Nobody is kept on a line that cannot hear them."""

    async def resident(person: Person) -> None:
        for _ in range(3):
            await person.reply("喂喂喂", 1000)
        await person.wait(30_000)

    rig = Rig(resident, scripted(asked("identity", IDENTITY)))
    rig.recognizer = DyingRecognizer()
    story = rig.call()
    assert said(story, "bot")[-1] == load_words().emergency["cannot_hear"]
    assert record_of(story)[0].disposition is Disposition.FAILED


def test_when_the_core_goes_away_what_was_said_is_kept() -> None:
    """A kind sentence, a hang-up, and every field so far in the record."""

    def script(turn: Turn) -> Answer:
        if turn.event is TurnEvent.CALL_ANSWERED:
            field = FieldValue("self", "是", "m0", 0.9)
            return asked("employment_status", STATUS, fields={"identity": field})
        raise DialogueUnavailable("gone")

    async def resident(person: Person) -> None:
        await person.reply("有工作")
        await person.wait(30_000)

    story = Rig(resident, ScriptedDialogue(script)).call()
    record, result = record_of(story)
    assert said(story, "bot")[-1] == load_words().emergency["dialogue_down"]
    assert record.disposition is Disposition.PARTIAL
    assert result.fields["identity"].value == "self"
    assert "technical_fault" in record.needs_review
    assert said(story, "resident") == ["有工作"]


def test_going_on_after_a_pause_is_one_utterance() -> None:
    """Who resumes before the recogniser is done is understood as a whole."""

    class Slow(ScriptedRecognizer):
        async def transcribe(
            self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
        ) -> AsyncIterator[Transcript]:
            import asyncio

            await asyncio.sleep(1.5)
            async for transcript in super().transcribe(frames, hints):
                yield transcript

    async def resident(person: Person) -> None:
        await person.reply("我想做", 700)
        await person.wait(900)
        await person.say("家政", 700)

    dialogue = scripted(asked("wanted_jobs", IDENTITY), BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = Slow(rig.transport.words)
    rig.call()
    assert [turn.text for turn in dialogue.turns[1:]] == ["我想做家政"]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_cough_after_the_answer_does_not_lose_it(streaming: bool) -> None:
    """A noise while the words are being recognised neither drops nor doubles them."""

    class Slow(ScriptedRecognizer):
        async def transcribe(
            self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
        ) -> AsyncIterator[Transcript]:
            import asyncio

            async for transcript in super().transcribe(frames, hints):
                if transcript.final:
                    await asyncio.sleep(1.0)
                yield transcript

    async def resident(person: Person) -> None:
        await person.reply("我想做家政", 700)
        await person.wait(900)
        person.peer.say(hum(80))

    dialogue = scripted(asked("wanted_jobs", IDENTITY), BYE)
    rig = Rig(resident, dialogue)
    rig.recognizer = Slow(rig.transport.words, streaming=streaming)
    rig.call()
    assert [turn.text for turn in dialogue.turns[1:]] == ["我想做家政"]


def test_being_put_on_hold_is_not_silence() -> None:
    """Nobody is asked again while they cannot hear us; after a minute we ask all the same."""

    async def resident(person: Person) -> None:
        await person.bot_finishes()
        await person.wait(500)
        person.peer.hold()
        await person.wait(120_000)

    dialogue = scripted(asked("identity", IDENTITY), BYE)
    story = Rig(resident, dialogue).call()
    assert dialogue.turns[-1].event is TurnEvent.SILENCE
    assert 60 <= (story.ended_at - START).total_seconds() <= 75


def test_an_asked_for_transfer_is_made() -> None:
    """The reply is said, then the far end is handed over."""

    async def resident(person: Person) -> None:
        await person.reply("找人工")

    handing_over = Reply("我帮您转接。", call=CallAction.TRANSFER)
    state = ConversationState(disposition=Disposition.TRANSFERRED)
    rig = Rig(resident, scripted(asked("identity", IDENTITY), Answer((handing_over,), state)))
    record, _ = rig.record()
    assert rig.transport.peer.transferred_to == "sip:staff@127.0.0.1"
    assert record.disposition is Disposition.TRANSFERRED
    assert "asked_human" in record.needs_review


def test_a_refused_transfer_is_explained() -> None:
    """Nobody free: the resident is told that somebody will call back."""

    async def resident(person: Person) -> None:
        await person.reply("找人工")

    handing_over = Reply("我帮您转接。", call=CallAction.TRANSFER)
    state = ConversationState(disposition=Disposition.TRANSFERRED)
    rig = Rig(
        resident,
        scripted(asked("identity", IDENTITY), Answer((handing_over,), state)),
        LoopbackPeer(ring_ms=200, accepts_transfer=False),
    )
    story = rig.call()
    assert said(story, "bot")[-1] == load_words().emergency["transfer_failed"]


async def nobody(person: Person) -> None:
    """A far end without anybody."""


@pytest.mark.parametrize(
    ("peer", "disposition"),
    [
        (LoopbackPeer(reject=486), Disposition.BUSY),
        (LoopbackPeer(reject=603, ring_ms=400), Disposition.REJECTED),
        (LoopbackPeer(reject=404), Disposition.EMPTY_NUMBER),
        (LoopbackPeer(answers=False), Disposition.NO_ANSWER),
    ],
)
def test_a_call_that_is_not_answered_has_a_name(peer: LoopbackPeer, disposition: Disposition) -> None:
    """No turn is made and the attempt is stored with the network's reason."""
    dialogue = scripted(BYE)
    record, result = Rig(nobody, dialogue, peer).record()
    assert record.disposition is result.disposition is disposition
    assert record.answered_at is None
    assert not dialogue.turns


def test_the_networks_announcement_is_understood() -> None:
    """ "已关机" in early media ends the attempt before it rings out."""

    class Announces(ScriptedRecognizer):
        def __init__(self) -> None:
            super().__init__(lambda start, end: "您好，您拨打的电话已关机")

    rig = Rig(nobody, scripted(BYE), LoopbackPeer(early=hum(2500), answers=False, ring_ms=30_000))
    rig.recognizer = Announces()
    record, _ = rig.record()
    assert record.disposition is Disposition.POWERED_OFF
    assert (record.ended_at - record.started_at).total_seconds() < 6


def test_a_voice_box_is_not_talked_to() -> None:
    """A greeting that asks for a message ends the call as voicemail."""

    async def machine(person: Person) -> None:
        await person.bot_finishes()
        await person.say("您好我现在无法接听请在嘀声后留言", 2000)

    record, _ = Rig(machine, scripted(asked("identity", IDENTITY))).record()
    assert record.disposition is Disposition.VOICEMAIL


def test_a_line_that_goes_dead_is_named() -> None:
    """No more audio from the far end ends the call as failed media."""

    async def resident(person: Person) -> None:
        await person.bot_finishes()
        person.peer.lose_media()

    record, _ = Rig(resident, scripted(asked("identity", IDENTITY))).record()
    assert record.disposition is Disposition.MEDIA_FAILED


def test_a_stopping_worker_says_goodbye() -> None:
    """Draining ends the call with a sentence, and the attempt as interrupted."""
    import asyncio

    async def resident(person: Person) -> None:
        await person.wait(60_000)

    rig = Rig(resident, scripted(asked("identity", IDENTITY)))
    rig.during = lambda session: asyncio.get_running_loop().call_later(5, session.drain) and None
    story = rig.call()
    assert said(story, "bot")[-1] == load_words().emergency["shutting_down"]
    assert record_of(story)[0].disposition is Disposition.INTERRUPTED


def test_a_stopping_worker_that_may_not_wait_hangs_up() -> None:
    """Abort ends the call within a moment and keeps the record."""
    import asyncio

    async def resident(person: Person) -> None:
        await person.wait(60_000)

    rig = Rig(resident, scripted(asked("identity", IDENTITY)))
    rig.during = lambda session: asyncio.get_running_loop().call_later(3, session.abort) and None
    record, _ = rig.record()
    assert record.disposition is Disposition.INTERRUPTED
    assert (record.ended_at - record.started_at).total_seconds() < 4


def test_an_endless_call_is_ended() -> None:
    """A call has a longest duration, and the resident is told."""

    async def resident(person: Person) -> None:
        while True:
            await person.reply("还有一件事")

    rig = Rig(resident, scripted(asked("anything_else", IDENTITY)))
    rig.limits = SessionLimits(max_call_ms=60_000)
    story = rig.call()
    assert said(story, "bot")[-1] == load_words().emergency["too_long"]


def test_a_broken_part_of_ours_still_leaves_an_account() -> None:
    """An unforeseen exception ends the call as failed, by name, without its text."""

    async def resident(person: Person) -> None:
        await person.reply("是我")

    class Broken:
        async def respond(self, turn: Turn) -> Answer:
            raise RuntimeError("陈小明")

    story = Rig(resident, Broken()).call()
    record, _ = record_of(story)
    assert record.disposition is Disposition.FAILED
    assert record.detail["fault"] == "RuntimeError"


def test_a_disk_that_is_gone_does_not_stop_the_call(tmp_path: Path) -> None:
    """Without a recording the conversation goes on and says so in its record."""

    async def resident(person: Person) -> None:
        await person.reply("是我")

    rig = Rig(resident, scripted(asked("identity", IDENTITY), BYE))
    rig.recordings = tmp_path / "file"
    rig.recordings.write_text("no folder")
    record, _ = rig.record()
    assert record.disposition is Disposition.COMPLETED
    assert record.recording == ""
    assert record.detail["recording_failed"]


def test_a_disk_that_fills_up_in_mid_call_does_not_stop_it(tmp_path: Path) -> None:
    """The talk goes on, the record says that the recording is incomplete, and what was written is kept."""

    async def resident(person: Person) -> None:
        await person.reply("是我")

    rig = Rig(resident, scripted(asked("identity", NOTICE, IDENTITY), BYE))
    rig.recordings = tmp_path
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        record, _ = rig.record()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert record.disposition is Disposition.COMPLETED
    assert record.detail["recording_failed"]
    assert (tmp_path / record.recording).stat().st_size > 30_000
