"""Session timers, one-way audio, a bad line and a far end that does not let go."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from array import array

import pytest
from aiortp.packet import RtcpReceiverInfo, RtcpRrPacket

from tests.voice.transport.lines import FAR_HZ, PORTS, story, task_for, until
from tests.voice.transport.rawsip import SDP, RawPeer, header, raw_peer, reply
from tests.voice.transport.sounds import ms_of, tone
from tests.voice.transport.test_sip_faults import call_to
from voice.transport.audible import Audible
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.uas import IncomingLeg

pytestmark = pytest.mark.sip


def accepting(peer: RawPeer, text: str, extra: str = "") -> str:
    where = f"Contact: <sip:127.0.0.1:{peer.port}>"
    lines = f"{where}\r\n{extra}" if extra else where
    return reply(text, "200 OK", lines, SDP.format(port=40000, codecs="8"))


@pytest.fixture
def quick_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of RFC 4028 passes in a millisecond."""
    sleep = asyncio.sleep

    async def quicker(delay: float, result: object = None) -> object:
        return await sleep(delay / 1000, result)

    class Clock:
        """``asyncio`` with a fast clock."""

        def __getattr__(self, name: str) -> object:
            return quicker if name == "sleep" else getattr(asyncio, name)

    monkeypatch.setattr("aiosipua.session_timer.asyncio", Clock())


async def test_we_refresh_the_session_when_that_is_agreed(quick_sessions: None) -> None:
    """UPDATE at half the interval, marked as a refresh; a peer that lost the call (481) ends it."""
    answers = ["200 OK", "200 OK", "481 Call/Transaction Does Not Exist"]

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            return [accepting(peer, text, "Session-Expires: 200;refresher=uac\r\nRequire: timer")]
        if text.startswith("UPDATE"):
            return [reply(text, answers.pop(0))]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with (
        raw_peer(script) as peer,
        SipTransport(SipOptions(ports=PORTS)) as ours,
        ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call,
    ):
        last = (await story(call))[-1]
    assert (last.kind, last.detail["reason"]) == ("hung_up", "session expired")
    invite, updates = peer.requests("INVITE")[0], peer.requests("UPDATE")
    assert (header(invite, "Supported"), header(invite, "Session-Expires")) == ("timer", "1800")
    assert [header(update, "Session-Expires") for update in updates] == ["200;refresher=uac"] * 3
    assert len(peer.requests("BYE")) == 1


async def test_a_session_that_the_far_end_forgets_is_ended(quick_sessions: None) -> None:
    """It promised to refresh; the audio alone would have kept the line busy for ever."""

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            return [accepting(peer, text, "Session-Expires: 90;refresher=uas")]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with (
        raw_peer(script) as peer,
        SipTransport(SipOptions(ports=PORTS)) as ours,
        ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call,
    ):
        assert (await story(call))[-1].detail["reason"] == "session expired"
    assert peer.requests("BYE")


async def test_a_far_end_that_wants_longer_sessions_gets_them() -> None:
    """422 with Min-SE: the INVITE comes again with that interval, once."""

    def script(text: str) -> list[str]:
        if text.startswith("INVITE") and header(text, "Session-Expires") == "1800":
            return [reply(text, "422 Session Interval Too Small", "Min-SE: 3600")]
        if text.startswith("INVITE"):
            return [accepting(peer, text, "Session-Expires: 3600;refresher=uas")]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with (
        raw_peer(script) as peer,
        SipTransport(SipOptions(ports=PORTS)) as ours,
        ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call,
    ):
        await until(call, "answered")
    assert [header(text, "Session-Expires") for text in peer.requests("INVITE")] == ["1800", "3600"]


