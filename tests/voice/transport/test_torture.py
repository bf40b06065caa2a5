"""Messages of every section of RFC 4475, and mutations of what a real call consists of.

After each of them: no error logged, no task or socket left, the right final event, and the next call works.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.voice.transport.lines import PORTS, story, task_for, until
from tests.voice.transport.rawsip import SDP, raw_peer, reply
from tests.voice.transport.sounds import tone
from tests.voice.transport.test_hostile import silent_person, still_works
from tests.voice.transport.test_sip_faults import request
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.uas import AnsweringTransport

pytestmark = pytest.mark.sip

LINES = {
    "Via": "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-{n}",
    "From": '"一 \\"two\\"" <sip:a@b.example>;tag=98{n}',
    "To": "<sip:c@d.example>",
    "Call-ID": "torture-{n}@b.example",
    "CSeq": "8 {method}",
    "Max-Forwards": "70",
    "Contact": "<sip:a@127.0.0.1:9>",
}


def message(n: str, method: str = "OPTIONS", first: str = "", **changes: str | None) -> bytes:
    """A request whose headers are those above but for ``changes`` (``None``: left out; ``_`` is ``-``)."""
    lines = {**LINES, **{name.replace("_", "-"): value for name, value in changes.items()}}
    body = lines.pop("body", "") or ""
    text = first or f"{method} sip:c@d.example SIP/2.0"
    for name, value in lines.items():
        if value is not None:
            text += f"\r\n{name}: " + value.replace("{n}", n).replace("{method}", method)
    if "Content-Length" not in lines:
        text += f"\r\nContent-Length: {len(body.encode())}"
    return f"{text}\r\n\r\n{body}".encode()


# RFC 4475 by section. What is valid is answered, what is not gets a 4xx or no answer.
CASES: dict[str, bytes] = {
    "3.1.1.1 a short tortuous INVITE": message(
        "1", "INVITE", TO=" sip:c@d.example ;\r\n  tag = 1918181833n", To=None, Max_Forwards="  0068  "
    ),
    "3.1.1.2 wide range of characters": message(
        "2",
        "!interesting-Method0123456789_*+`.%indeed'~",
        CSeq="139122385 !interesting-Method0123456789_*+`.%indeed'~",
    ),
    "3.1.1.3 percent-escapes": message(
        "3", "INVITE", "INVITE sip:sips%3Auser%40example.com@d.example SIP/2.0"
    ),
    "3.1.1.4 escaped nulls": message("4", "REGISTER", To="<sip:null-%00-null@d.example>"),
    "3.1.1.5 percent that is no escape": message("5", "RE%47IST%45R", CSeq="29344 RE%47IST%45R"),
    "3.1.1.6 no space before the bracket": message("6", From="caller<sip:a@b.example>;tag=323{n}"),
    "3.1.1.7 long header values": message(
        "7", "INVITE", To=f'"{"名" * 400}" <sip:c@d.example>', X_Long="x" * 8000
    ),
    "3.1.1.8 extra octets after the message": message("8", "REGISTER") + b"INVITE sip:x SIP/2.0\r\n\r\n",
    "3.1.1.9 semicolon in the user part": message(
        "9", "OPTIONS", "OPTIONS sip:u;par=u%40e.com@d.example SIP/2.0"
    ),
    "3.1.1.10 varied transports": message("10", Via="SIP/2.0/UNKNOWN t5.example;branch=z9hG4bK-{n}"),
    "3.1.1.11 multipart body": message(
        "11",
        "MESSAGE",
        Content_Type="multipart/mixed;boundary=7a9c",
        body="--7a9c\r\n\r\nHi\r\n--7a9c\0\xfd--\r\n",
    ),
    "3.1.1.12 unusual reason phrase": b"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe\r\n" + message("12")[40:],
    "3.1.1.13 empty reason phrase": b"SIP/2.0 100 \r\n" + message("13")[40:],
    "3.1.2.1 extra separators": message(
        "14", "INVITE", Via="SIP/2.0/UDP 127.0.0.1:9;;,;,,", Contact='"J" <> ; ;,,'
    ),
    "3.1.2.2 content length larger than the message": message(
        "15", "INVITE", Content_Length="9999", body="v=0\r\n"
    ),
    "3.1.2.3 negative content length": message("16", "INVITE", Content_Length="-999", body="v=0\r\n"),
    "3.1.2.4 overlarge numbers": message(
        "17", "REGISTER", CSeq="36893488147419103232 REGISTER", Max_Forwards="300", Expires="1" * 40
    ),
    "3.1.2.5 overlarge numbers in a response": b"SIP/2.0 503 Service Unavailable\r\n"
    + message("18", CSeq="9292394834772304023312 OPTIONS", Retry_After="949302838503028349304023988")[40:],
    "3.1.2.6 unterminated quoted string": message("19", "INVITE", To='"Mr. J. User <sip:c@d.example>'),
    "3.1.2.7 request URI in brackets": message("20", "INVITE", "INVITE <sip:c@d.example> SIP/2.0"),
    "3.1.2.8 white space in the request URI": message("21", "INVITE", "INVITE sip:c@d.example; lr SIP/2.0"),
    "3.1.2.9 several spaces in the start line": message("22", "INVITE", "INVITE  sip:c@d.example  SIP/2.0"),
    "3.1.2.10 spaces at the end of the start line": message("23", first="OPTIONS sip:c@d.example SIP/2.0  "),
    "3.1.2.11 escaped headers in the URI": message(
        "24", "INVITE", "INVITE sip:c@d.example?Route=%3Csip:x.example%3E SIP/2.0"
    ),
    "3.1.2.12 invalid time zone": message("25", "INVITE", Date="Fri, 01 Jan 2010 16:00:00 EST"),
    "3.1.2.13 unbracketed address with parameters": message(
        "26", Contact="sip:u@e.com?Route=%3Csip:x%3E;a=1"
    ),
    "3.1.2.14 spaces in an address": message("27", To='"Watson, Thomas" < sip:t.watson@example.org >'),
    "3.1.2.15 display name that needs quotes": message(
        "28", From="Bell, Alexander <sip:a@b.example>;tag=4{n}"
    ),
    "3.1.2.16 unknown protocol version": message(
        "29", first="OPTIONS sip:c@d.example SIP/7.0", Via="SIP/7.0/UDP x"
    ),
    "3.1.2.17 method and CSeq differ": message("30", "OPTIONS", CSeq="8 INVITE"),
    "3.1.2.18 unknown method, CSeq differs": message("31", "NEWMETHOD", CSeq="8 INVITE"),
    "3.1.2.19 overlarge status code": b"SIP/2.0 4294967301 better not break\r\n" + message("32")[40:],
    "3.2.1 missing transaction identifier": message("33", Via="SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK"),
    "3.3.1 missing headers": message("34", "INVITE", From=None, To=None, Call_ID=None, CSeq=None),
    "3.3.2 unknown URI scheme": message("35", first="OPTIONS nobodyKnowsThisScheme:opaque SIP/2.0"),
    "3.3.3 known but atypical scheme": message("36", first="OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
    "3.3.4 unknown schemes in headers": message(
        "37", "REGISTER", To="<isbn:2983792873>", Contact="<name:John>"
    ),
    "3.3.5 Proxy-Require and Require": message(
        "38", Require="nothingSupportsThis", Proxy_Require="noProxiesDo"
    ),
    "3.3.6 unknown content type": message(
        "39", "INVITE", Content_Type="application/unknownformat", body="<x/>"
    ),
    "3.3.7 unknown authorisation scheme": message(
        "40", "REGISTER", Authorization="NoOneKnowsThisScheme opaque"
    ),
    "3.3.8 several single-value headers": message("41", "INVITE").replace(
        b"\r\nCSeq", b"\r\nCSeq: 1 BYE\r\nCSeq", 1
    ),
    "3.3.9 several content lengths": message("42", Content_Length="5\r\nContent-Length: 138", body="v=0\r\n"),
    "3.3.10 200 with broadcast in Via": b"SIP/2.0 200 OK\r\n"
    + message("43", Via="SIP/2.0/UDP 255.255.255.255")[40:],
    "3.3.11 Max-Forwards of zero": message("44", Max_Forwards="0"),
    "3.3.12 REGISTER with a contact parameter": message(
        "45", "REGISTER", Contact="sip:+1-972-555-2222@x;unknown"
    ),
    "3.3.13 REGISTER with a URL parameter": message("46", "REGISTER", Contact="<sip:x@y;unknownparam>"),
    "3.3.14 REGISTER with an escaped header": message(
        "47", "REGISTER", Contact="<sip:u@e.com?Route=%3Csip:x%3E>"
    ),
    "3.3.15 unacceptable Accept": message("48", "INVITE", Accept="text/nobodyKnowsThis"),
    "3.4.1 INVITE of RFC 2543": b"INVITE sip:c@d.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9\r\n"
    b"From: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: old\r\nCSeq: 1 INVITE\r\n\r\n",
}


async def test_every_section_of_rfc_4475_is_survived(
    caplog: pytest.LogCaptureFixture, open_sockets: Callable[[], int]
) -> None:
    """At both sides' ports, over UDP and TCP; then calls work and nothing is left."""
    sockets, tasks = open_sockets(), asyncio.all_tasks()
    for kind in ("udp", "tcp"):
        options = SipOptions(kind=kind, ports=PORTS)
        async with AnsweringTransport(silent_person, kind=kind) as far, SipTransport(options) as ours:
            for text in CASES.values():
                for port in (far.port, ours.address[1]):
                    await throw(kind, text, port)
            await asyncio.sleep(0.1)
            await still_works(ours, far.uri)
    await asyncio.sleep(0.1)
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]
    assert asyncio.all_tasks() == tasks
    assert open_sockets() == sockets


