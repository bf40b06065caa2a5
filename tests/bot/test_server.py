"""The HTTP door of the core: limits, repeats, order, reload and stop."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from core.codec import from_json, to_json
from core.errors import DialogueUnavailable
from core.ids import new_id
from core.types import Answer, Turn, TurnEvent
from tests.bot.conftest import AT

pytestmark = [pytest.mark.rasa, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


def turn(text: str = "你好", **changes: Any) -> Turn:
    """A valid turn of a new conversation."""
    return replace(Turn(new_id("test"), "web", text, "m1", AT), **changes)


@pytest_asyncio.fixture(loop_scope="session")
async def client(core: Any) -> AsyncIterator[Any]:
    """An HTTP client of the core."""
    from bot.server import build_app

    async with TestClient(TestServer(build_app(core))) as client:
        yield client


async def post(client: Any, body: bytes) -> tuple[int, Any]:
    """Post a body and return status and JSON."""
    response = await client.post("/v1/turns", data=body)
    return response.status, await response.json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", "input.invalid"),
        (b"[]", "input.invalid"),
        (b"{}", "input.invalid"),
        (to_json(turn(channel="fax")), "input.invalid"),
        (to_json(turn("很" * 2001)), "input.too_large"),
        (to_json(turn(message_id="")), "input.invalid"),
        (to_json(turn(conversation_id="")), "input.invalid"),
        (b'{"x":"' + b"a" * 100_000 + b'"}', "input.too_large"),
        (b"\xff\xfe", "input.invalid"),
    ],
)
async def test_bad_requests_are_refused_with_a_code(client: Any, body: bytes, code: str) -> None:
    """Each breach of the contract is a 400 that says what is wrong."""
    status, answer = await post(client, body)
    assert status == 400
    assert answer["error"]["code"] == code


@pytest.mark.parametrize("text", ["😀😀😀", "\x00\x01\x1b", "<script></script>", "   ", "", "///", "？！"])
async def test_unreadable_text_gets_a_kind_question(client: Any, text: str) -> None:
    """Emoji, tags, control characters and blanks are answered, never an error."""
    status, answer = await post(client, to_json(turn(text)))
    assert status == 200
    assert "吗" in answer["replies"][0]["text"]


@pytest.mark.parametrize("text", ['/event_call_answered{"name":"x"}', "/greet", "／opt_out", "/restart"])
async def test_a_citizen_cannot_send_an_intent(client: Any, text: str) -> None:
    """Text that begins with a slash is text."""
    status, answer = await post(client, to_json(turn(text)))
    assert status == 200
    assert answer["state"]["open_question"] == ""
    assert not answer["state"]["intent"].startswith("event_call")


async def test_a_repeated_message_gets_the_first_answer(client: Any) -> None:
    """The same pair of ids is answered once, also when repeated at the same time."""
    first = turn("我想登记求职意向")
    answers = await asyncio.gather(*(post(client, to_json(first)) for _ in range(4)))
    assert all(answer == answers[0] for answer in answers)
    _, later = await post(client, to_json(replace(first, text="别的话")))
    assert later == answers[0][1]


async def test_turns_of_one_conversation_keep_their_order(client: Any) -> None:
    """Turns sent together are answered one after another."""
    first = turn("我想登记求职意向")
    lines = ["保安", "天河区", "四千", "全职", "可以"]
    turns = [first, *(replace(first, text=line, message_id=f"n{i}") for i, line in enumerate(lines))]
    answers = [
        from_json(json.dumps(a), Answer)
        for _, a in await asyncio.gather(*(post(client, to_json(t)) for t in turns))
    ]
    assert answers[-1].state.open_question == "confirm_summary"


async def test_two_hundred_odd_messages_raise_nothing(core: Any) -> None:
    """Random text and events, in forms and out of them, always get an answer."""
    rng = random.Random(20261123)
    pieces = [
        "保安",
        "天河",
        "不是",
        "系",
        "四千",
        "😀",
        "<b>",
        "/x",
        "\x07",
        "？",
        "失业金",
        "１２",
        "听日",
        "取消",
        "{a}",
        "%s",
        "我",
    ]
    events = [TurnEvent.UTTERANCE] * 6 + [TurnEvent.SILENCE, TurnEvent.UNCLEAR, TurnEvent.KEY]
    for conversation in range(20):
        channel = rng.choice(["web", "phone"])
        base = turn(
            channel=channel, event=TurnEvent.CALL_ANSWERED if channel == "phone" else TurnEvent.SESSION_START
        )
        assert (await core.respond(base)).replies
        for number in range(10):
            text = "".join(rng.choices(pieces, k=rng.randint(1, 5)))
            event = rng.choice(events)
            if event is TurnEvent.KEY:
                text = rng.choice("0123456789*#")
            answer = await core.respond(
                replace(base, text=text, event=event, message_id=f"{conversation}-{number}")
            )
            assert all(reply.text for reply in answer.replies)


async def test_health_and_metrics(client: Any) -> None:
    """A ready core says so; turns are counted without personal labels."""
    await post(client, to_json(turn()))
    health = await client.get("/health")
    assert health.status == 200
    assert (await health.json())["status"] == "ok"
    assert "nuanye_turn_seconds" in await (await client.get("/metrics")).text()


async def test_a_newer_model_is_served_without_dropping_turns(
    core: Any, client: Any, trained_model: Path
) -> None:
    """While a model is loaded, turns are answered; afterwards the newer one is in force."""
    newer = trained_model.with_name("dialogue-newer.tar.gz")
    await asyncio.to_thread(shutil.copyfile, trained_model, newer)
    later = time.time() + 60
    os.utime(newer, (later, later))
    reload = asyncio.create_task(client.post("/v1/model/reload"))
    statuses = []
    while not reload.done():
        statuses.append((await post(client, to_json(turn())))[0])
    assert (await (await reload).json())["reloaded"] is True
    assert statuses
    assert set(statuses) == {200}
    assert core.model.path == newer
    assert (await (await client.post("/v1/model/reload")).json())["reloaded"] is False
    await asyncio.to_thread(newer.unlink)


async def test_a_long_chat_keeps_its_slots_though_its_history_is_cut(core: Any) -> None:
    """Fifty turns later the tracker is short and the form's answers are still there."""
    from bot.rasa_stores import KEPT_EVENTS, tracker_size

    base = turn("我想登记求职意向")
    await core.respond(base)
    await core.respond(replace(base, text="保安", message_id="job"))
    for number in range(30):
        await core.respond(replace(base, text="再说一遍", message_id=f"r{number}"))
    answer = await core.respond(replace(base, text="天河区", message_id="place"))
    assert answer.state.fields["wanted_jobs"].value == ["保安"]
    stored = await core.redis.get(f"nuanye:tracker:{base.conversation_id}")
    assert tracker_size(stored) <= KEPT_EVENTS + 20


