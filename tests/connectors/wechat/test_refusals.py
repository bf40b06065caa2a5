"""Callbacks that are not the platform's, or not as it sends them: refused by name, nothing of them logged."""

from __future__ import annotations

import base64
import random
from dataclasses import replace

import pytest

from connectors.fake_platform.wechat import FakeWechat, Request
from connectors.tencent.crypto import signature
from connectors.tencent.guard import FRESH_S
from core.clock import VirtualClock
from core.dialogue import ScriptedDialogue
from tests.connectors.script import script
from tests.connectors.tencent.test_xml import BOMB, EXTERNAL
from tests.connectors.wechat.conftest import USER, OpenTown, Town

pytestmark = pytest.mark.net

SECRET_WORDS = "我的银行卡密码是秘密"


def wrapped(town: Town, text: str = SECRET_WORDS, **account: str) -> Request:
    """One genuine callback, or that of another account."""
    platform = town.platform
    if account:
        platform = FakeWechat(replace(platform.account, **account), platform.clock, platform.http)
    return platform.wrap(platform.compose(USER, {"MsgType": "text", "Content": text, "MsgId": 9}))


async def refused(town: Town, request: Request, status: int = 403) -> bytes:
    found, body = await town.post(request.query, request.body)
    assert found == status, body
    assert len(body) < 40
    return body


async def test_foreign_callbacks_are_403(open_town: OpenTown, capsys: pytest.CaptureFixture[str]) -> None:
    """Another token, key or app id is refused, and what the callback said stands in no log."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    other_key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"
    for account in ({"token": "wrong"}, {"aes_key": other_key}, {"app_id": "wx00000000000000bb"}):
        assert await refused(town, wrapped(town, **account)) == b"callback.refused"
    captured = capsys.readouterr()
    assert "callback_refused" in captured.out + captured.err
    assert SECRET_WORDS not in captured.out + captured.err
    assert USER not in captured.out + captured.err
    assert dialogue.turns == []


@pytest.mark.parametrize("seconds", [-FRESH_S - 5, FRESH_S + 5, -86_400 * 365])
async def test_old_and_future_timestamps_are_403(open_town: OpenTown, seconds: int) -> None:
    """A genuine signature of another time is refused."""
    town = await open_town(ScriptedDialogue(script))
    clock = VirtualClock(town.platform.clock.now())
    clock.elapsed_ms = seconds * 1_000
    platform = FakeWechat(town.platform.account, clock, town.platform.http)
    await refused(
        town, platform.wrap(platform.compose(USER, {"MsgType": "text", "Content": "x", "MsgId": 1}))
    )


@pytest.mark.parametrize("mode", ["plain", "safe"])
async def test_a_signature_that_was_seen_serves_no_other_message(open_town: OpenTown, mode: str) -> None:
    """A captured query with another body is refused; in plain mode only this stands between them."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue, mode)
    genuine, other = wrapped(town, "您好"), wrapped(town, "再见")
    assert (await town.post(genuine.query, genuine.body))[0] == 200
    await refused(town, Request(genuine.query, other.body))
    assert [turn.text for turn in dialogue.turns] == ["您好"]


async def test_a_replay_is_not_answered_again(open_town: OpenTown) -> None:
    """The very same callback again changes nothing: no second turn, no message."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    genuine = wrapped(town, "您好")
    for _ in range(5):
        assert (await town.post(genuine.query, genuine.body))[0] == 200
    await town.quiet()
    assert len(dialogue.turns) == 1
    assert town.screen() == []


async def test_plain_messages_do_not_pass_in_safe_mode(open_town: OpenTown) -> None:
    """An account that encrypts is not talked to without."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    await refused(town, wrapped(town, mode="plain"))
    both = wrapped(town, mode="compatible")
    body = both.body.replace(SECRET_WORDS.encode(), "换成别的话".encode())
    assert (await town.post(both.query, body))[0] == 200
    assert [turn.text for turn in dialogue.turns] == [SECRET_WORDS]


@pytest.mark.parametrize("body", [BOMB, EXTERNAL])
@pytest.mark.parametrize("mode", ["plain", "safe"])
async def test_bombs_are_refused_inside_and_outside(open_town: OpenTown, mode: str, body: bytes) -> None:
    """Even correctly signed and encrypted, an entity bomb is a named error."""
    town = await open_town(ScriptedDialogue(script), mode)
    query = wrapped(town).query
    assert await refused(town, Request(query, body), 400) == b"input.invalid"
    if mode == "safe":
        encrypted, signed = town.platform.account.crypt.seal(body, query["timestamp"], query["nonce"])
        sealed = f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode()
        await refused(town, Request({**query, "msg_signature": signed}, sealed), 400)


