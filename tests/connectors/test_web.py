"""The web door over real HTTP, a real WebSocket and a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from connectors.patience import Patience
from connectors.redis_store import RedisStore
from connectors.types import Limits
from connectors.web.channel import WebChannel
from connectors.web.gate import Gate
from core.dialogue import ScriptedDialogue
from core.errors import DialogueUnavailable
from core.settings import Settings
from core.types import Answer, Reply, Turn
from tests.connectors.conftest import QUICK, Door, GatedDialogue, StartDoor
from tests.connectors.script import ANSWER, GREETING, script
from tests.eventually import eventually

pytestmark = pytest.mark.net


class Client:
    """One WebSocket of a page: says hello and collects events from its cursor on."""

    def __init__(self, door: Door, token: str, cursor: str = "0-0") -> None:
        self.door = door
        self.token = token
        self.cursor = cursor
        self.events: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []

    async def __aenter__(self) -> Client:
        self.socket = await self.door.client.ws_connect(f"{self.door.url.replace('http', 'ws')}/api/web/ws")
        await self.socket.send_json({"type": "hello", "token": self.token, "cursor": self.cursor})
        self.reading = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self.reading

    async def read(self) -> None:
        async for frame in self.socket:
            data = json.loads(frame.data)
            if data["type"] == "events":
                self.events += data["events"]
                self.cursor = data["cursor"]
            else:
                self.others.append(data)

    async def say(self, text: str, message_id: str) -> None:
        await self.socket.send_json({"type": "message", "message_id": message_id, "text": text})

    async def until(self, count: int) -> None:
        await eventually(lambda: len(self.events) >= count)


async def test_a_program_opens_asks_and_reads_the_answer(start_door: StartDoor) -> None:
    """Session, message and events by plain HTTP, as ``docs/web-api.md`` describes them."""
    door = await start_door(ScriptedDialogue(script))
    session = await door.open()
    assert session["conversation_id"].startswith("web_")
    await door.until(session["token"], 1)
    status, acknowledgement = await door.say(session["token"], "社保补贴")
    assert (status, acknowledgement["status"]) == (202, "accepted")
    events = await door.until(session["token"], 4, session["cursor"])
    assert [event["type"] for event in events] == ["reply", "message", "reply", "reply"]
    assert events[0]["text"] == GREETING
    assert events[2]["text"] == ANSWER
    assert events[2]["sources"][0]["document"] == "粤人社规〔2026〕20号"
    assert events[3]["policy_ids"] == ["flex_ss_subsidy"]
    assert events[3]["buttons"][0]["title"] == "需要哪些材料"


async def test_parallel_repeats_of_one_message_are_answered_once(start_door: StartDoor) -> None:
    """Ten simultaneous posts of one id give one message and one answer."""
    dialogue = ScriptedDialogue(script)
    door = await start_door(dialogue)
    token = (await door.open())["token"]
    answers = await asyncio.gather(*(door.say(token, "您好") for _ in range(10)))
    assert Counter(answer["status"] for _, answer in answers) == {"accepted": 1, "repeat": 9}
    await door.until(token, 3)
    await asyncio.sleep(0.3)
    assert len((await door.events(token))["events"]) == 3
    assert [turn.message_id for turn in dialogue.turns] == ["start", "m1"]


async def test_a_connection_cut_in_mid_answer_resumes_without_loss_or_double(start_door: StartDoor) -> None:
    """The second connection continues at the cursor of the first, whatever was under way."""
    dialogue = GatedDialogue()
    dialogue.gate.set()
    door = await start_door(dialogue)
    token = (await door.open())["token"]
    async with Client(door, token) as first:
        await first.until(1)
        dialogue.gate.clear()
        await first.say("社保补贴", "m1")
        await first.until(2)
    dialogue.gate.set()
    await door.until(token, 4)
    async with Client(door, token, first.cursor) as second:
        await second.say("社保补贴", "m1")
        await second.until(2)
        await eventually(lambda: bool(second.others))
    assert second.others[0]["status"] == "repeat"
    texts = [event["text"] for event in first.events + second.events]
    assert texts == [GREETING, "社保补贴", ANSWER, "还想了解哪一项？"]


async def test_every_cursor_resumes_exactly(start_door: StartDoor) -> None:
    """From each entry's id on a WebSocket delivers the rest and nothing else."""
    door = await start_door(ScriptedDialogue(script))
    token = (await door.open())["token"]
    await door.until(token, 1)
    await door.say(token, "社保补贴")
    events = await door.until(token, 4)
    for place, event in enumerate(events[:-1], start=1):
        async with Client(door, token, event["id"]) as client:
            await client.until(len(events) - place)
        assert client.events == events[place:]


