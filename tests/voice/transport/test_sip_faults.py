"""What goes wrong on a real SIP line ends in a named disposition, or is survived."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from core.errors import CallError
from core.types import AudioFrame
from tests.voice.transport.lines import FAR_HZ, OUR_HZ, PORTS, story, task_for, until
from tests.voice.transport.rawsip import SDP, RawPeer, header, raw_peer, reply
from tests.voice.transport.sounds import ms_of, tone
from voice.transport.call import SipCall
from voice.transport.ports import PortRange
from voice.transport.sdp import NoCommonCodec
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.uas import AnsweringTransport, IncomingLeg

pytestmark = pytest.mark.sip

Person = Callable[[IncomingLeg], Awaitable[None]]
WRONG_CODEC = SDP.format(port=40000, codecs="9 18")


@asynccontextmanager
async def call_to(person: Person, **options: Any) -> AsyncIterator[SipCall]:
    """A call of ours to a far end that behaves as ``person`` says."""
    kind = options.get("kind", "udp")
    async with (
        AnsweringTransport(person, kind=kind) as far,
        transport(**options) as ours,
        ours.dial(task_for(far.uri)) as call,
    ):
        yield call


@asynccontextmanager
async def raw_call(peer: RawPeer) -> AsyncIterator[SipCall]:
    """A call of ours to a peer made of strings."""
    async with transport() as ours, ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call:
        yield call


def accept(peer: RawPeer, invite: str, codecs: str = "8 101") -> str:
    """A 200 with a session."""
    contact = f"Contact: <sip:127.0.0.1:{peer.port}>"
    return reply(invite, "200 OK", contact, SDP.format(port=40000, codecs=codecs))


def request(peer: RawPeer, method: str, invite: str, body: str = "", extra: str = "") -> str:
    """A request of theirs inside the call that ``invite`` began."""
    lines = [
        f"{method} sip:us SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK{method}",
        f"From: {header(invite, 'To')};tag=far",
        f"To: {header(invite, 'From')}",
        f"Call-ID: {header(invite, 'Call-ID')}",
        f"CSeq: 1 {method}",
        *extra.split("\r\n"),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*filter(None, lines), "", body])


def transport(**options: object) -> SipTransport:
    return SipTransport(SipOptions(ports=PORTS, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["udp", "tcp"])
async def test_hold_and_resume(kind: str) -> None:
    """A re-INVITE that holds is answered, silences us, and is undone by the next one."""
    statuses: list[int] = []
    heard: list[int] = []

    async def person(leg: IncomingLeg) -> None:
        await leg.answer()
        await asyncio.sleep(0.2)
        statuses.append(await leg.hold())
        before = leg.media.inp.received
        await asyncio.sleep(0.3)
        heard.append(leg.media.inp.received - before)
        statuses.append(await leg.hold("sendrecv"))
        before = leg.media.inp.received
        await asyncio.sleep(0.3)
        heard.append(leg.media.inp.received - before)

    async with call_to(person, kind=kind) as call:
        kinds = [event.kind for event in await story(call)]
    assert statuses == [200, 200]
    assert kinds == ["answered", "held", "resumed", "hung_up"]
    assert heard[0] <= 2
    assert heard[1] >= 12


async def test_a_reinvite_without_a_common_codec_changes_nothing() -> None:
    """It is refused with 488 and the talk goes on."""
    status: list[str] = []

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            return [accept(peer, text)]
        if text.startswith("ACK") and not status:
            status.append("sent")
            kind = "Content-Type: application/sdp"
            return [request(peer, "INVITE", peer.requests("INVITE")[0], WRONG_CODEC, kind)]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with raw_peer(script) as peer, raw_call(peer) as call:
        await until(call, "answered")
        assert await call.play(tone(OUR_HZ, 200)) == 200
        await call.hangup()
        assert [event.kind for event in await story(call)] == ["answered", "hung_up"]
    assert any(text.startswith("SIP/2.0 488") for text in peer.got)


async def test_no_common_codec_in_the_answer() -> None:
    """The call is acknowledged, hung up and stored as media_failed."""

    async def person(leg: IncomingLeg) -> None:
        await leg.answer(session=WRONG_CODEC)
        await until(leg, "hung_up")

    async with call_to(person) as call:
        last = (await story(call))[-1]
    assert (last.kind, last.detail["disposition"]) == ("failed", "media_failed")


async def test_the_far_end_refuses_our_codecs() -> None:
    """488 is media_failed, too."""

    async def person(leg: IncomingLeg) -> None:
        leg.decline(488)

    async with call_to(person) as call:
        last = (await story(call))[-1]
    assert (last.kind, last.detail["code"], last.detail["disposition"]) == ("rejected", 488, "media_failed")


async def test_an_incoming_call_without_g711_gets_a_488() -> None:
    """The answering side names the cause as well."""
    seen: list[type[Exception]] = []

    async def person(leg: IncomingLeg) -> None:
        try:
            await leg.answer()
        except NoCommonCodec as error:
            seen.append(type(error))

    async with AnsweringTransport(person) as far, raw_peer(lambda _: []) as peer:
        peer.sender = (far.host, far.port)
        peer.say(
            f"INVITE {far.uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK1\r\n"
            f"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 488test\r\nCSeq: 1 INVITE\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(WRONG_CODEC)}\r\n\r\n{WRONG_CODEC}"
        )
        await asyncio.sleep(0.2)
    assert seen == [NoCommonCodec]
    assert any(text.startswith("SIP/2.0 488") for text in peer.got)


@pytest.mark.parametrize("spoke", [False, True])
async def test_the_far_end_falls_silent(spoke: bool) -> None:
    """No RTP is media_lost and the end; media_failed only when there never was any."""

    async def person(leg: IncomingLeg) -> None:
        await leg.answer(quiet=not spoke)
        await asyncio.sleep(0.3)
        leg.vanish()
        await asyncio.sleep(10)

    async with call_to(person, media_timeout_s=0.5) as call:
        frames = [frame async for frame in call.frames()]
        events = await story(call)
        began = asyncio.get_running_loop().time()
        ended = asyncio.get_running_loop().time()
    assert [event.kind for event in events] == ["answered", "media_lost", "hung_up"]
    assert ("disposition" in events[-1].detail) == (not spoke)
    assert len(frames) >= 20  # silence keeps the beat
    assert ended - began < 6  # its BYE was never answered


async def test_nobody_at_the_address() -> None:
    """An INVITE that draws nothing is repeated, then unreachable."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.setblocking(False)
        address = f"sip:x@127.0.0.1:{deaf.getsockname()[1]}"
        async with transport() as ours, ours.dial(task_for(address)) as call:
            last = (await story(call))[-1]
        copies = 0
        while True:
            try:
                copies += deaf.recv(9000).startswith(b"INVITE")
            except BlockingIOError:
                break
    assert (last.kind, last.detail["disposition"]) == ("failed", "unreachable")
    assert copies >= 4


