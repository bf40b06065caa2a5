"""Digest authentication and registration, judged by a peer that computes the digests itself."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re

import pytest

from core.errors import CallError
from tests.voice.transport.lines import PORTS, story, task_for
from tests.voice.transport.rawsip import SDP, RawPeer, header, raw_peer, reply
from voice.transport.auth import Credentials
from voice.transport.sip import SipOptions, SipTransport

pytestmark = pytest.mark.sip

USER, PASSWORD = "agency", "correct horse"


def proven(text: str, name: str, nonce: str, qop: bool) -> bool:
    """Whether the request carries the right digest (RFC 7616, worked out by hand)."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', header(text, name)))
    method, uri = text.split(" ")[:2]

    def md5(value: str) -> str:
        return hashlib.md5(value.encode()).hexdigest()

    secret, asked = md5(f"{USER}:trunk:{PASSWORD}"), md5(f"{method}:{uri}")
    middle = f"{nonce}:{given.get('nc')}:{given.get('cnonce')}:auth" if qop else nonce
    return given.get("nonce") == nonce and given.get("response") == md5(f"{secret}:{middle}:{asked}")


def trunk_of(peer: RawPeer, password: str = PASSWORD, *, register: bool = False) -> SipTransport:
    return SipTransport(
        SipOptions(
            trunk=f"127.0.0.1:{peer.port}",
            credentials=Credentials(USER, password),
            register=register,
            ports=PORTS,
        )
    )


@pytest.mark.parametrize(
    ("status", "ask", "give", "qop"),
    [
        ("401 Unauthorized", "WWW-Authenticate", "Authorization", False),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization", True),
    ],
)
async def test_a_challenged_call_proves_itself(status: str, ask: str, give: str, qop: bool) -> None:
    """The second INVITE carries the digest; number and From are as a trunk expects them."""

    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            if proven(text, give, "n0nce", qop):
                contact = f"Contact: <sip:127.0.0.1:{peer.port}>"
                return [reply(text, "200 OK", contact, SDP.format(port=40000, codecs="8"))]
            extra = ', qop="auth"' if qop else ""
            challenge = f'{ask}: Digest realm="trunk", nonce="n0nce", algorithm=MD5{extra}'
            return [reply(text, "100 Trying"), reply(text, status, challenge, tag="challenge")]
        return [reply(text, "200 OK")] if text.startswith("BYE") else []

    async with raw_peer(script) as peer, trunk_of(peer) as ours:
        async with ours.dial(task_for("138 0013 8000")) as call:
            async for event in call.events():
                if event.kind == "answered":
                    break
        kinds = [event.kind for event in await story(call)]
    assert kinds == ["answered", "hung_up"]
    first, second = peer.requests("INVITE")
    assert first.startswith(f"INVITE sip:13800138000@127.0.0.1:{peer.port} SIP/2.0")
    assert header(first, "From").startswith(f"<sip:{USER}@127.0.0.1:{peer.port}>")
    assert header(first, "Call-ID") == header(second, "Call-ID")
    assert (header(first, "CSeq"), header(second, "CSeq")) == ("1 INVITE", "2 INVITE")
    assert ";tag=challenge" not in header(second, "To")
    assert [header(ack, "CSeq") for ack in peer.requests("ACK")] == ["1 ACK", "2 ACK"]
    assert PASSWORD not in "".join(peer.got)


@pytest.mark.parametrize(
    ("caller", "shown"),
    [("02083330001", "02083330001"), ("", USER), ("1>\r\nX-Evil: 1", USER), ("sip:x", USER)],
)
async def test_a_campaigns_calling_number_is_presented(caller: str, shown: str) -> None:
    """From carries the task's number towards the trunk; what is no number is not sent."""

    def script(text: str) -> list[str]:
        return [reply(text, "486 Busy Here")] if text.startswith("INVITE") else []

    task = dataclasses.replace(task_for("13800138000"), caller=caller)
    async with raw_peer(script) as peer, trunk_of(peer) as ours, ours.dial(task) as call:
        await story(call)
    (invite,) = peer.requests("INVITE")
    assert header(invite, "From").startswith(f"<sip:{shown}@127.0.0.1:{peer.port}>")
    assert "X-Evil" not in invite


@pytest.mark.parametrize("password", ["wrong", ""])
async def test_a_refused_proof_ends_the_call(password: str) -> None:
    """One attempt, then failed: no endless exchange, no lock-out at the trunk."""

    def script(text: str) -> list[str]:
        challenge = 'WWW-Authenticate: Digest realm="trunk", nonce="n", algorithm=MD5'
        return [reply(text, "401 Unauthorized", challenge)] if text.startswith("INVITE") else []

    async with (
        raw_peer(script) as peer,
        trunk_of(peer, password) as ours,
        ours.dial(task_for("13800138000")) as call,
    ):
        last = (await story(call))[-1]
    assert (last.kind, last.detail["code"], last.detail["disposition"]) == ("rejected", 401, "failed")
    assert len(peer.requests("INVITE")) == (2 if password else 1)


async def test_only_the_trunk_may_challenge() -> None:
    """A stranger who is called directly learns no digest."""

    def script(text: str) -> list[str]:
        challenge = 'WWW-Authenticate: Digest realm="trunk", nonce="n", algorithm=MD5'
        return [reply(text, "401 Unauthorized", challenge)] if text.startswith("INVITE") else []

    async with (
        raw_peer(lambda _: []) as trunk,
        raw_peer(script) as stranger,
        trunk_of(trunk) as ours,
        ours.dial(task_for(f"sip:x@127.0.0.1:{stranger.port}")) as call,
    ):
        assert (await story(call))[-1].kind == "rejected"
    assert "response=" not in "".join(stranger.got)


async def test_registration_is_kept_and_taken_back() -> None:
    """Registered before the first call, with a digest; unbound (Expires 0) at the end."""

    def script(text: str) -> list[str]:
        if proven(text, "Authorization", "reg", False):
            return [reply(text, "200 OK", "Expires: 60")]
        return [reply(text, "401 Unauthorized", 'WWW-Authenticate: Digest realm="trunk", nonce="reg"')]

    async with raw_peer(script) as peer:
        async with trunk_of(peer, register=True):
            assert [header(text, "Expires") for text in peer.requests("REGISTER")] == ["300", "300"]
        sent = peer.requests("REGISTER")
    assert [header(text, "Expires") for text in sent] == ["300", "300", "0", "0"]
    assert [header(text, "CSeq") for text in sent] == [f"{n} REGISTER" for n in (1, 2, 3, 4)]
    assert len({header(text, "Call-ID") for text in sent}) == 1


async def test_a_refused_registration_stops_the_start() -> None:
    """The error names the settings and leaves no task behind."""
    before = asyncio.all_tasks()
    async with raw_peer(lambda text: [reply(text, "403 Forbidden")]) as peer:
        with pytest.raises(CallError, match="403") as caught:
            async with trunk_of(peer, register=True):
                pytest.fail("registered")
    assert "NUANYE_SIP_PASSWORD" in caught.value.hint
    assert asyncio.all_tasks() == before