async def test_two_windows_of_one_conversation_show_the_same(start_door: StartDoor) -> None:
    """What one window says appears in the other, and the answer in both, also through another process."""
    dialogue = ScriptedDialogue(script)
    one, two = await start_door(dialogue), await start_door(dialogue)
    token = (await one.open())["token"]
    async with Client(one, token) as here, Client(two, token) as there:
        await here.say("您好", "m1")
        await here.until(3)
        await there.until(3)
        assert here.events == there.events
    assert len(dialogue.turns) == 2


async def test_a_restart_between_question_and_answer_loses_nothing(start_door: StartDoor) -> None:
    """The stopped server leaves the question; the next one answers it on the same port."""
    stuck = GatedDialogue()
    first = await start_door(stuck)
    token = (await first.open())["token"]
    await first.say(token, "社保补贴")
    await eventually(lambda: bool(stuck.turns))
    await first.stop()
    second = await start_door(ScriptedDialogue(script), port=first.port)
    events = await second.until(token, 4)
    assert Counter(event["type"] for event in events) == {"reply": 3, "message": 1}


async def test_an_absent_core_is_named_kindly_and_the_question_kept(start_door: StartDoor) -> None:
    """The citizen reads one notice and gets the answer when the core is back."""
    away = True

    def answer(turn: Turn) -> Answer:
        if away:
            raise DialogueUnavailable("down")
        return script(turn)

    door = await start_door(ScriptedDialogue(answer))
    token = (await door.open())["token"]
    events = await door.until(token, 1)
    assert (events[0]["type"], events[0]["code"]) == ("notice", "unavailable")
    away = False
    events = await door.until(token, 2)
    assert events[1]["text"] == GREETING


async def test_a_fast_writer_is_asked_to_wait(start_door: StartDoor, settings: Settings) -> None:
    """Beyond the limit messages are refused with a kind sentence, and nothing of them is kept."""
    door = await start_door(ScriptedDialogue(script), using=replace(settings, chat_messages_per_minute=3))
    token = (await door.open())["token"]
    await door.until(token, 1)
    for number in range(2):
        assert (await door.say(token, "您好", f"m{number}"))[0] == 202
        await door.until(token, 3 + 2 * number)
    status, answer = await door.say(token, "您好", "m9")
    assert status == 429
    assert answer["error"]["code"] == "inbox.rate_limited"
    assert "请等半分钟" in answer["error"]["message"]
    assert answer["error"]["message_id"] == "m9"
    assert len((await door.events(token))["events"]) == 5


