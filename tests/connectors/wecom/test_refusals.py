"""What is not from WeCom, not for this application, not fresh or not well-formed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from connectors.fake_platform.wechat import Request
from connectors.fake_platform.wecom import FakeWecom
from connectors.tencent.guard import FRESH_S
from connectors.tencent.xml import render_xml
from core.clock import VirtualClock
from core.dialogue import ScriptedDialogue
from tests.connectors.script import script
from tests.connectors.tencent.test_xml import BOMB, EXTERNAL
from tests.connectors.wechat.test_refusals import mutated
from tests.connectors.wecom.conftest import USER, Corp, OpenCorp
from tests.eventually import eventually

pytestmark = pytest.mark.net

SECRET_WORDS = "我的银行卡密码是秘密"


def wrapped(corp: Corp, text: str = SECRET_WORDS, **account: object) -> Request:
    """One genuine callback, or that of another account."""
    platform = corp.platform
    if account:
        platform = FakeWecom(replace(platform.account, **account), platform.clock, platform.http)
    return platform.wrap(platform.compose(USER, {"MsgType": "text", "Content": text, "MsgId": 9}))


def sealed(corp: Corp, inside: bytes) -> Request:
    """A genuine envelope around anything."""
    query = wrapped(corp).query
    encrypted, signed = corp.platform.account.crypt.seal(inside, query["timestamp"], query["nonce"])
    return Request({**query, "msg_signature": signed}, render_xml({"Encrypt": encrypted}))


async def refused(corp: Corp, request: Request, status: int = 403) -> bytes:
    found, body = await corp.post(request.query, request.body)
    assert found == status, body
    assert len(body) < 40
    return body


async def test_foreign_callbacks_are_403(open_corp: OpenCorp, capsys: pytest.CaptureFixture[str]) -> None:
    """Another token, key, corporation or application is refused; nothing of the callback is logged."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    other_key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"
    foreign: tuple[dict[str, object], ...] = (
        {"token": "wrong"},
        {"aes_key": other_key},
        {"corp_id": "ww00000000000000bb"},
        {"agent_id": 1000003},
    )
    for account in foreign:
        assert await refused(corp, wrapped(corp, **account)) == b"callback.refused"
    captured = capsys.readouterr()
    assert "callback_refused" in captured.out + captured.err
    assert SECRET_WORDS not in captured.out + captured.err
    assert USER not in captured.out + captured.err
    assert dialogue.turns == []


async def test_a_message_inside_for_another_corporation_is_403(open_corp: OpenCorp) -> None:
    """Even in a genuine envelope, the message itself must name this corporation and this application."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    message = corp.platform.compose(USER, {"MsgType": "text", "Content": "x", "MsgId": 1})
    await refused(corp, sealed(corp, render_xml({**message, "ToUserName": "ww00000000000000bb"})))
    await refused(corp, sealed(corp, render_xml({**message, "AgentID": 5})))
    await refused(corp, sealed(corp, render_xml({**message, "AgentID": ""})))
    assert dialogue.turns == []


@pytest.mark.parametrize("seconds", [-FRESH_S - 5, FRESH_S + 5, -86_400 * 365])
async def test_old_and_future_timestamps_are_403(open_corp: OpenCorp, seconds: int) -> None:
    """A genuine signature of another time is refused, in the check of the admin page too."""
    corp = await open_corp(ScriptedDialogue(script))
    clock = VirtualClock(corp.platform.clock.now())
    clock.elapsed_ms = seconds * 1_000
    platform = FakeWecom(corp.platform.account, clock, corp.platform.http, corp.platform.callback_url)
    await refused(
        corp, platform.wrap(platform.compose(USER, {"MsgType": "text", "Content": "x", "MsgId": 1}))
    )
    assert (await platform.verify())[0] == 403


async def test_a_nonce_serves_one_message(open_corp: OpenCorp) -> None:
    """The nonce of one message with another message is refused, however well it is signed."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    genuine = wrapped(corp, "您好")
    assert (await corp.post(genuine.query, genuine.body))[0] == 200
    message = corp.platform.compose(USER, {"MsgType": "text", "Content": "再见", "MsgId": 10})
    stamp = (genuine.query["timestamp"], genuine.query["nonce"])
    encrypted, signed = corp.platform.account.crypt.seal(render_xml(message), *stamp)
    again = Request({**genuine.query, "msg_signature": signed}, render_xml({"Encrypt": encrypted}))
    await refused(corp, again)
    await eventually(lambda: bool(dialogue.turns))
    assert [turn.text for turn in dialogue.turns] == ["您好"]