@pytest.mark.parametrize(
    ("section", "status"),
    [
        ("3.1.1.6 no space before the bracket", b"200"),
        ("3.1.2.17 method and CSeq differ", b"400"),
        ("3.3.11 Max-Forwards of zero", b"200"),
        ("3.1.2.18 unknown method, CSeq differs", b"400"),
    ],
)
async def test_what_can_be_answered_is(section: str, status: bytes) -> None:
    """A valid OPTIONS gets 200; a request that contradicts itself gets 400."""
    async with SipTransport(SipOptions(ports=PORTS)) as ours:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.setblocking(False)
            where = f"127.0.0.1:{stranger.getsockname()[1]}".encode()
            stranger.sendto(CASES[section].replace(b"127.0.0.1:9", where), ours.address)
            await asyncio.sleep(0.05)
            assert stranger.recv(4000).split()[1] == status


async def throw(kind: str, text: bytes, port: int) -> None:
    if kind == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(text, ("127.0.0.1", port))
        return
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    await writer.drain()
    writer.close()


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A way to spoil a message: bytes changed, lines lost, doubled or exchanged, cut off, junk put in."""
    kind = draw(st.sampled_from(["bytes", "drop", "double", "swap", "cut", "insert", "stretch"]))
    one, two = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    spots = draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
    junk = draw(st.sampled_from([b"\0", b"\r\n", b";;;", b"\xff\xfe", b"%00", b"<>", b"9" * 40, b"a=" * 300]))

    def spoil(text: bytes) -> bytes:
        lines = text.split(b"\r\n")
        first, second = one % len(lines), two % len(lines)
        if kind == "drop":
            del lines[first]
        elif kind == "double":
            lines.insert(second, lines[first])
        elif kind == "swap":
            lines[first], lines[second] = lines[second], lines[first]
        elif kind == "stretch":
            lines[first] += junk * 20
        text = b"\r\n".join(lines)
        if kind == "cut":
            return text[: max(1, len(text) * one // 60)]
        if kind == "insert":
            place = len(text) * one // 60
            return text[:place] + junk + text[place:]
        if kind == "bytes":
            spoilt = bytearray(text)
            for place, value in spots:
                spoilt[place % len(spoilt)] = value
            return bytes(spoilt)
        return text

    return spoil


FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.slow
@FUZZ
@given(spoils=st.lists(damage(), min_size=3, max_size=3), early=st.booleans())
def test_a_spoilt_answer_ends_the_call_or_is_ignored(
    spoils: list[Callable[[bytes], bytes]], early: bool
) -> None:
    """Three spoilt 200s and then a good one: the call is answered, or has one final event; nothing hangs."""

    async def main() -> None:
        def script(text: str) -> list[str]:
            if not text.startswith("INVITE"):
                return [reply(text, "200 OK")] if text.startswith("BYE") else []
            where = f"Contact: <sip:127.0.0.1:{peer.port}>"
            good = reply(text, "200 OK", where, SDP.format(port=40000, codecs="8"))
            for spoil in spoils:
                peer.wire.sendto(spoil(good.encode()), peer.sender)  # type: ignore[union-attr]
            return (
                [reply(text, "183 Session Progress", where, SDP.format(port=1, codecs="8")), good]
                if early
                else [good]
            )

        async with raw_peer(script) as peer, SipTransport(SipOptions(ports=PORTS)) as ours:
            async with (
                asyncio.timeout(20),
                ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call,
            ):
                async for event in call.events():
                    if event.kind in {"answered", "failed", "rejected", "hung_up"}:
                        break
                await call.hangup()
            last = (await story(call))[-1]
            assert last.kind in {"hung_up", "failed", "rejected"}

    before = _quiet(main)
    assert before == 0


@pytest.mark.slow
@FUZZ
@given(
    spoils=st.lists(damage(), min_size=4, max_size=4),
    methods=st.lists(
        st.sampled_from(["BYE", "INVITE", "UPDATE", "INFO", "NOTIFY", "ACK"]), min_size=4, max_size=4
    ),
)
def test_spoilt_requests_inside_a_call_leave_it_in_a_right_state(
    spoils: list[Callable[[bytes], bytes]], methods: list[str]
) -> None:
    """The talk goes on, or the call has ended once and for all; either way the next call works."""

    async def main() -> None:
        sent: list[bytes] = []

        def script(text: str) -> list[str]:
            if text.startswith("INVITE"):
                where = f"Contact: <sip:127.0.0.1:{peer.port}>"
                return [reply(text, "200 OK", where, SDP.format(port=40000, codecs="8"))]
            if text.startswith("ACK") and not sent:
                invite = peer.requests("INVITE")[0]
                for method, spoil in zip(methods, spoils, strict=True):
                    kind = "Content-Type: application/sdp"
                    whole = request(peer, method, invite, SDP.format(port=40002, codecs="8"), kind)
                    sent.append(spoil(whole.encode()))
                    peer.wire.sendto(sent[-1], peer.sender)  # type: ignore[union-attr]
            return [reply(text, "200 OK")] if text.startswith("BYE") else []

        async with raw_peer(script) as peer, SipTransport(SipOptions(ports=PORTS)) as ours:
            async with asyncio.timeout(20), ours.dial(task_for(f"sip:x@127.0.0.1:{peer.port}")) as call:
                await until(call, "answered")
                await call.play(tone(1100, 60))
                await call.hangup()
                events = await story(call)
            assert [event.kind for event in events].count("hung_up") == 1
            async with AnsweringTransport(silent_person) as far:
                await still_works(ours, far.uri)

    assert _quiet(main) == 0


def _quiet(main: Callable[[], object]) -> int:
    """Run it; return how many tasks it left behind."""

    async def watched() -> int:
        before = asyncio.all_tasks()
        await main()  # type: ignore[misc]
        await asyncio.sleep(0.02)
        return len(asyncio.all_tasks() - before)

    return asyncio.run(watched())