async def test_a_crowd_of_unanswered_messages_is_refused(start_door: StartDoor) -> None:
    """One conversation cannot pile up questions."""
    door = await start_door(GatedDialogue())
    token = (await door.open())["token"]
    statuses = [(await door.say(token, "您好", f"m{number}"))[0] for number in range(8)]
    assert statuses == [202] * 4 + [429] * 4


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "input.invalid"),
        (b"\xff\xfe", 400, "input.invalid"),
        (b"[]", 400, "input.invalid"),
        ({"message_id": "m1", "text": "好", "type": "call_answered"}, 400, "input.invalid"),
        ({"message_id": "m1", "text": " \u0000 "}, 400, "input.empty"),
        ({"message_id": "m1", "text": "字" * 2_001}, 413, "input.too_large"),
        (b"x" * 10_000_000, 413, "input.too_large"),
    ],
)
async def test_bad_bodies_get_a_named_error_and_a_kind_sentence(
    start_door: StartDoor, capsys: pytest.CaptureFixture[str], body: Any, status: int, code: str
) -> None:
    """The service answers and goes on; the log names the error and holds no text."""
    door = await start_door(ScriptedDialogue(script))
    token = (await door.open())["token"]
    got, answer = await door.post(token, body)
    assert (got, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]
    assert (await door.say(token, "您好", "m2"))[0] == 202
    printed = "".join(capsys.readouterr())
    assert code in printed
    assert "字字" not in printed


async def test_markup_and_emoji_pass_as_text(start_door: StartDoor) -> None:
    """The door changes nothing that can be read."""
    door = await start_door(ScriptedDialogue(script))
    token = (await door.open())["token"]
    await door.until(token, 1)
    await door.say(token, "<script>alert(1)</script> 😀")
    events = await door.until(token, 3)
    assert events[1]["text"] == "<script>alert(1)</script> 😀"


async def test_bad_frames_are_answered_and_too_many_end_the_connection(start_door: StartDoor) -> None:
    """A WebSocket survives mistakes, not a flood of them."""
    door = await start_door(ScriptedDialogue(script))
    token = (await door.open())["token"]
    async with Client(door, token) as client:
        await client.socket.send_str("{")
        await client.socket.send_json({"type": "message", "message_id": "m1", "text": "字" * 2_001})
        await client.socket.send_json({"type": "nonsense", "message_id": "m2", "text": "好"})
        await eventually(lambda: len(client.others) == 3)
        assert [other["error"]["code"] for other in client.others] == [
            "input.invalid",
            "input.too_large",
            "input.invalid",
        ]
        assert client.others[1]["error"]["message_id"] == "m1"
        await client.say("您好", "m3")
        await client.until(3)
        for _ in range(30):
            await client.socket.send_bytes(b"\x00")
        await eventually(lambda: client.socket.closed)


async def test_only_its_owner_reads_a_conversation(start_door: StartDoor) -> None:
    """Without a good token there is neither reading nor writing, by HTTP or WebSocket."""
    door = await start_door(ScriptedDialogue(script))
    token = (await door.open())["token"]
    for bad in ("", "x", token[:-1], token.replace("v1.web_", "v1.web_0", 1)):
        status, answer = await door.say(bad, "您好")
        assert (status, answer["error"]["code"]) == (401, "session.invalid")
        async with Client(door, bad) as client:
            await eventually(lambda: client.socket.closed)
        assert client.socket.close_code == 4401
        assert client.events == []


