"""Several trunks: order, credentials, registration, and what happens when one fails in mid-dialling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from core.errors import CallError
from tests.voice.transport.lines import PORTS, story, task_for
from tests.voice.transport.rawsip import SDP, RawPeer, header, raw_peer, reply
from voice.transport.auth import Credentials
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.trunks import ASIDE_S, TrunkPool, read_trunks

pytestmark = pytest.mark.sip

US = Credentials("nuanye", "common")
NUMBER = "13800138000"


def through(*trunks: str, register: bool = False, kind: str = "udp") -> SipTransport:
    return SipTransport(
        SipOptions(kind=kind, trunk=", ".join(trunks), credentials=US, register=register, ports=PORTS)
    )


def answering(contact: Callable[[], int]) -> Callable[[str], list[str]]:
    def script(text: str) -> list[str]:
        if text.startswith("INVITE"):
            where = f"Contact: <sip:127.0.0.1:{contact()}>"
            return [reply(text, "200 OK", where, SDP.format(port=40000, codecs="8"))]
        return [reply(text, "200 OK")] if text.startswith(("BYE", "REGISTER")) else []

    return script


def refusing(status: str) -> Callable[[str], list[str]]:
    return lambda text: [reply(text, status)] if text.startswith(("INVITE", "REGISTER")) else []


async def until_answered(ours: SipTransport) -> list[str]:
    async with ours.dial(task_for(NUMBER)) as call:
        kinds = []
        async for event in call.events():
            kinds.append(event.kind)
            if event.kind == "answered":
                break
        return kinds


@pytest.mark.parametrize("fault", ["503", "silent", "refused connection"])
async def test_the_next_trunk_is_tried_when_one_fails(
    fault: str, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, no answer at all, or nobody listening: the resident is rung all the same, by the second trunk."""
    monkeypatch.setattr("voice.transport.call.NEXT_ROUTE_S", 0.3)
    script = refusing("503 Service Unavailable") if fault == "503" else lambda _: []
    async with raw_peer(script) as bad, raw_peer(answering(lambda: good.port)) as good:
        first = free_port() if fault == "refused connection" else bad.port
        async with through(f"127.0.0.1:{first}", f"127.0.0.1:{good.port}") as ours:
            assert (await until_answered(ours))[-1] == "answered"
            assert ours.pool.aside() == (f"127.0.0.1:{first}",)
            before = len(bad.requests("INVITE"))
            assert await until_answered(ours) == ["answered"]
            assert len(bad.requests("INVITE")) == before
    one, two = (header(text, "Call-ID") for text in good.requests("INVITE"))
    assert one != two


@pytest.mark.parametrize("status", ["486 Busy Here", "404 Not Found", "603 Decline"])
async def test_what_the_callee_says_is_not_asked_twice(status: str) -> None:
    """Busy is busy on every trunk: nobody is rung twice."""
    async with (
        raw_peer(refusing(status)) as first,
        raw_peer(refusing(status)) as second,
        through(f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}") as ours,
        ours.dial(task_for(NUMBER)) as call,
    ):
        assert (await story(call))[-1].kind == "rejected"
    assert not second.requests("INVITE")


async def test_a_trunk_that_rang_is_believed() -> None:
    """After 180 a 503 is the callee's network, not the trunk: the phone does not ring a second time."""

    def rings(text: str) -> list[str]:
        ringing = [reply(text, "180 Ringing"), reply(text, "503 Service Unavailable")]
        return ringing if text.startswith("INVITE") else []

    async with (
        raw_peer(rings) as first,
        raw_peer(answering(lambda: second.port)) as second,
        through(f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}") as ours,
        ours.dial(task_for(NUMBER)) as call,
    ):
        last = (await story(call))[-1]
    assert (last.kind, last.detail["code"]) == ("rejected", 503)
    assert not second.requests("INVITE")


async def test_all_trunks_fail() -> None:
    """The last one's word is the attempt's; the next call tries all of them again."""
    async with (
        raw_peer(refusing("503 Service Unavailable")) as first,
        raw_peer(refusing("503 Service Unavailable")) as second,
        through(f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}") as ours,
    ):
        for _ in range(2):
            async with ours.dial(task_for(NUMBER)) as call:
                events = await story(call)
            assert [event.kind for event in events] == ["rerouted", "rejected"]
            assert events[-1].detail["disposition"] == "failed"
    assert (len(first.requests("INVITE")), len(second.requests("INVITE"))) == (2, 2)


