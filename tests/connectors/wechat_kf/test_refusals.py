"""What is not from the platform, not fresh or not well-formed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from connectors.app import Parts, make_app
from connectors.fake_platform.kf import FakeKf
from connectors.fake_platform.wechat import Request
from connectors.tencent.guard import FRESH_S
from connectors.tencent.xml import render_xml
from core.clock import VirtualClock
from core.dialogue import ScriptedDialogue
from core.errors import ConfigError
from tests.connectors.conftest import ListLedger
from tests.connectors.script import script
from tests.connectors.tencent.test_xml import BOMB, EXTERNAL
from tests.connectors.wechat.test_refusals import mutated
from tests.connectors.wechat_kf.conftest import USER, OpenService, Service
from tests.eventually import eventually

pytestmark = pytest.mark.net


def wrapped(service: Service, **account: object) -> Request:
    """One genuine callback, or that of another account."""
    platform = service.platform
    if account:
        platform = FakeKf(replace(platform.account, **account), platform.clock, platform.http)
    return platform.wrap(platform.compose())


def sealed(service: Service, inside: bytes) -> Request:
    """A genuine envelope around anything."""
    query = wrapped(service).query
    encrypted, signed = service.platform.account.crypt.seal(inside, query["timestamp"], query["nonce"])
    return Request({**query, "msg_signature": signed}, render_xml({"Encrypt": encrypted}))


async def refused(service: Service, request: Request, status: int = 403) -> bytes:
    found, body = await service.post(request.query, request.body)
    assert found == status, body
    assert len(body) < 40
    return body


async def reads(service: Service) -> int:
    """How often messages were fetched, once the first look is over."""
    await eventually(lambda: service.platform.api.calls.get("/cgi-bin/kf/sync_msg", 0) >= 1)
    await service.quiet(0.2)
    return service.platform.api.calls["/cgi-bin/kf/sync_msg"]


async def test_foreign_callbacks_are_403_and_fetch_nothing(open_service: OpenService) -> None:
    """Another token, key or corporation is refused; no messages are fetched for it."""
    service = await open_service(ScriptedDialogue(script))
    before = await reads(service)
    other_key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"
    foreign: tuple[dict[str, object], ...] = (
        {"token": "wrong"},
        {"aes_key": other_key},
        {"corp_id": "ww00000000000000bb"},
    )
    for account in foreign:
        assert await refused(service, wrapped(service, **account)) == b"callback.refused"
    message = {**service.platform.compose(), "ToUserName": "ww00000000000000bb"}
    await refused(service, sealed(service, render_xml(message)))
    assert await reads(service) == before


@pytest.mark.parametrize("seconds", [-FRESH_S - 5, FRESH_S + 5])
async def test_old_and_future_timestamps_are_403(open_service: OpenService, seconds: int) -> None:
    """A genuine signature of another time is refused."""
    service = await open_service(ScriptedDialogue(script))
    clock = VirtualClock(service.platform.clock.now())
    clock.elapsed_ms = seconds * 1_000
    platform = FakeKf(service.platform.account, clock, service.platform.http)
    await refused(service, platform.wrap(platform.compose()))


@pytest.mark.parametrize("body", [BOMB, EXTERNAL], ids=["bomb", "external"])
async def test_bombs_are_refused_inside_and_outside(open_service: OpenService, body: bytes) -> None:
    """Even correctly signed and encrypted, an entity bomb is a named error."""
    service = await open_service(ScriptedDialogue(script))
    assert await refused(service, Request(wrapped(service).query, body), 400) == b"input.invalid"
    assert await refused(service, sealed(service, body), 400) == b"input.invalid"


async def test_ten_megabytes_are_413(open_service: OpenService) -> None:
    """A huge body is refused with a name and does not stop the door."""
    service = await open_service(ScriptedDialogue(script))
    huge = b"<xml><Encrypt>" + b"A" * 10_000_000 + b"</Encrypt></xml>"
    assert await refused(service, Request(wrapped(service).query, huge), 413) == b"input.too_large"
    await service.platform.say(USER, "您好")
    await service.shown(1)


async def test_malformed_and_foreign_news(open_service: OpenService) -> None:
    """News without an account are 400; events of other kinds are acknowledged and change nothing."""
    service = await open_service(ScriptedDialogue(script))
    before = await reads(service)
    news = service.platform.compose()
    for change in ({"OpenKfId": ""}, {"OpenKfId": "k" * 200}, {"Token": "t" * 300}):
        assert await refused(service, sealed(service, render_xml(news | change)), 400) == b"input.invalid"
    other = sealed(service, render_xml(news | {"Event": "kf_account_auth_change"}))
    assert (await service.post(other.query, other.body))[0] == 200
    assert await reads(service) == before


async def test_no_mutation_is_accepted(open_service: OpenService) -> None:
    """Of 300 callbacks with one change each none has messages fetched."""
    service = await open_service(ScriptedDialogue(script))
    before = await reads(service)
    genuine, dice = wrapped(service), random.Random(11)
    for _ in range(300):
        request = mutated(genuine, dice)
        status, _ = await service.post(request.query, request.body)
        assert status in {400, 403}
    assert await reads(service) == before
    assert (await service.post(genuine.query, genuine.body))[0] == 200


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"wecom_corp_id": ""}, "wecom_corp_id"),
        ({"kf_token": ""}, "set both or none"),
        ({"kf_aes_key": ""}, "set both or none"),
        ({"kf_token": "", "kf_aes_key": ""}, "wecom_agent_id"),
        ({"kf_aes_key": "short"}, "43 characters"),
    ],
)
async def test_half_a_set_up_does_not_start(
    open_service: OpenService, change: dict[str, str], named: str
) -> None:
    """The process names the setting that is missing."""
    service = await open_service(ScriptedDialogue(script))
    parts = Parts(service.redis, ScriptedDialogue(script), ListLedger(), None, service.platform.http)
    with pytest.raises(ConfigError, match=named):
        make_app(replace(service.settings, **change), parts)