async def test_a_replay_is_not_answered_again(open_corp: OpenCorp) -> None:
    """The very same callback again changes nothing: no second turn, no second message."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    corp.platform.member(USER)
    genuine = wrapped(corp, "您好")
    for _ in range(5):
        assert (await corp.post(genuine.query, genuine.body))[0] == 200
    await corp.shown(1)
    await corp.quiet()
    assert (len(dialogue.turns), len(corp.screen())) == (1, 1)


async def test_plain_messages_do_not_pass(open_corp: OpenCorp) -> None:
    """A message that is not encrypted is refused, wherever the words stand."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    message = corp.platform.compose(USER, {"MsgType": "text", "Content": "x", "MsgId": 1})
    await refused(corp, Request(wrapped(corp).query, render_xml(message)))
    genuine = wrapped(corp)
    beside = genuine.body.replace(b"</xml>", b"<Content>y</Content><MsgId>7</MsgId></xml>")
    assert (await corp.post(genuine.query, beside))[0] == 200
    await eventually(lambda: [turn.text for turn in dialogue.turns] == [SECRET_WORDS])


@pytest.mark.parametrize("body", [BOMB, EXTERNAL], ids=["bomb", "external"])
async def test_bombs_are_refused_inside_and_outside(open_corp: OpenCorp, body: bytes) -> None:
    """Even correctly signed and encrypted, an entity bomb is a named error."""
    corp = await open_corp(ScriptedDialogue(script))
    assert await refused(corp, Request(wrapped(corp).query, body), 400) == b"input.invalid"
    assert await refused(corp, sealed(corp, body), 400) == b"input.invalid"


async def test_ten_megabytes_are_413(open_corp: OpenCorp) -> None:
    """A huge body is refused with a name and does not stop the door."""
    corp = await open_corp(ScriptedDialogue(script))
    huge = b"<xml><Encrypt>" + b"A" * 10_000_000 + b"</Encrypt></xml>"
    assert await refused(corp, Request(wrapped(corp).query, huge), 413) == b"input.too_large"
    assert (await corp.platform.say(USER, "您好")).statuses == (200,)


@pytest.mark.parametrize(
    "change",
    [
        {"MsgType": None},
        {"FromUserName": None},
        {"FromUserName": "u" * 65},
        {"MsgId": None},
        {"MsgId": "abc"},
        {"MsgType": "location", "Location_X": "north", "Location_Y": "1"},
        {"MsgType": "location", "Location_X": "nan", "Location_Y": "1"},
        {"MsgType": "event"},
        {"MsgType": "event", "Event": "click", "CreateTime": "soon"},
        {"MsgType": "event", "Event": "kf_msg_or_event"},
        {"MsgType": "event", "Event": "kf_msg_or_event", "OpenKfId": "k" * 200},
    ],
)
async def test_malformed_messages_are_400(open_corp: OpenCorp, change: dict[str, str | None]) -> None:
    """Genuine but malformed: a named error, and the door lives."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    whole = corp.platform.compose(USER, {"MsgType": "text", "Content": "x", "MsgId": 1}) | change
    fields = {name: value for name, value in whole.items() if value is not None}
    assert await refused(corp, sealed(corp, render_xml(fields)), 400) == b"input.invalid"
    assert dialogue.turns == []


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"{}", b"<xml/>"])
async def test_what_is_no_message_is_refused(open_corp: OpenCorp, body: bytes) -> None:
    """Outside and inside the envelope."""
    corp = await open_corp(ScriptedDialogue(script))
    await refused(corp, Request(wrapped(corp).query, body), 400)
    await refused(corp, sealed(corp, body), 400)


async def test_each_part_of_the_query_is_needed(open_corp: OpenCorp) -> None:
    """Without signature, timestamp or nonce there is nothing to check."""
    corp = await open_corp(ScriptedDialogue(script))
    genuine = wrapped(corp)
    for name in ("timestamp", "nonce", "msg_signature"):
        await refused(corp, Request({**genuine.query, name: ""}, genuine.body))


async def test_no_mutation_is_accepted(open_corp: OpenCorp) -> None:
    """Of 300 callbacks with one change each none reaches the dialogue core (5,000 in the benchmark)."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    genuine, dice = wrapped(corp), random.Random(11)
    for _ in range(300):
        request = mutated(genuine, dice)
        status, _ = await corp.post(request.query, request.body)
        assert status in {400, 403}
    assert dialogue.turns == []
    assert (await corp.post(genuine.query, genuine.body))[0] == 200