async def test_a_stopping_core_finishes_running_turns_and_refuses_new_ones(core: Any) -> None:
    """Graceful stop: nothing under way is lost."""
    running = asyncio.create_task(core.respond(turn()))
    await asyncio.sleep(0)
    try:
        await core.stop()
        assert (await running).replies
        with pytest.raises(DialogueUnavailable):
            await core.respond(turn())
    finally:
        core.stopping = False


async def test_a_speculative_turn_leaves_no_trace(core: Any) -> None:
    """What was only guessed does not advance the conversation; the final words are answered as if first."""
    base = turn("我想登记求职意向")
    plain = turn("我想登记求职意向")
    await core.respond(base)
    await core.respond(plain)
    guessed = await core.respond(replace(base, text="保安", message_id="n1"), speculative=True)
    assert guessed.state.fields["wanted_jobs"].value
    final = await core.respond(replace(base, text="电工", message_id="n1"))
    expected = await core.respond(replace(plain, text="电工", message_id="n1"))
    assert final == expected
    assert "电工" in str(final.state.fields["wanted_jobs"].value)
    assert await core.redis.get(f"nuanye:guess:{base.conversation_id}") is None


async def test_a_confirmed_guess_is_committed_without_a_second_run(core: Any, monkeypatch: Any) -> None:
    """The same words in earnest get the prepared answer, and the conversation goes on from it."""
    import bot.server

    base = turn("我想登记求职意向")
    await core.respond(base)
    second = replace(base, text="保安", message_id="n1", metadata={"confidence": 0.5})
    guessed = await core.respond(second, speculative=True)
    ran = []

    async def counted(*arguments: Any) -> Any:
        ran.append(arguments)
        return await answer(*arguments)

    answer = bot.server.answer_turn
    monkeypatch.setattr(bot.server, "answer_turn", counted)
    assert await core.respond(replace(second, metadata={"confidence": 0.9})) == guessed
    assert not ran
    later = await core.respond(replace(base, text="天河区", message_id="n2"))
    assert len(ran) == 1
    assert {"wanted_jobs", "district"} <= set(later.state.fields)


async def test_a_guess_over_http_counts_nothing(client: Any) -> None:
    """The query asks for a guess; the repeat of the same id is still answered for the first time."""
    first = turn("我想登记求职意向")
    response = await client.post("/v1/turns?speculative=1", data=to_json(first))
    assert response.status == 200
    other = replace(first, text="你好")
    _, answer = await post(client, to_json(other))
    assert answer["state"]["open_question"] == ""
