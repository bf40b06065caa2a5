"""Putting a resident through: the person is briefed first, and nobody who cannot be put through is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest

from core.clock import SystemClock
from core.types import Answer, CallAction, ConversationState, Disposition, Reply
from tests.voice.line import Person
from tests.voice.test_session import IDENTITY, TASK, Rig, ToneSpeech, asked, said, scripted
from tests.voice.transport.lines import PORTS, task_for, until
from tests.voice.transport.rawsip import SDP, header, raw_peer, reply
from tests.voice.transport.test_sip_faults import request
from tests.voice.virtual_time import LoopClock
from voice.desk import BriefedDesk, Desk
from voice.outcome import record_of
from voice.transport.loopback import LoopbackPeer, LoopbackTransport
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.uas import AnsweringTransport, IncomingLeg
from voice.words import load_words

SUMMARY = ("陈小明，天河区，问失业金怎么领。", "想找保安，别的还没问。")
TO_STAFF = Answer(
    (Reply("马上为您转接，请稍等。", call=CallAction.TRANSFER),),
    ConversationState(
        disposition=Disposition.TRANSFERRED, needs_review=("human_requested",), summary=SUMMARY
    ),
)


class Spoken(ToneSpeech):
    """Remembers what was to be said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def render(self, text: str) -> object:  # type: ignore[override]
        self.texts.append(text)
        return await super().render(text)


async def asks_for_staff(person: Person) -> None:
    await person.reply("找人工")
    await person.wait(60_000)


def rig_with(peer: LoopbackPeer, speech: Spoken, *, ring_ms: int = 20_000, joins: bool = True) -> Rig:
    """A call whose desk is a second loopback line to ``peer``."""
    rig = Rig(asks_for_staff, scripted(asked("identity", IDENTITY), TO_STAFF))
    rig.transport.peer.accepts_transfer = joins
    line = LoopbackTransport(lambda _: peer, clock=LoopClock())
    rig.desk = BriefedDesk("sip:desk@127.0.0.1", line, speech, LoopClock(), ring_ms)
    return rig


def test_the_person_hears_the_summary_before_the_resident_is_joined() -> None:
    """Both lines are spoken to the desk; record and result carry them written."""
    staff, speech = LoopbackPeer(ring_ms=1000), Spoken()
    rig = rig_with(staff, speech)
    record, result = record_of(rig.call())
    (briefing,) = speech.texts
    assert SUMMARY[0] in briefing
    assert SUMMARY[1] in briefing
    assert len(staff.heard) * 20 >= 5000
    assert rig.transport.peer.joined_a_call
    assert record.disposition is Disposition.TRANSFERRED
    assert record.detail["transfer_accepted"] is True
    assert tuple(record.detail["summary"]) == tuple(result.detail["summary"]) == SUMMARY


@pytest.mark.parametrize(
    "staff",
    [
        LoopbackPeer(reject=486),
        LoopbackPeer(answers=False, ring_ms=0),
        LoopbackPeer(ring_ms=500, script=((600, lambda peer: peer.hang_up()),)),
    ],
    ids=["busy", "nobody there", "hangs up during the briefing"],
)
def test_when_nobody_is_free_a_call_back_is_promised(staff: LoopbackPeer) -> None:
    """The resident is told so and stays on the list of those who asked for a person."""
    rig = rig_with(staff, Spoken(), ring_ms=10_000)
    story = rig.call()
    record, _ = record_of(story)
    assert rig.transport.peer.transferred_to == ""
    assert said(story, "bot")[-1] == load_words().emergency["transfer_failed"]
    assert record.detail["transfer_accepted"] is False
    assert {"human_requested", "asked_human"} <= set(record.needs_review)


def test_a_resident_who_waits_is_told_that_it_takes_a_moment() -> None:
    """Every eight seconds, until somebody answers."""
    story = rig_with(LoopbackPeer(ring_ms=18_000), Spoken()).call()
    assert said(story, "bot").count(load_words().putting_through) >= 1


def test_a_resident_who_hangs_up_meanwhile_frees_the_desk() -> None:
    """The line to the desk is hung up; the attempt is stored as transferred, for a call back."""

    async def gives_up(person: Person) -> None:
        await person.reply("找人工")
        await person.wait(4000)
        person.peer.hang_up()

    rig = rig_with(LoopbackPeer(ring_ms=60_000), Spoken())
    rig.transport._far_end = gives_up
    record, _ = record_of(rig.call())
    assert record.disposition is Disposition.TRANSFERRED
    assert "asked_human" in record.needs_review


def test_a_far_end_that_cannot_be_joined_is_sent_there() -> None:
    """REFER with Replaces refused, then a plain REFER refused too: the call back is promised."""
    rig = rig_with(LoopbackPeer(ring_ms=100), Spoken(), joins=False)
    story = rig.call()
    assert said(story, "bot")[-1] == load_words().emergency["transfer_failed"]


@pytest.mark.sip
async def test_over_sip_the_resident_takes_our_place_in_the_briefed_call() -> None:
    """Refer-To names the desk's own contact and the dialogue to replace; the desk heard speech before."""
    heard: list[int] = []

    async def desk_person(leg: IncomingLeg) -> None:
        await leg.answer()
        await until(leg, "hung_up")
        heard.append(leg.media.inp.received)

    def resident(text: str) -> list[str]:
        if text.startswith("INVITE"):
            where = f"Contact: <sip:127.0.0.1:{peer.port}>"
            return [reply(text, "200 OK", where, SDP.format(port=40000, codecs="8"))]
        if text.startswith("REFER"):
            invite = peer.requests("INVITE")[0]
            report = request(peer, "NOTIFY", invite, "SIP/2.0 200 OK\r\n", "Event: refer")
            return [reply(text, "202 Accepted"), report]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with (
        raw_peer(resident) as peer,
        AnsweringTransport(desk_person) as staff,
        SipTransport(SipOptions(ports=PORTS)) as ours,
        ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call,
    ):
        await until(call, "answered")
        desk: Desk = BriefedDesk(staff.uri, ours, ToneSpeech(), SystemClock())
        assert await desk.take_over(call, replace(TASK), "两句话。")
    refer_to = unquote(header(peer.requests("REFER")[0], "Refer-To"))
    assert refer_to.startswith("<sip:")
    assert f":{staff.port}" in refer_to.split("?")[0]
    assert "?Replaces=" in refer_to
    assert ";to-tag=" in refer_to
    assert ";from-tag=" in refer_to
    assert heard[0] >= 20


@pytest.mark.sip
async def test_a_desk_that_cannot_be_reached_is_no_accident(free_port: Callable[[], int]) -> None:
    """Nobody listens at its address: ``False``, no exception."""
    transport = SipTransport(SipOptions(kind="tcp", ports=PORTS))
    async with transport as ours:
        desk = BriefedDesk(f"sip:x@127.0.0.1:{free_port()}", ours, ToneSpeech(), SystemClock(), 500)
        assert await desk.take_over(None, TASK, "") is False  # type: ignore[arg-type]
