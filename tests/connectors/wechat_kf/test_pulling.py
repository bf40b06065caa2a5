"""Fetching: pages, cursors, callbacks that repeat or never come, processes that die, an API that is away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.fake_platform.kf import CUSTOMER, FakeKf
from connectors.fake_platform.wechat_api import error
from connectors.patience import Patience
from connectors.tencent.errors import PlatformError, PlatformUnavailable
from connectors.wechat_kf.api import KfApi, Page
from connectors.wechat_kf.news import News
from connectors.wechat_kf.puller import Puller
from core.clock import SystemClock
from core.dialogue import ScriptedDialogue
from core.types import Answer, Reply, Turn
from tests.connectors.conftest import QUICK, GatedDialogue
from tests.connectors.wechat_kf.conftest import USER, OpenService
from tests.eventually import eventually

pytestmark = pytest.mark.net

SILENT = replace(QUICK, deadline_ms=60_000)
SYNC, SEND = "/cgi-bin/kf/sync_msg", "/cgi-bin/kf/send_msg"


def echo(turn: Turn) -> Answer:
    return Answer((Reply(f"答{turn.text}"),))


async def test_all_pages_are_read_in_order(open_service: OpenService) -> None:
    """Many small pages, some of them empty, are read to the end before the account rests."""
    service = await open_service(ScriptedDialogue(echo))
    service.platform.rules.page, service.platform.rules.blank_pages = 2, 2
    service.platform.silent = True
    for number in range(5):
        await service.platform.say(USER, f"问{number}")
    service.platform.silent = False
    await service.platform.notify()
    await service.shown(5)
    assert service.texts() == [f"答问{number}" for number in range(5)]


async def test_repeated_callbacks_are_answered_once(open_service: OpenService) -> None:
    """Nine callbacks for three messages, in any order and at once: three turns, three answers."""
    dialogue = GatedDialogue(script=echo)
    service = await open_service(dialogue, patience=SILENT)
    platform = service.platform
    platform.silent = True
    for number in (1, 2, 3):
        await platform.say(USER, f"问{number}")
    wrapped = [platform.wrap(platform.compose()) for _ in range(3)] * 3
    tries = await asyncio.gather(*(platform.attempt(request) for request in reversed(wrapped)))
    assert {status for status, _ in tries} == {200}
    dialogue.gate.set()
    await service.shown(3)
    await service.quiet()
    assert service.texts() == ["答问1", "答问2", "答问3"]
    assert len({turn.message_id for turn in dialogue.turns}) == 3


async def test_a_message_that_is_read_twice_is_one_message(open_service: OpenService) -> None:
    """The cursor is lost: what is read again, under the same msgid, is not answered again."""
    dialogue = ScriptedDialogue(echo)
    service = await open_service(dialogue)
    await service.platform.say(USER, "问")
    await service.platform.message(USER, "image", {"media_id": "m"})
    await service.shown(2)
    await service.redis.delete(f"nuanye:kf:{{{FakeKf.account_id}}}:cursor")
    await service.platform.say(USER, "再问")
    await service.shown(3)
    await service.quiet()
    assert len(service.screen()) == 3
    assert [turn.text for turn in dialogue.turns] == ["问", "再问"]


async def test_callbacks_that_never_came_are_made_up_for_at_the_start(open_service: OpenService) -> None:
    """What came while our door was down is read when a process starts, without a token."""
    service = await open_service(ScriptedDialogue(echo))
    await service.platform.say(USER, "一")
    await service.shown(1)
    await service.runners.pop().cleanup()
    service.platform.silent = True
    await service.platform.say(USER, "二")
    await service.start()
    await service.shown(2)
    assert service.texts() == ["答一", "答二"]


async def test_history_is_not_answered_at_the_first_start(open_service: OpenService) -> None:
    """The platform keeps three days: who wrote hours before the bot came is not surprised by it."""

    def before(platform: FakeKf) -> None:
        platform.session(USER).state = 0
        for age_s, text in ((86_400, "昨天"), (3_600, "一小时前"), (60, "刚才")):
            platform.add(USER, CUSTOMER, {"msgtype": "text", "text": {"content": text}})
            platform.messages[-1]["send_time"] -= age_s
        platform.phones.allow(USER, "message")
        platform.rules.page = 1

    dialogue = ScriptedDialogue(echo)
    service = await open_service(dialogue, before=before)
    await service.shown(1)
    await service.quiet()
    assert service.texts() == ["答刚才"]


async def test_a_token_that_has_lapsed_is_done_without(open_service: OpenService) -> None:
    """95007: the messages are fetched without the event's token."""
    service = await open_service(ScriptedDialogue(echo))
    await service.platform.say(USER, "一")
    await service.shown(1)
    request = service.platform.wrap(service.platform.compose())
    service.platform.tokens.clear()
    service.platform.silent = True
    await service.platform.say(USER, "二")
    await service.platform.attempt(request)
    await service.shown(2)
    assert service.texts() == ["答一", "答二"]


