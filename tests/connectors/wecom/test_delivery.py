"""Slow cores, retries, replays, lost tokens, an API that is away: one answer each, none lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from aiohttp import web
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.fake_platform.wechat_api import error
from connectors.patience import Patience
from connectors.wecom.channel import conversation_of
from core.dialogue import ScriptedDialogue
from core.secret import derive_key, load_secret
from core.types import Answer, Reply, Turn
from tests.connectors.conftest import QUICK, GatedDialogue
from tests.connectors.wecom.conftest import USER, OpenCorp
from tests.eventually import eventually

pytestmark = pytest.mark.net

SILENT = replace(QUICK, deadline_ms=60_000)
SEND = "/cgi-bin/message/send"


def echo(turn: Turn) -> Answer:
    return Answer((Reply(f"答{turn.text}"),))


async def test_a_stalled_core_delays_no_acknowledgement(open_corp: OpenCorp) -> None:
    """While the core answers nobody, callbacks are acknowledged within a second and answered later."""
    dialogue = GatedDialogue(script=echo)
    corp = await open_corp(dialogue, patience=SILENT)
    users = [f"member{number:02}" for number in range(12)]
    started = time.monotonic()
    outcomes = await asyncio.gather(*(corp.platform.say(user, "问") for user in users))
    assert time.monotonic() - started < 1
    assert {outcome.statuses for outcome in outcomes} == {(200,)}
    dialogue.gate.set()
    for user in users:
        await corp.shown(1, user)
        assert corp.screen(user) == [("text", "答问")]


async def test_parallel_retries_out_of_order_are_one_message(open_corp: OpenCorp) -> None:
    """Nine copies at once, of three messages: three turns, three answers."""
    dialogue = GatedDialogue(script=echo)
    corp = await open_corp(dialogue, patience=SILENT)
    platform = corp.platform
    platform.member(USER)
    messages = [
        platform.compose(USER, {"MsgType": "text", "Content": f"问{number}", "MsgId": number})
        for number in (1, 2, 3)
    ]
    tries = [platform.attempt(platform.wrap(message)) for message in reversed(messages * 3)]
    assert {status for status, _ in await asyncio.gather(*tries)} == {200}
    dialogue.gate.set()
    await corp.shown(3)
    await corp.quiet()
    assert sorted(corp.texts()) == ["答问1", "答问2", "答问3"]
    assert len({turn.message_id for turn in dialogue.turns}) == 3


async def test_the_same_words_twice_are_two_answers(open_corp: OpenCorp) -> None:
    """WeCom's check for repeated contents does not swallow the answer to a question that is asked again."""
    corp = await open_corp(ScriptedDialogue(echo))
    await corp.platform.say(USER, "问")
    await corp.shown(1)
    await corp.platform.say(USER, "问")
    await corp.shown(2)
    assert corp.texts() == ["答问", "答问"]


async def test_a_message_whose_response_was_lost_is_shown_once(open_corp: OpenCorp) -> None:
    """WeCom took the message and the connection broke: the second attempt is not shown again."""
    corp = await open_corp(ScriptedDialogue(echo))
    api, taken = corp.platform.api, corp.platform.api.handlers["message/send"]
    calls: list[int] = []

    async def breaking(request: web.Request, body: dict[str, object]) -> web.Response:
        response = await taken(request, body)
        calls.append(1)
        return web.Response(status=502) if len(calls) < 3 else response

    api.handlers["message/send"] = breaking
    await corp.platform.say(USER, "问")
    await eventually(lambda: len(calls) >= 3)
    await corp.quiet()
    assert corp.texts() == ["答问"]


async def test_a_process_that_stops_leaves_the_answer_to_the_next(open_corp: OpenCorp) -> None:
    """The message was taken, the process ends, another one starts: the answer arrives once."""
    dialogue = GatedDialogue(script=echo)
    corp = await open_corp(dialogue, patience=SILENT)
    await corp.platform.say(USER, "问")
    await eventually(lambda: bool(dialogue.turns))
    await corp.first.cleanup()
    await corp.start(ScriptedDialogue(echo))
    await corp.shown(1)
    await corp.quiet()
    assert corp.texts() == ["答问"]