async def test_ten_megabytes_are_413(open_town: OpenTown) -> None:
    """A huge body is refused with a name and does not stop the door."""
    town = await open_town(ScriptedDialogue(script))
    request = wrapped(town)
    huge = b"<xml><Encrypt>" + b"A" * 10_000_000 + b"</Encrypt></xml>"
    assert await refused(town, Request(request.query, huge), 413) == b"input.too_large"
    assert (await town.platform.say(USER, "您好")).reply == "收到：您好"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"{}",
        b"<xml/>",
        b"<xml><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName>u</FromUserName><ToUserName>g</ToUserName><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName>u</FromUserName><ToUserName>g</ToUserName><MsgType>text</MsgType>"
        b"<MsgId>abc</MsgId></xml>",
        b"<xml><FromUserName>u</FromUserName><ToUserName>g</ToUserName><MsgType>location</MsgType>"
        b"<MsgId>1</MsgId><Location_X>north</Location_X><Location_Y>1</Location_Y></xml>",
        b"<xml><FromUserName>u</FromUserName><ToUserName>g</ToUserName><MsgType>location</MsgType>"
        b"<MsgId>1</MsgId><Location_X>nan</Location_X><Location_Y>1</Location_Y></xml>",
        b"<xml><FromUserName>u</FromUserName><ToUserName>g</ToUserName><MsgType>event</MsgType></xml>",
        b"<xml><FromUserName>" + b"u" * 65 + b"</FromUserName><ToUserName>g</ToUserName>"
        b"<MsgType>text</MsgType><MsgId>1</MsgId></xml>",
    ],
)
async def test_malformed_messages_are_400(open_town: OpenTown, body: bytes) -> None:
    """Signed but malformed: a named error, and the door lives."""
    town = await open_town(ScriptedDialogue(script), "plain")
    await refused(town, Request(wrapped(town).query, body), 400)


async def test_missing_and_doubled_parameters_are_403(open_town: OpenTown) -> None:
    """Each part of the query is needed."""
    town = await open_town(ScriptedDialogue(script))
    genuine = wrapped(town)
    for name in ("signature", "timestamp", "nonce", "msg_signature"):
        await refused(town, Request({**genuine.query, name: ""}, genuine.body))
    stamp = {"timestamp": "1e9", "nonce": "1"}
    signed = signature(town.platform.account.token, "1e9", "1")
    await refused(town, Request({**genuine.query, **stamp, "signature": signed}, genuine.body))


def mutated(genuine: Request, dice: random.Random) -> Request:
    """Change one thing of a callback that matters: a parameter, or a byte of what is encrypted."""
    if dice.random() < 0.3:
        name = dice.choice(sorted({"signature", "timestamp", "nonce", "msg_signature"} & set(genuine.query)))
        value = list(genuine.query[name])
        place = dice.randrange(len(value))
        value[place] = dice.choice([sign for sign in "0123456789abcdefX" if sign != value[place]])
        return Request({**genuine.query, name: "".join(value)}, genuine.body)
    start = genuine.body.index(b"<Encrypt><![CDATA[") + 18
    end = genuine.body.index(b"]]></Encrypt>")
    data = bytearray(base64.b64decode(genuine.body[start:end]))
    match dice.randrange(3):
        case 0:
            data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        case 1:
            del data[-dice.randrange(1, len(data)) :]
        case _:
            data += bytes(dice.randrange(256) for _ in range(dice.choice([1, 16, 32])))
    return Request(genuine.query, genuine.body[:start] + base64.b64encode(bytes(data)) + genuine.body[end:])


async def test_no_mutation_is_accepted(open_town: OpenTown) -> None:
    """Of 300 callbacks with one change each none reaches the dialogue core (5,000 in the benchmark)."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    genuine, dice = wrapped(town), random.Random(11)
    for _ in range(300):
        request = mutated(genuine, dice)
        status, _ = await town.post(request.query, request.body)
        assert status in {400, 403}
    assert dialogue.turns == []
    assert (await town.post(genuine.query, genuine.body))[0] == 200