async def test_a_malformed_entry_does_not_stop_the_rest(open_service: OpenService) -> None:
    """Entries that make no sense are passed over and counted."""
    service = await open_service(ScriptedDialogue(echo))
    now = int(service.platform.clock.now().timestamp())
    good = {"msgid": "x", "open_kfid": FakeKf.account_id, "send_time": now, "origin": 3, "msgtype": "text"}
    place = {"latitude": "north", "longitude": 1}
    service.platform.messages += [  # type: ignore[list-item]
        None,
        {},
        {**good, "external_userid": ""},
        {**good, "external_userid": USER, "text": "no object"},
        {**good, "external_userid": USER, "origin": "3"},
        {**good, "external_userid": USER, "open_kfid": "a/b"},
        {**good, "external_userid": USER, "msgtype": "location", "location": place},
        {
            **good,
            "external_userid": USER,
            "msgtype": "location",
            "location": {"latitude": 1e400, "longitude": 1},
        },
        {**good, "external_userid": USER, "text": {"content": 5}},
    ]
    await service.platform.say(USER, "问")
    await service.shown(1)
    assert service.texts() == ["答问"]


async def test_a_customer_whose_state_is_refused_does_not_stop_the_rest(open_service: OpenService) -> None:
    """The platform will not say who serves one customer: the bot answers, and so it does the next one."""
    service = await open_service(ScriptedDialogue(echo))
    handlers = service.platform.api.handlers
    state = handlers["kf/service_state/get"]

    async def refusing(request: web.Request, body: dict[str, object]) -> web.Response:
        return error(40096) if body["external_userid"] == "wm1" else await state(request, body)

    handlers["kf/service_state/get"] = refusing
    await service.platform.say("wm1", "一")
    await service.platform.say("wm2", "二")
    await service.shown(1, "wm1")
    await service.shown(1, "wm2")
    assert (service.texts("wm1"), service.texts("wm2")) == (["答一"], ["答二"])


async def test_a_stalled_core_delays_no_acknowledgement(open_service: OpenService) -> None:
    """While the core answers nobody, callbacks are acknowledged within a second and answered later."""
    dialogue = GatedDialogue(script=echo)
    service = await open_service(dialogue, patience=SILENT)
    users = [f"wm{number:02}" for number in range(12)]
    started = time.monotonic()
    outcomes = await asyncio.gather(*(service.platform.say(user, "问") for user in users))
    assert time.monotonic() - started < 1
    assert {outcome.statuses for outcome in outcomes} == {(200,)}
    dialogue.gate.set()
    for user in users:
        await service.shown(1, user)
        assert service.texts(user) == ["答问"]


async def test_two_processes_read_and_answer_once(open_service: OpenService) -> None:
    """Whichever process reads, every message is one turn and one answer."""
    dialogue = ScriptedDialogue(echo)
    service = await open_service(dialogue)
    await service.start()
    for number in range(6):
        await service.platform.say(f"wm{number % 3}", f"问{number}")
    for number in range(3):
        await service.shown(2, f"wm{number}")
        assert service.texts(f"wm{number}") == [f"答问{number}", f"答问{number + 3}"]
    assert len(dialogue.turns) == 6


async def test_a_process_that_stops_leaves_the_answer_to_the_next(open_service: OpenService) -> None:
    """The message was read, the process ends, another one starts: the answer arrives once."""
    dialogue = GatedDialogue(script=echo)
    service = await open_service(dialogue, patience=SILENT)
    await service.platform.say(USER, "问")
    await eventually(lambda: bool(dialogue.turns))
    await service.runners.pop().cleanup()
    await service.start(ScriptedDialogue(echo))
    await service.shown(1)
    await service.quiet()
    assert service.texts() == ["答问"]


async def test_an_api_that_is_away_loses_nothing(open_service: OpenService) -> None:
    """Neither a message that cannot be fetched nor an answer that cannot be sent is lost or doubled."""
    service = await open_service(ScriptedDialogue(echo))
    weather, calls = service.platform.api.weather, service.platform.api.calls
    await eventually(lambda: calls.get(SYNC, 0) >= 1)
    weather.down = True
    await service.platform.say(USER, "一")
    await eventually(lambda: calls[SYNC] >= 4, within_s=20)
    weather.down, weather.busy = False, 2
    await service.shown(1, within_s=30)
    await service.quiet()
    assert service.texts() == ["答一"]


async def test_a_revoked_token_is_replaced_in_mid_conversation(open_service: OpenService) -> None:
    """Reading and answering go on although every access token was revoked."""
    service = await open_service(ScriptedDialogue(echo))
    await service.platform.say(USER, "一")
    await service.shown(1)
    service.platform.api.revoke_tokens()
    await service.platform.say(USER, "二")
    await service.shown(2)
    assert service.texts() == ["答一", "答二"]
    assert service.platform.api.calls["/cgi-bin/gettoken"] == 2