async def test_a_process_that_stops_in_mid_delivery_is_not_waited_for(open_corp: OpenCorp) -> None:
    """The platform hangs, the process ends: the next one sends at once, not when the lease has lapsed."""
    corp = await open_corp(ScriptedDialogue(echo))
    handlers = corp.platform.api.handlers
    taken, hanging = handlers["message/send"], asyncio.Event()

    async def hang(_request: web.Request, _body: dict[str, object]) -> web.Response:
        hanging.set()
        await asyncio.sleep(60)
        return error(-1)

    handlers["message/send"] = hang
    await corp.platform.say(USER, "问")
    await hanging.wait()
    await corp.first.cleanup()
    handlers["message/send"] = taken
    await corp.start(ScriptedDialogue(echo))
    await corp.shown(1, within_s=5)
    await corp.quiet()
    assert corp.texts() == ["答问"]


async def test_a_revoked_token_is_replaced_in_mid_conversation(open_corp: OpenCorp) -> None:
    """The next answer is sent although every token was revoked."""
    corp = await open_corp(ScriptedDialogue(echo))
    await corp.platform.say(USER, "一")
    await corp.shown(1)
    corp.platform.api.revoke_tokens()
    await corp.platform.say(USER, "二")
    await corp.shown(2)
    assert corp.texts() == ["答一", "答二"]
    assert corp.platform.api.calls["/cgi-bin/gettoken"] == 2


async def test_an_api_that_is_away_loses_nothing(open_corp: OpenCorp) -> None:
    """The answer waits while the API is down, busy or over its rate, and arrives once when it is back."""
    corp = await open_corp(ScriptedDialogue(echo))
    weather = corp.platform.api.weather
    weather.down = True
    await corp.platform.say(USER, "问")
    await eventually(lambda: sum(corp.platform.api.calls.values()) >= 4, within_s=20)
    weather.down, weather.busy = False, 2
    await corp.shown(1, within_s=30)
    await corp.quiet()
    assert corp.texts() == ["答问"]


async def test_without_the_right_the_answer_waits(open_corp: OpenCorp) -> None:
    """48002 is a right that is missing: once it is granted, the next message brings both answers."""
    corp = await open_corp(ScriptedDialogue(echo))
    corp.platform.api.weather.permitted = False
    await corp.platform.say(USER, "一")
    await eventually(lambda: corp.platform.api.calls.get(SEND, 0) >= 1)
    await corp.quiet()
    corp.platform.api.weather.permitted = True
    await corp.platform.say(USER, "二")
    await corp.shown(2)
    assert corp.texts() == ["答一", "答二"]


@pytest.mark.parametrize("errcode", [81013, 45002, 40008, 99999])
async def test_a_message_the_platform_refuses_does_not_block_the_next(
    open_corp: OpenCorp, errcode: int
) -> None:
    """One answer is refused for good: the next one is delivered."""
    corp = await open_corp(ScriptedDialogue(echo))
    handlers = corp.platform.api.handlers
    taken = handlers["message/send"]

    async def refusing(_request: web.Request, _body: dict[str, object]) -> web.Response:
        return error(errcode)

    handlers["message/send"] = refusing
    await corp.platform.say(USER, "一")
    await eventually(lambda: corp.platform.api.calls.get(SEND, 0) >= 1)
    await corp.quiet()
    handlers["message/send"] = taken
    await corp.platform.say(USER, "二")
    await corp.shown(1)
    assert corp.texts() == ["答二"]


async def test_staff_can_write_and_nothing_follows_who_has_left(open_corp: OpenCorp) -> None:
    """Sentences that nobody asked for go out; after leaving they are not."""
    corp = await open_corp(ScriptedDialogue(echo))
    await corp.platform.say(USER, "您好")
    await corp.shown(1)
    channel = next(item for item in corp.channels if item.name == "wecom")
    conversation = conversation_of(derive_key(load_secret(corp.settings), "chat-users"), USER)
    await channel.send(conversation, [Reply("我是工作人员，来帮您。")])
    await corp.shown(2)
    await corp.platform.event(USER, "unsubscribe")
    await channel.send(conversation, [Reply("还在吗？")])
    await corp.quiet(1.3)
    assert corp.texts()[1:] == ["我是工作人员，来帮您。"]


async def test_without_redis_the_platform_is_asked_to_try_again(
    open_corp: OpenCorp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be stored: 503, so that the platform repeats the message; then it is answered."""
    corp = await open_corp(ScriptedDialogue(echo), patience=Patience())
    message = corp.platform.compose(USER, {"MsgType": "text", "Content": "问", "MsgId": 5})
    corp.platform.member(USER)
    request = corp.platform.wrap(message)

    async def away(*_: object, **__: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(corp.redis, "execute_command", away)
        assert await corp.post(request.query, request.body) == (503, b"queue.unavailable")
    assert await corp.platform.attempt(request) == (200, {})
    await corp.shown(1)
    assert corp.texts() == ["答问"]
