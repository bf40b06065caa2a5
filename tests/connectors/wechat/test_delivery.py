"""Slow cores, lost connections, retries, quotas, platforms that are away: one answer each, none lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.patience import Patience
from connectors.platform_texts import load_platform_texts
from connectors.texts import load_texts
from connectors.wechat.channel import conversation_of
from core.dialogue import ScriptedDialogue
from core.secret import derive_key, load_secret
from core.types import Answer, Reply, Turn
from tests.connectors.conftest import QUICK, GatedDialogue
from tests.connectors.wechat.conftest import USER, OpenTown, Town
from tests.eventually import eventually

pytestmark = pytest.mark.net

DOORS = load_texts({"agency": "中心", "hotline": "12333"})
OURS = load_platform_texts({"agency": "中心", "hotline": "12333"})
SILENT = replace(QUICK, deadline_ms=60_000)


def echo(turn: Turn) -> Answer:
    return Answer((Reply(f"答{turn.text}"),))


async def late(town: Town, dialogue: GatedDialogue, text: str = "问") -> None:
    """Say something whose request is lost before there is an answer."""
    town.platform.attempt_s = 0.2
    before = len(dialogue.turns)
    asking = asyncio.create_task(town.platform.say(USER, text))
    await eventually(lambda: len(dialogue.turns) > before)
    await asking
    town.platform.attempt_s = 5.0


async def test_a_slow_answer_follows_as_a_message(open_town: OpenTown) -> None:
    """Within five seconds a kind sentence is the reply; the answer is sent by the API, once."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=replace(QUICK, deadline_ms=3_800))
    started = time.monotonic()
    outcome = await town.platform.say(USER, "问")
    assert 3.8 < time.monotonic() - started < 5
    assert (outcome.statuses, outcome.reply) == ((200,), DOORS.notice("slow"))
    dialogue.gate.set()
    await town.shown(2)
    await town.quiet()
    assert town.screen() == [("reply", DOORS.notice("slow")), ("sent", "答问")]


async def test_a_stalled_core_holds_no_request(open_town: OpenTown) -> None:
    """With nobody being answered, requests are acknowledged within a second, and all answered afterwards."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    users = [f"oUser{number:02}" for number in range(12)]
    started = time.monotonic()
    outcomes = await asyncio.gather(*(town.platform.say(user, "问") for user in users))
    assert time.monotonic() - started < 2.5, "not held until the deadline of 4.5 s"
    assert all((outcome.statuses, outcome.reply) == ((200,), "") for outcome in outcomes)
    dialogue.gate.set()
    for user in users:
        await town.shown(1, user)
        assert town.screen(user) == [("sent", "答问")]


async def test_lost_requests_are_retried_and_answered_once(open_town: OpenTown) -> None:
    """The platform drops the connection and delivers three times: one turn, one answer."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    await late(town, dialogue)
    dialogue.gate.set()
    await eventually(lambda: ("sent", "答问") in town.screen())
    await town.quiet()
    assert town.texts().count("答问") == 1
    assert len({turn.message_id for turn in dialogue.turns}) == 1


async def test_a_retry_after_the_answer_gets_the_same_answer(open_town: OpenTown) -> None:
    """The platform did not get our response: its next attempt is given it again; nothing is sent twice."""
    dialogue = ScriptedDialogue(echo)
    town = await open_town(dialogue)
    platform = town.platform
    message = platform.compose(USER, {"MsgType": "text", "Content": "问", "MsgId": 77})
    platform.phones.allow(USER, "message")
    replies = [await platform.attempt(platform.wrap(message)) for _ in range(3)]
    assert replies == [(200, "答问")] * 3
    await town.quiet()
    assert len(dialogue.turns) == 1
    assert town.screen() == []


async def test_parallel_retries_out_of_order_are_one_message(open_town: OpenTown) -> None:
    """Nine copies at once, of three messages: each is put to the core once and answered by one reply."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    platform = town.platform
    platform.phones.allow(USER, "message")
    wrapped = [
        platform.wrap(platform.compose(USER, {"MsgType": "text", "Content": f"问{number}", "MsgId": number}))
        for number in (1, 2, 3)
    ] * 3
    tries = [asyncio.create_task(platform.attempt(request)) for request in reversed(wrapped)]
    await asyncio.sleep(0.2)
    dialogue.gate.set()
    replies = [reply for _, reply in await asyncio.gather(*tries) if reply]
    await town.quiet()
    said = "\n\n".join([*replies, *town.texts()]).split("\n\n")
    assert sorted(said) == ["答问1", "答问2", "答问3"]
    assert len({turn.message_id for turn in dialogue.turns}) == 3


async def test_a_process_that_stops_leaves_the_answer_to_the_next(open_town: OpenTown) -> None:
    """The message was taken, the process ends, another one starts: the answer arrives once."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    await late(town, dialogue)
    await town.first.cleanup()
    await town.start(ScriptedDialogue(echo))
    await eventually(lambda: ("sent", "答问") in town.screen())
    await town.quiet()
    assert town.texts().count("答问") == 1
    assert (await town.platform.say(USER, "再问")).reply == "答再问"


