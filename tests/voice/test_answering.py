"""Who answered: people, machines in their place, announcements; over whole calls in virtual time too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dialogue import ScriptedDialogue
from core.errors import BadInput, ConfigError
from core.types import AudioFrame, CallAction, Disposition, Reply
from tests.voice.line import Person, hum
from tests.voice.test_session import IDENTITY, NOTICE, Rig, asked, said, scripted
from voice.answering import AnsweredBy, load_answering
from voice.engines.scripted import ScriptedRecognizer, tone
from voice.interfaces import FRAME_MS
from voice.lab.answered import read_first_words, summarise_answered, tell_all
from voice.tones import FAX_HZ, FaxTone
from voice.transport.loopback import LoopbackPeer

SET = Path(__file__).parents[1] / "data" / "eval" / "answered.jsonl"
ANSWERING = load_answering()
LONG_NOTICE = Reply(
    "您好，我是人工智能助手，本次通话会录音，请您放心，我们只问几个简短的问题。", protected=True
)
BYE = asked("", Reply("再见。", call=CallAction.HANGUP), disposition=Disposition.COMPLETED)


def test_announcements_are_named_and_no_person_is_taken_for_a_machine() -> None:
    """The set of the benchmarks meets its bars: 97 of 100 announcements, not one of 300 people."""
    summary = summarise_answered(list(tell_all(read_first_words([SET]), ANSWERING)))
    assert summary["announcements"] >= 0.97
    assert summary["persons"] >= 300
    assert summary["persons_taken_for_machines"] == 0


@pytest.mark.parametrize(
    ("heard", "disposition"),
    [
        ("您波打的电话已关鸡", Disposition.POWERED_OFF),
        ("您拨打的号码是空耗请核对后再播", Disposition.EMPTY_NUMBER),
        ("您好您拨打的用户已亭机", Disposition.SUSPENDED),
    ],
)
def test_announcements_are_known_by_their_sound_too(heard: str, disposition: Disposition) -> None:
    """Recognisers write the wrong character for the right syllable."""
    assert ANSWERING.judge(heard, answered=False).disposition is disposition


@given(st.text(max_size=200))
def test_whatever_is_heard_has_a_judgement(text: str) -> None:
    """Any text at all; a judgement that ends a call names a disposition."""
    judgement = ANSWERING.judge(text, answered=True)
    assert (judgement.disposition is None) == (judgement.by in {AnsweredBy.PERSON, AnsweredBy.FORWARDING})


def test_a_voice_box_is_recognised_while_it_is_talking() -> None:
    """Ten seconds without a pause, and our own notice over it: known within two seconds, then hung up."""

    async def machine(person: Person) -> None:
        await person.say("您好我现在无法接听请在嘀声后留言谢谢", 10_000)

    story = Rig(machine, scripted(asked("identity", LONG_NOTICE, IDENTITY))).call()
    assert story.announcement is Disposition.VOICEMAIL
    assert story.detail["answered_by"] == "voicemail"
    assert story.detail["answered_by_ms"] <= 2000
    assert story.answered_at is not None
    assert (story.ended_at - story.answered_at).total_seconds() < 3


def test_a_streaming_engine_tells_a_voice_box_early_too() -> None:
    """Its partial transcript is enough."""

    async def machine(person: Person) -> None:
        await person.say("这里是语音信箱请留言", 8_000)

    rig = Rig(machine, scripted(asked("identity", LONG_NOTICE, IDENTITY)))
    rig.recognizer = ScriptedRecognizer(rig.transport.words, streaming=True)
    assert rig.call().detail["answered_by"] == "voicemail"


def test_a_voice_box_that_begins_like_an_announcement_is_heard_out() -> None:
    """What it says first would name another disposition than what it asks for in the end."""

    async def machine(person: Person) -> None:
        await person.say("您好您拨打的用户暂时无法接通", 2_500)
        await person.say("请在嘀声后留言", 1_500)

    story = Rig(machine, scripted(asked("identity", LONG_NOTICE, IDENTITY))).call()
    assert story.announcement is Disposition.VOICEMAIL


@pytest.mark.parametrize(
    "opening",
    [
        "喂你好你是哪里啊怎么又打电话来我正在开会呢有事你给我微信留言吧好不好",
        "边位啊我部电话就快熄机喇你有咩事快啲讲啦我而家喺条街度好嘈听唔清楚",
        "我不是机主你找机主啊他手机关机了打不通的你过两天再打吧",
    ],
)
def test_a_person_who_talks_on_and_on_is_not_hung_up_on(opening: str) -> None:
    """Whatever they say about machines, the conversation goes on."""

    async def talker(person: Person) -> None:
        await person.say(opening, 9_000)
        await person.reply("是我本人")

    story = Rig(talker, scripted(asked("identity", NOTICE, IDENTITY), BYE)).call()
    assert story.detail["answered_by"] == "person"
    assert story.announcement is None
    assert story.state.disposition is Disposition.COMPLETED


def test_a_person_stays_one_whatever_they_say_later() -> None:
    """Words of a machine in the middle of a conversation end nothing."""

    async def resident(person: Person) -> None:
        await person.reply("是我")
        await person.reply("他说请在嘀声后留言")

    answers = {"m1": asked("identity", IDENTITY), "m2": asked("status", NOTICE), "m3": BYE}
    dialogue = ScriptedDialogue(lambda turn: answers[turn.message_id])
    story = Rig(resident, dialogue).call()
    assert story.announcement is None
    assert len(dialogue.turns) == 3


def test_a_fax_is_not_talked_to() -> None:
    """Its answering tone ends the call at once, as a machine."""

    async def fax(person: Person) -> None:
        await person.wait(300)
        person.peer.say(tuple(_pure(FAX_HZ, index) for index in range(100)))
        await person.wait(2000)

    story = Rig(fax, scripted(asked("identity", LONG_NOTICE, IDENTITY))).call()
    assert (story.detail["answered_by"], story.announcement) == ("fax", Disposition.VOICEMAIL)


def test_speech_and_other_tones_are_no_fax() -> None:
    """Only 2100 Hz, only pure, only long."""
    for sound in (hum(3000), tuple(_pure(450, index) for index in range(150))):
        fax = FaxTone()
        assert not any(fax.feed(frame) for frame in sound)
    short = FaxTone()
    assert not any(short.feed(_pure(FAX_HZ, index)) for index in range(25))


def test_being_passed_on_is_waited_out() -> None:
    """「正在为您转接」 while it rings ends nothing; the person who then answers is talked to."""

    async def nobody_yet(person: Person) -> None:
        await person.reply("是我")

    class Forwards(ScriptedRecognizer):
        def __init__(self, words: object) -> None:
            super().__init__(lambda start, end: "您的呼叫正在转移请稍候" if end < 4000 else "是我")

    rig = Rig(
        nobody_yet,
        scripted(asked("identity", NOTICE, IDENTITY), BYE),
        LoopbackPeer(early=hum(2000), ring_ms=4_000),
    )
    rig.recognizer = Forwards(rig.transport.words)
    story = rig.call()
    assert story.detail["forwarded"] is True
    assert said(story, "bot")
    assert story.state.disposition is Disposition.COMPLETED


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{}", "label"),
        ('{"text": 1, "label": "person"}', "text"),
        ('{"text": "喂", "label": "dog"}', "person"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    """File and line are named, and what the labels are."""
    path = tmp_path / "answered.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=rf"answered.jsonl, line 1.*{complaint}"):
        read_first_words([path])


@pytest.mark.parametrize(
    "content", ["[]", "network_signs: 1", "machines: {dog: [汪]}", "network_signs: [a]\nnetwork: {x: [a]}"]
)
def test_a_broken_word_list_is_named(tmp_path: Path, content: str) -> None:
    """The file's name and the key."""
    path = tmp_path / "answering.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"answering\.yml"):
        load_answering(path)


def _pure(hz: int, index: int) -> AudioFrame:
    """One frame of a pure tone; multiples of 50 Hz join smoothly."""
    return replace(tone(hz=hz), at_ms=index * FRAME_MS)