@pytest.mark.parametrize("least", ["", "abc", "90", "99999999999"])
async def test_a_422_that_makes_no_sense_ends_the_call(least: str) -> None:
    """No endless haggling."""

    def script(text: str) -> list[str]:
        refusal = reply(text, "422 Session Interval Too Small", f"Min-SE: {least}" if least else "")
        return [refusal] if text.startswith("INVITE") else []

    async with (
        raw_peer(script) as peer,
        SipTransport(SipOptions(ports=PORTS)) as ours,
        ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call,
    ):
        assert (await story(call))[-1].kind == "rejected"
    assert len(peer.requests("INVITE")) == 1


async def test_a_peer_that_never_answers_bye_does_not_hold_the_line() -> None:
    """The call is over for us after four seconds at most, and nothing is left."""

    def script(text: str) -> list[str]:
        return [accepting(peer, text)] if text.startswith("INVITE") else []

    async with raw_peer(script) as peer, SipTransport(SipOptions(ports=PORTS)) as ours:
        async with asyncio.timeout(8):
            async with ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call:
                await until(call, "answered")
                await call.hangup()
            events = await story(call)
    assert events[-1].kind == "hung_up"
    assert peer.requests("BYE")


async def test_speech_survives_a_line_that_loses_every_third_packet() -> None:
    """Frames come without gaps and most of the tone is there; nothing ends the call."""

    class Lossy:
        def __init__(self) -> None:
            self.dice = random.Random(30)

        def sounds(self, pcm: bytes) -> bytes:
            return pcm

        def delay_s(self) -> float | None:
            return None if self.dice.random() < 0.3 else 0.0

    async def person(leg: IncomingLeg) -> None:
        leg.media.out.line = Lossy()
        await leg.answer()
        await leg.play(tone(FAR_HZ, 2000))

    async with call_to(person) as call:
        frames = [frame async for frame in call.frames()]
    steps = {later.at_ms - earlier.at_ms for earlier, later in itertools.pairwise(frames)}
    assert steps == {20}
    assert ms_of(frames, FAR_HZ) >= 1400


async def test_a_line_that_carries_only_silence_is_named() -> None:
    """Packets came, no sound ever did: the last event says so."""

    async def mute(leg: IncomingLeg) -> None:
        await leg.answer()
        await asyncio.sleep(0.4)

    async def speaker(leg: IncomingLeg) -> None:
        await leg.answer()
        await leg.play(tone(FAR_HZ, 300))

    for person, audio in ((mute, "silent_line"), (speaker, None)):
        async with call_to(person) as call:
            last = (await story(call))[-1]
        assert last.detail.get("audio") == audio


def test_a_far_end_that_does_not_hear_us_is_named() -> None:
    """Its own reports say that everything is lost; one such report or a report on others says nothing."""

    def report(ssrc: int, lost: int) -> bytes:
        block = RtcpReceiverInfo(
            ssrc=ssrc, fraction_lost=lost, packets_lost=9, highest_sequence=9, jitter=0, lsr=0, dlsr=0
        )
        return bytes(RtcpRrPacket(ssrc=1, reports=[block]))

    loud = array("h", [9000] * 160).tobytes()
    for blocks, verdict in (
        ([(7, 255), (7, 255)], "they_hear_nothing"),
        ([(7, 255)], ""),
        ([(8, 255), (8, 255)], ""),
        ([(7, 255), (7, 10), (7, 255)], ""),
    ):
        audible = Audible()
        audible.heard(loud)
        for ssrc, lost in blocks:
            audible.report(report(ssrc, lost), 7)
        assert audible.verdict(100) == verdict
    assert Audible().verdict(0) == "we_hear_nothing"


def test_any_rtcp_datagram_is_survived() -> None:
    """Cut off, random or empty."""
    audible = Audible()
    chance = random.Random(3550)
    for _ in range(500):
        head = bytes([0x80 | chance.randrange(32), chance.choice([200, 201, 202, 203, 205, 206])])
        audible.report(head + chance.randbytes(chance.randrange(60)), 7)
    assert audible.verdict(1) == "silent_line"
    assert re.fullmatch(r"\w+", audible.verdict(0))