async def test_pages_of_other_sites_are_turned_away(start_door: StartDoor, settings: Settings) -> None:
    """Our own page and configured origins may call; others get 403 on every route."""
    friend = "https://portal.example"
    door = await start_door(ScriptedDialogue(script), using=replace(settings, public_chat_origins=friend))
    url = f"{door.url}/api/web/sessions"
    for origin, status in ((door.url, 201), (friend, 201), ("https://evil.example", 403), ("null", 403)):
        async with door.client.post(url, headers={"Origin": origin}) as response:
            assert response.status == status
            allowed = response.headers.get("Access-Control-Allow-Origin", "")
            assert allowed == (friend if origin == friend else "")
    async with door.client.options(url, headers={"Origin": friend}) as response:
        assert response.status == 204
        assert "authorization" in response.headers["Access-Control-Allow-Headers"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await door.client.ws_connect(f"{door.url}/api/web/ws", origin="https://evil.example")
    assert caught.value.status == 403


async def test_one_address_cannot_open_windows_without_end(start_door: StartDoor) -> None:
    """After sixty sessions in a minute the next is refused kindly."""
    door = await start_door(ScriptedDialogue(script))
    for _ in range(60):
        await door.open()
    async with door.client.post(f"{door.url}/api/web/sessions") as response:
        assert response.status == 429
        assert (await response.json())["error"]["code"] == "session.too_many"


async def test_a_finished_intention_reaches_the_ledger_once(start_door: StartDoor) -> None:
    """The result carries the conversation and its fields with their words."""
    door = await start_door(ScriptedDialogue(script))
    session = await door.open()
    await door.until(session["token"], 1)
    await door.say(session["token"], "登记好了")
    await door.say(session["token"], "登记好了")
    await eventually(lambda: bool(door.ledger.results))
    await asyncio.sleep(0.2)
    (result,) = door.ledger.results
    assert result.subject == session["conversation_id"]
    assert result.fields["district"].words == "天河"
    events = await door.until(session["token"], 3)
    assert events[2]["completed"] == "job_intention"


async def test_a_message_that_nobody_asked_for_reaches_open_pages(
    start_door: StartDoor, settings: Settings
) -> None:
    """``Channel.send`` appends to the conversation and open connections get it at once."""
    door = await start_door(ScriptedDialogue(script))
    session = await door.open()
    async with Client(door, session["token"]) as client:
        await client.until(1)
        from redis.asyncio import Redis

        async with Redis.from_url(settings.redis) as redis:
            log = RedisStore(redis, Limits())
            channel = WebChannel(None, log, Gate(_guard(), None), None)  # type: ignore[arg-type]
            await channel.send(session["conversation_id"], [Reply("有新岗位了。")])
        await client.until(2)
    assert client.events[1]["text"] == "有新岗位了。"


async def test_health_metrics_and_page_are_served(start_door: StartDoor) -> None:
    """The supervisor's and the monitoring's addresses answer; the page forbids foreign scripts."""
    door = await start_door(ScriptedDialogue(script))
    async with door.client.get(f"{door.url}/health") as response:
        assert (response.status, (await response.json())["status"]) == (200, "ok")
    async with door.client.get(f"{door.url}/metrics") as response:
        assert "nuanye_chat_sockets" in await response.text()
    async with door.client.get(f"{door.url}/") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert "广州市公共就业服务中心" in page
    assert "__CONFIG__" not in page
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


async def test_a_long_poll_waits_and_ends(start_door: StartDoor) -> None:
    """Nothing new: the poll lasts as long as it was asked to; bad parameters are named."""
    door = await start_door(ScriptedDialogue(script), patience=Patience())
    token = (await door.open())["token"]
    cursor = (await door.until(token, 1))[0]["id"]
    started = asyncio.get_running_loop().time()
    page = await door.events(token, cursor, wait_ms=300)
    assert page["events"] == []
    assert page["cursor"] == cursor
    assert asyncio.get_running_loop().time() - started >= 0.29
    for query in ("cursor=x", "wait_ms=-1", "wait_ms=1e3"):
        headers = {"Authorization": f"Bearer {token}"}
        async with door.client.get(f"{door.url}/api/web/events?{query}", headers=headers) as response:
            assert response.status == 400


async def test_stopping_ends_open_connections_in_time(start_door: StartDoor) -> None:
    """A server with an open WebSocket and a waiting poll stops within two seconds."""
    door = await start_door(ScriptedDialogue(script), patience=QUICK)
    token = (await door.open())["token"]
    cursor = (await door.until(token, 1))[0]["id"]
    async with Client(door, token) as client:
        await client.until(1)
        poll = asyncio.create_task(door.events(token, cursor, wait_ms=20_000))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(2):
            await door.stop()
            assert (await poll)["events"] == []
        await eventually(lambda: client.socket.closed)


def _guard() -> Any:
    from connectors.web.guard import Guard
    from core.clock import SystemClock

    return Guard(b"k" * 32, frozenset(), SystemClock())