async def test_nobody_listens_on_tcp(free_port: Callable[[], int]) -> None:
    """A refused connection is a call that could not be started."""
    async with transport(kind="tcp") as ours:
        with pytest.raises(CallError) as caught:
            async with ours.dial(task_for(f"sip:x@127.0.0.1:{free_port()}")):
                pytest.fail("connected")
    assert caught.value.disposition == "unreachable"


async def test_bye_twice_is_answered_twice() -> None:
    """The second BYE gets a 481, and the next call works as ever."""
    statuses: list[int] = []

    async def person(leg: IncomingLeg) -> None:
        await leg.answer()
        statuses.append(await leg.bye())
        statuses.append(await leg.bye())

    async with AnsweringTransport(person) as far, transport() as ours:
        for _ in range(2):
            async with ours.dial(task_for(far.uri)) as call:
                last = (await story(call))[-1]
                await asyncio.sleep(0.1)
            assert (last.kind, last.detail["by"]) == ("hung_up", "far")
    assert statuses == [200, 481, 200, 481]


async def test_keys_by_info() -> None:
    """A phone that sends keys as SIP INFO is understood like one that sends RTP events."""

    async def person(leg: IncomingLeg) -> None:
        await leg.answer()
        await leg.press("9", via_info=True)
        await leg.press("*")
        await asyncio.sleep(0.2)

    async with call_to(person) as call:
        digits = [event.detail["digit"] for event in await story(call) if event.kind == "dtmf"]
    assert digits == ["9", "*"]


@pytest.mark.parametrize(("accepts", "outcome"), [(True, True), (False, False)])
async def test_transfer(accepts: bool, outcome: bool) -> None:
    """REFER names the new address; the far end's report decides."""

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            return [accept(peer, text)]
        if text.startswith("REFER") and not accepts:
            return [reply(text, "603 Decline")]
        if text.startswith("REFER"):
            invite = peer.requests("INVITE")[0]
            report = request(peer, "NOTIFY", invite, "SIP/2.0 200 OK\r\n", "Event: refer")
            return [reply(text, "202 Accepted"), report]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with raw_peer(script) as peer, raw_call(peer) as call:
        await until(call, "answered")
        assert await call.transfer("sip:staff@127.0.0.1:5099") is outcome
        assert await call.transfer("nonsense") is False
    assert header(peer.requests("REFER")[0], "Refer-To") == "<sip:staff@127.0.0.1:5099>"