async def test_hanging_up_between_two_trunks_leaves_nothing() -> None:
    """The caller gives up in the very moment in which the second trunk would be asked."""
    async with (
        raw_peer(refusing("503 Service Unavailable")) as first,
        raw_peer(answering(lambda: second.port)) as second,
        through(f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}") as ours,
    ):
        async with ours.dial(task_for(NUMBER)) as call:
            async for event in call.events():
                if event.kind == "rerouted":
                    break
            await call.hangup()
        assert (await story(call))[-1].kind == "hung_up"
        await asyncio.sleep(0)
    assert len(second.requests("INVITE")) == len(second.requests("BYE")) or second.requests("CANCEL")


async def test_each_trunk_is_registered_at_with_its_own_name() -> None:
    """``user@`` names us there; both bindings are taken back at the end."""
    async with (
        raw_peer(answering(lambda: first.port)) as first,
        raw_peer(answering(lambda: second.port)) as second,
        through(f"127.0.0.1:{first.port}", f"agency@127.0.0.1:{second.port}", register=True),
    ):
        assert [user_of(first), user_of(second)] == ["nuanye", "agency"]
    assert [len(peer.requests("REGISTER")) for peer in (first, second)] == [2, 2]


async def test_one_refused_registration_does_not_stop_the_start() -> None:
    """The other trunk is used; only when all refuse there is an error."""
    async with (
        raw_peer(refusing("403 Forbidden")) as first,
        raw_peer(answering(lambda: second.port)) as second,
    ):
        async with through(f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}", register=True) as ours:
            assert await until_answered(ours) == ["answered"]
        assert not first.requests("INVITE")
        with pytest.raises(CallError, match="refused the registration"):
            async with through(f"127.0.0.1:{first.port}", register=True):
                pass


def user_of(peer: RawPeer) -> str:
    return header(peer.requests("REGISTER")[0], "From").split("@")[0].removeprefix("<sip:")


def test_passwords_belong_to_their_trunk() -> None:
    """Own ones where given, the common one elsewhere; none is shown by repr."""
    one, two = read_trunks("a.example:5060, bob@b.example", US, "b.example=s3cret=x")
    assert (one.credentials.password, two.credentials.password) == ("common", "s3cret=x")
    assert (one.credentials.user, two.credentials.user) == ("nuanye", "bob")
    assert "s3cret" not in repr(two)


@pytest.mark.parametrize(
    ("trunks", "passwords"),
    [
        ("a.example:99999", ""),
        ("a b@c", ""),
        ("a.example", "b.example=x"),
        ("a.example", "a.example"),
        ("@", ""),
    ],
)
def test_bad_trunks_are_named(trunks: str, passwords: str) -> None:
    """An error with a hint, which does not repeat a password."""
    with pytest.raises(CallError) as refused:
        read_trunks(trunks, US, passwords)
    assert refused.value.hint
    assert "=x" not in str(refused.value)


def test_a_failed_trunk_is_asked_last_for_a_while() -> None:
    """And first again afterwards; one that answers is rehabilitated at once."""
    now = 0.0
    pool = TrunkPool(read_trunks("a.example, b.example", US), lambda: now)

    def order() -> list[str]:
        return [route.trunk for route in pool.routes(NUMBER)]

    pool.failed("a.example")
    assert order() == ["b.example", "a.example"]
    now = ASIDE_S + 1
    assert order() == ["a.example", "b.example"]
    pool.failed("a.example")
    pool.works("a.example")
    assert order() == ["a.example", "b.example"]


def test_an_address_of_a_trunk_is_called_through_it_and_any_other_directly() -> None:
    """Only a trunk gets our credentials."""
    pool = TrunkPool(read_trunks("a.example, b.example:5070", US), lambda: 0.0)
    (own,) = pool.routes("sip:1000@b.example:5070")
    (direct,) = pool.routes("sip:li@127.0.0.1:5071")
    assert own.credentials is not None
    assert direct.credentials is None