async def test_an_answer_whose_response_was_lost_is_shown_once(open_service: OpenService) -> None:
    """The platform took the message and the connection broke: the same msgid again is the same message."""
    service = await open_service(ScriptedDialogue(echo))
    taken, calls = service.platform.api.handlers["kf/send_msg"], []

    async def breaking(request: web.Request, body: dict[str, object]) -> web.Response:
        response = await taken(request, body)
        calls.append(body["msgid"])
        return web.Response(status=502) if len(calls) < 3 else response

    service.platform.api.handlers["kf/send_msg"] = breaking
    await service.platform.say(USER, "问")
    await eventually(lambda: len(calls) >= 3)
    await service.quiet()
    assert service.texts() == ["答问"]
    assert len(set(calls)) == 1


@pytest.mark.parametrize("errcode", [40096, 95000, 95004, 40058, 99999])
async def test_a_message_the_platform_refuses_does_not_block_the_next(
    open_service: OpenService, errcode: int
) -> None:
    """One answer is refused for good: the next one is delivered."""
    service = await open_service(ScriptedDialogue(echo))
    handlers = service.platform.api.handlers
    taken = handlers["kf/send_msg"]

    async def refusing(_request: web.Request, _body: dict[str, object]) -> web.Response:
        return error(errcode)

    handlers["kf/send_msg"] = refusing
    await service.platform.say(USER, "一")
    await eventually(lambda: service.platform.api.calls.get(SEND, 0) >= 1)
    await service.quiet()
    handlers["kf/send_msg"] = taken
    await service.platform.say(USER, "二")
    await service.shown(1)
    assert service.texts() == ["答二"]


@pytest.mark.parametrize("errcode", [95017, 301002, 48002])
async def test_without_the_right_the_answer_waits(open_service: OpenService, errcode: int) -> None:
    """A right that is missing is the operator's to grant: then the next message brings both answers."""
    service = await open_service(ScriptedDialogue(echo))
    handlers = service.platform.api.handlers
    taken = handlers["kf/send_msg"]

    async def refusing(_request: web.Request, _body: dict[str, object]) -> web.Response:
        return error(errcode)

    handlers["kf/send_msg"] = refusing
    await service.platform.say(USER, "一")
    await eventually(lambda: service.platform.api.calls.get(SEND, 0) >= 1)
    await service.quiet()
    handlers["kf/send_msg"] = taken
    await service.platform.say(USER, "二")
    await service.shown(2)
    assert service.texts() == ["答一", "答二"]


async def test_without_redis_the_platform_is_asked_to_try_again(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The news cannot be stored: 503, so that the platform calls again; then all is answered."""
    service = await open_service(ScriptedDialogue(echo), patience=Patience())
    service.platform.silent = True
    await service.platform.say(USER, "问")
    request = service.platform.wrap(service.platform.compose())

    async def away(*_: object, **__: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(service.redis, "execute_command", away)
        assert await service.post(request.query, request.body) == (503, b"queue.unavailable")
    assert await service.platform.attempt(request) == (200, {})
    await service.shown(1)
    assert service.texts() == ["答问"]


class _Pages(KfApi):
    """An account of two pages."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: PlatformError | None = None

    async def accounts(self) -> list[str]:
        return []

    async def sync(self, account: str, cursor: str, token: str) -> Page:
        self.asked.append(cursor)
        if self.error:
            raise self.error
        return Page(("a", "b"), "c1", True) if not cursor else Page(("c",), "c2", False)


async def _puller(redis: Redis, api: _Pages, taken: list[str], fail_on: set[str]) -> Puller:
    async def take(entry: str, _since_s: int) -> None:
        if entry in fail_on:
            fail_on.discard(entry)
            raise PlatformUnavailable("away")
        taken.append(entry)

    return Puller(redis, api, take, SystemClock())


async def test_a_page_counts_when_all_of_it_was_taken(redis_url: str) -> None:
    """Failing in the middle of a page, the page is read again and the cursor stays; then it goes on."""
    async with Redis.from_url(redis_url) as redis:
        api, taken = _Pages(), []
        puller = await _puller(redis, api, taken, {"b"})
        await puller.box.put(News("wk1", "t"))
        await puller.start()
        try:
            await eventually(lambda: taken == ["a", "a", "b", "c"], within_s=5)
            await eventually(puller_rests(puller))
        finally:
            await puller.stop()
        assert api.asked == ["", "", "c1"]
        assert await redis.get("nuanye:kf:{wk1}:cursor") == b"c2"


async def test_news_during_the_reading_are_read_too(redis_url: str) -> None:
    """A callback that comes while the last page is read has the account read again."""
    async with Redis.from_url(redis_url) as redis:
        api, taken = _Pages(), []
        puller = await _puller(redis, api, taken, set())
        first = News("wk2", "t1")
        await puller.box.put(first)
        await puller.box.put(News("wk2", "t2"))
        await puller.box.done(first)
        assert await puller.box.due() == [News("wk2", "t2")]


def puller_rests(puller: Puller):  # type: ignore[no-untyped-def]
    async def rests() -> bool:
        return await puller.box.due() == []

    return rests