async def test_a_stranger_cannot_speak_into_a_call() -> None:
    """RTP from another address is ignored once the far end has been heard."""
    leg_port: list[int] = []

    async def person(leg: IncomingLeg) -> None:
        await leg.answer()
        await leg.play(tone(FAR_HZ, 300))
        leg_port.append(leg.media.target.port if leg.media.target else 0)
        await leg.play(tone(FAR_HZ, 500))

    async with call_to(person) as call:
        await until(call, "answered")
        await asyncio.sleep(0.2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(30):
                packet = b"\x80\x08" + number.to_bytes(2, "big") + (number * 160).to_bytes(4, "big")
                stranger.sendto(packet + b"EVIL" + b"\x2a" * 160, ("127.0.0.1", call.media.port))
                await asyncio.sleep(0.01)
        frames = [frame async for frame in call.frames()]
        assert call.media.inp.strangers >= 25
    assert ms_of(frames, FAR_HZ) >= 700


async def test_lost_and_repeated_answers_are_survived() -> None:
    """A 200 that comes three times is acknowledged three times and answered once."""

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            ok = accept(peer, text, "0")
            return [reply(text, "100 Trying"), reply(text, "180 Ringing"), ok, ok, ok]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with raw_peer(script) as peer, raw_call(peer) as call:
        await until(call, "answered")
        await asyncio.sleep(0.1)
        await call.hangup()
        kinds = [event.kind for event in await story(call)]
    assert kinds == ["ringing", "answered", "hung_up"]
    assert len(peer.requests("ACK")) == 3
    assert len(peer.requests("BYE")) == 1


async def test_a_refusal_is_acknowledged_in_its_own_transaction() -> None:
    """Else the far end would repeat it for half a minute."""

    def script(text: str) -> list[str]:
        return [reply(text, "486 Busy Here")] * 2 if text.startswith("INVITE") else []

    async with raw_peer(script) as peer, raw_call(peer) as call:
        assert (await story(call))[-1].detail["disposition"] == "busy"
        await asyncio.sleep(0.1)
    acks = peer.requests("ACK")
    assert len(acks) == 2
    assert header(acks[0], "Via") == header(peer.requests("INVITE")[0], "Via")
    assert header(acks[0], "To").endswith(";tag=far")


async def test_an_answer_that_crosses_our_cancel_is_hung_up() -> None:
    """CANCEL and 200 pass each other: ACK, then BYE, and the call stays cancelled."""

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            return [reply(text, "180 Ringing")]
        if text.startswith("CANCEL"):
            return [reply(text, "200 OK"), accept(peer, peer.requests("INVITE")[0])]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with raw_peer(script) as peer, raw_call(peer) as call:
        await until(call, "ringing")
        await call.hangup()
        last = (await story(call))[-1]
        await asyncio.sleep(0.1)
    assert (last.kind, last.detail["code"]) == ("hung_up", 487)
    assert len(peer.requests("ACK")) == 1
    assert len(peer.requests("BYE")) == 1


async def test_no_free_port_is_named() -> None:
    """A full port range is a call that could not be started, with a hint."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] & ~1
        async with SipTransport(SipOptions(ports=PortRange(port, port + 1))) as ours:
            with pytest.raises(CallError, match="no free RTP port") as caught:
                async with ours.dial(task_for("sip:x@127.0.0.1:5099")):
                    pytest.fail("it rang")
    assert "NUANYE_RTP_PORT" in caught.value.hint


async def test_a_busy_sip_port_is_named() -> None:
    """Binding a taken address fails at the start, not in the first call."""
    async with transport() as first:
        with pytest.raises(CallError, match="cannot be bound"):
            async with transport(port=first.address[1]):
                pytest.fail("bound twice")


async def test_a_stalled_process_neither_bursts_nor_loses_speech() -> None:
    """When our loop was blocked for 400 ms, speech goes on where it was, on the beat."""
    arrivals: list[float] = []
    heard: list[AudioFrame] = []

    async def person(leg: IncomingLeg) -> None:
        await leg.answer()
        heard.extend([frame async for frame in leg.frames()])

    async with call_to(person) as call:
        await until(call, "answered")
        playing = asyncio.create_task(call.play(tone(OUR_HZ, 1000)))
        await asyncio.sleep(0.3)
        before = call.media.out.packets
        time.sleep(0.4)  # noqa: ASYNC251 - the stall
        await asyncio.sleep(0.005)
        arrivals.append(call.media.out.packets - before)
        assert await playing == 1000
        await asyncio.sleep(0.1)
        await call.hangup()
        frames = [frame async for frame in call.frames()]
    assert arrivals[0] <= 6
    assert {b.at_ms - a.at_ms for a, b in pairwise(frames)} == {20}
    assert ms_of(heard, OUR_HZ) >= 900


async def test_a_faulty_tap_does_not_stop_the_line() -> None:
    """A recorder that raises loses its recording; the talk goes on."""

    class Faulty:
        def heard(self, frame: AudioFrame) -> None:
            raise RuntimeError("disk")

        def sent(self, frame: AudioFrame) -> None:
            raise RuntimeError("disk")

    async def person(leg: IncomingLeg) -> None:
        await leg.answer()
        await until(leg, "hung_up")

    async with call_to(person) as call:
        call.tap = Faulty()
        await until(call, "answered")
        assert await asyncio.wait_for(call.play(tone(OUR_HZ, 200)), 5) == 200
        assert call.tap is None