async def test_a_revoked_token_is_replaced_in_mid_conversation(open_town: OpenTown) -> None:
    """The late answer is sent although every token was revoked."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    await late(town, dialogue, "一")
    dialogue.gate.set()
    await eventually(lambda: ("sent", "答一") in town.screen())
    town.platform.api.revoke_tokens()
    dialogue.gate.clear()
    await late(town, dialogue, "二")
    dialogue.gate.set()
    await eventually(lambda: ("sent", "答二") in town.screen())
    assert town.platform.api.calls["/cgi-bin/stable_token"] == 2


async def test_an_api_that_is_away_loses_nothing(open_town: OpenTown) -> None:
    """The answer waits while the platform's API is down or busy, and arrives once when it is back."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    api = town.platform.api
    api.weather.down = True
    await late(town, dialogue)
    dialogue.gate.set()
    await eventually(lambda: sum(api.calls.values()) >= 4, within_s=20)
    assert ("sent", "答问") not in town.screen()
    api.weather.down = False
    api.weather.busy = 2
    await eventually(lambda: ("sent", "答问") in town.screen(), within_s=30)
    await town.quiet()
    assert town.texts().count("答问") == 1


async def test_without_the_right_to_messages_the_answer_comes_with_the_next_reply(
    open_town: OpenTown,
) -> None:
    """An account that may not use the API (48001) keeps the answer until the citizen writes again."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    town.platform.api.weather.permitted = False
    await late(town, dialogue, "一")
    dialogue.gate.set()
    await eventually(lambda: town.platform.api.calls.get("/cgi-bin/message/custom/send", 0) >= 1)
    await town.quiet()
    outcome = await town.platform.say(USER, "二")
    assert outcome.reply == "答一\n\n答二"


async def test_an_account_without_the_right_asks_to_write_again(open_town: OpenTown) -> None:
    """Once the platform has said no, a slow answer is announced for the next message, which brings it."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=replace(QUICK, deadline_ms=1_500))
    town.platform.api.weather.permitted = False
    await late(town, dialogue, "一")
    dialogue.gate.set()
    await eventually(lambda: town.platform.api.calls.get("/cgi-bin/message/custom/send", 0) >= 1)
    await town.quiet()
    assert (await town.platform.say(USER, "二")).reply == "答一\n\n答二"
    dialogue.gate.clear()
    assert (await town.platform.say(USER, "三")).reply == OURS.notices["later"]
    dialogue.gate.set()
    await town.quiet(1.0)
    assert (await town.platform.say(USER, "四")).reply == "答三\n\n答四"


async def test_the_quota_is_kept_and_what_is_left_waits(open_town: OpenTown) -> None:
    """After five messages nothing more is tried: the rest comes when the citizen writes."""
    long = "".join(f"第{number}条说明，请带好身份证和社保卡去办理。" for number in range(300))
    dialogue = GatedDialogue(script=lambda turn: Answer((Reply(long if turn.text == "长" else "好"),)))
    town = await open_town(dialogue, patience=SILENT)
    await late(town, dialogue, "长")
    dialogue.gate.set()
    await eventually(lambda: town.platform.api.calls.get("/cgi-bin/message/custom/send", 0) == 5)
    await town.quiet(1.3)
    assert town.platform.api.calls["/cgi-bin/message/custom/send"] == 5
    await town.platform.say(USER, "然后呢")
    await eventually(lambda: town.texts()[-1].endswith("好"), within_s=10)
    assert "".join(town.texts()).replace("\n\n", "") == long + "好"


async def test_a_message_the_platform_refuses_does_not_block_the_next(open_town: OpenTown) -> None:
    """The content check refuses one answer (as error 87014 would): the next one is delivered."""
    dialogue = GatedDialogue(script=echo)
    town = await open_town(dialogue, patience=SILENT)
    town.platform.phones.of(USER).blocked = True
    await late(town, dialogue, "一")
    dialogue.gate.set()
    await eventually(lambda: town.platform.api.calls.get("/cgi-bin/message/custom/send", 0) >= 1)
    town.platform.phones.of(USER).blocked = False
    assert (await town.platform.say(USER, "二")).reply == "答二"


async def test_what_staff_write_is_sent_while_the_window_is_open(open_town: OpenTown) -> None:
    """Sentences that nobody asked for go out by the API; after leaving they are not."""
    town = await open_town(ScriptedDialogue(echo))
    await town.platform.say(USER, "您好")
    channel = next(item for item in town.channels if item.name == "wechat")
    conversation = conversation_of(derive_key(load_secret(town.settings), "chat-users"), USER)
    await channel.send(conversation, [Reply("我是工作人员，来帮您。")])
    await town.shown(2)
    assert town.screen()[-1] == ("sent", "我是工作人员，来帮您。")
    await town.platform.event(USER, "unsubscribe")
    await channel.send(conversation, [Reply("还在吗？")])
    await town.quiet(1.3)
    assert len(town.screen()) == 2


async def test_without_redis_the_platform_is_asked_to_try_again(
    open_town: OpenTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be stored: 503, so that the platform repeats the message; then it is answered."""
    town = await open_town(ScriptedDialogue(echo), patience=Patience())
    message = town.platform.compose(USER, {"MsgType": "text", "Content": "问", "MsgId": 5})
    request = town.platform.wrap(message)

    async def away(*_: object, **__: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(town.redis, "execute_command", away)
        assert await town.post(request.query, request.body) == (503, b"queue.unavailable")
    assert await town.platform.attempt(request) == (200, "答问")
