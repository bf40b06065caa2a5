"""Whatever arrives at our SIP and RTP ports, the next call works."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable

import pytest
import uvloop

from tests.voice.transport.lines import OUR_HZ, PORTS, task_for, until
from tests.voice.transport.sounds import tone
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.uas import AnsweringTransport, IncomingLeg

pytestmark = pytest.mark.sip

HEADERS = (
    "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{n}\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x{n}\r\n"
)

# In the manner of RFC 4475.
TORTURE: list[bytes] = [
    b"",
    b"\r\n\r\n",
    b"\x00" * 900,
    b"INVITE",
    b"INVITE sip:x SIP/2.0\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 abc OK\r\nVia: x\r\n\r\n",
    b"SIP/2.0 99999999999999999999 OK\r\nVia: SIP/2.0/UDP a;branch=z\r\nCSeq: x\r\n\r\n",
    (HEADERS.format(n=1) + "CSeq: 1 INVITE\r\n\r\n").encode(),
    ("INVITE sip:x SIP/2.0\r\n" + HEADERS.format(n=2) + "CSeq: abc INVITE\r\n\r\n").encode(),
    (
        "INVITE sip:x SIP/2.0\r\n"
        + HEADERS.format(n=3)
        + "CSeq: 99999999999 INVITE\r\nContent-Length: -5\r\n\r\n"
    ).encode(),
    (
        "INVITE sip:x SIP/2.0\r\n" + HEADERS.format(n=4) + "CSeq: 1 INVITE\r\nContent-Length: 9999\r\n\r\nv=0"
    ).encode(),
    ("BYE sip:x SIP/2.0\r\n" + HEADERS.format(n=5) + "CSeq: 2 BYE\r\n\r\n").encode(),
    ("ACK sip:x SIP/2.0\r\n" + HEADERS.format(n=6) + "CSeq: 2 ACK\r\n\r\n").encode(),
    ("CANCEL sip:x SIP/2.0\r\n" + HEADERS.format(n=7) + "CSeq: 2 CANCEL\r\n\r\n").encode(),
    ("NEWMETHOD sip:x SIP/2.0\r\n" + HEADERS.format(n=8) + "CSeq: 2 NEWMETHOD\r\n\r\n").encode(),
    ("OPTIONS sip:x SIP/7.0\r\n" + HEADERS.format(n=9) + "CSeq: 2 OPTIONS\r\n\r\n").encode(),
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP\r\nFrom: \r\nTo: <<<>>>\r\nCall-ID: \r\nCSeq: \r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: \xff\xfe;;;branch\r\nFrom: \xff\r\nTo: ;tag=\r\n"
    b"Call-ID: y\r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP [::1:bad;rport=x;branch=b\r\n"
    b"From: a\r\nTo: b\r\nCall-ID: z\r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\n" + b"X: y\r\n" * 400 + b"\r\n",
    b"A" * 60000,
]


async def silent_person(leg: IncomingLeg) -> None:
    await leg.answer()
    await until(leg, "hung_up")


async def still_works(ours: SipTransport, uri: str) -> None:
    async with ours.dial(task_for(uri)) as call:
        await until(call, "answered")
        assert await call.play(tone(OUR_HZ, 200)) == 200


async def test_malformed_datagrams_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """Broken, truncated, absurd and random messages, at the caller and at the called side."""
    chance = random.Random(4475)
    noise = [chance.randbytes(chance.randrange(1, 1400)) for _ in range(200)]
    mutants = []
    for _ in range(200):
        text = bytearray(chance.choice(TORTURE[8:16]))
        for _ in range(chance.randrange(1, 8)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        mutants.append(bytes(text))
    async with AnsweringTransport(silent_person) as far, SipTransport(SipOptions(ports=PORTS)) as ours:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number, message in enumerate([*TORTURE, *noise, *mutants]):
                for port in (far.port, ours.address[1]):
                    stranger.sendto(message, ("127.0.0.1", port))
                if number % 20 == 0:
                    await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        await still_works(ours, far.uri)
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


async def test_options_get_an_answer() -> None:
    """A trunk that asks whether we live is told so; a call to us is refused."""
    async with SipTransport(SipOptions(ports=PORTS)) as ours:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk:
            trunk.bind(("127.0.0.1", 0))
            trunk.setblocking(False)
            for method, status in (
                ("OPTIONS", b"200"),
                ("INVITE", b"480"),
                ("INFO", b"481"),
                ("PUBLISH", b"405"),
            ):
                text = f"{method} sip:x SIP/2.0\r\n{HEADERS.format(n=method)}CSeq: 1 {method}\r\n\r\n"
                text = text.replace("127.0.0.1:9", f"127.0.0.1:{trunk.getsockname()[1]}")
                trunk.sendto(text.encode(), ours.address)
                await asyncio.sleep(0.05)
                assert trunk.recv(4000).split()[1] == status


async def test_noise_at_the_media_port_does_no_harm() -> None:
    """Random datagrams and truncated RTP change neither the beat nor the call."""
    chance = random.Random(3550)
    async with (
        AnsweringTransport(silent_person) as far,
        SipTransport(SipOptions(ports=PORTS)) as ours,
        ours.dial(task_for(far.uri)) as call,
    ):
        await until(call, "answered")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for size in range(1, 300):
                body = b"\xb0\x08" + chance.randbytes(size) if size % 2 else chance.randbytes(size)
                stranger.sendto(body, ("127.0.0.1", call.media.port))
                stranger.sendto(body, ("127.0.0.1", call.media.port + 1))
        assert await call.play(tone(OUR_HZ, 300)) == 300
        call.clear()
        await call.hangup()
        frames = [frame async for frame in call.frames()]
    assert len(frames) >= 14


async def test_tcp_survives_broken_streams() -> None:
    """Garbage, a body that never comes and a connection that breaks off."""
    options = SipOptions(kind="tcp", ports=PORTS)
    async with AnsweringTransport(silent_person, kind="tcp") as far, SipTransport(options) as ours:
        for message in (TORTURE[2], TORTURE[11], b"INVITE sip:x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n"):
            for port in (far.port, ours.address[1]):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(message)
                await writer.drain()
                writer.close()
        await asyncio.sleep(0.1)
        await still_works(ours, far.uri)


@pytest.mark.parametrize("kind", ["udp", "tcp"])
async def test_nothing_is_left_after_the_context(kind: str, open_sockets: Callable[[], int]) -> None:
    """Ten calls, some in every state, and neither a task nor a socket remains."""
    tasks, sockets = asyncio.all_tasks(), open_sockets()

    async def person(leg: IncomingLeg) -> None:
        leg.ring()
        await asyncio.sleep(0.1)
        await silent_person(leg)

    options = SipOptions(kind=kind, ports=PORTS)
    async with AnsweringTransport(person, kind=kind) as far, SipTransport(options) as ours:
        for number in range(10):
            async with ours.dial(task_for(far.uri)) as call:
                if number % 2:
                    await until(call, "answered")
                    asyncio.get_running_loop().call_later(0.05, call.clear)
                    await call.play(tone(OUR_HZ, 500))
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == tasks
    assert open_sockets() == sockets


def test_a_call_works_under_uvloop() -> None:
    """aiosipua's own UDP transport is deaf there; ours is not, and leaves nothing behind either."""

    async def main() -> set[asyncio.Task[object]]:
        for kind in ("udp", "tcp"):
            options = SipOptions(kind=kind, ports=PORTS)
            async with AnsweringTransport(silent_person, kind=kind) as far, SipTransport(options) as ours:
                await still_works(ours, far.uri)
        return asyncio.all_tasks() - {asyncio.current_task()}

    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(main()) == set()
    finally:
        loop.close()
