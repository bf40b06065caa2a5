"""The dialogue client against a real HTTP server, and the fake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.codec import from_json, to_json
from core.dialogue import HttpDialogue, ScriptedDialogue
from core.errors import BadInput, DialogueError, DialogueUnavailable
from core.types import Answer, Reply, Turn

pytestmark = pytest.mark.net

TURN = Turn("c1", "web", "失业登记怎么办", "m1", datetime(2026, 11, 23, tzinfo=UTC))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def ask(handler: Handler, *, timeout_ms: int = 2000) -> Answer:
    """Answer TURN from a server with one handler."""
    app = web.Application()
    app.router.add_post("/v1/turns", handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        return await HttpDialogue(session, str(server.make_url("/")), timeout_ms=timeout_ms).respond(TURN)


async def test_the_turn_arrives_and_the_answer_returns() -> None:
    """Both directions keep every field."""

    async def handler(request: web.Request) -> web.Response:
        turn = from_json(await request.read(), Turn)
        assert turn == TURN
        return web.Response(body=to_json(Answer((Reply(turn.text),))))

    assert Answer((Reply("失业登记怎么办"),)) == await ask(handler)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, b"", DialogueUnavailable),
        (500, b"", DialogueError),
        (400, b"", BadInput),
        (200, b"[]", DialogueError),
        (200, b'{"replies":[]}', DialogueError),
    ],
)
async def test_each_failure_has_its_name(status: int, body: bytes, error: type[Exception]) -> None:
    """Refusal, failure, absence and an empty answer are told apart."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    with pytest.raises(error):
        await ask(handler)


async def test_nobody_listening_is_unavailable(free_port: Callable[[], int]) -> None:
    """A refused connection is worth a retry."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(DialogueUnavailable):
            await HttpDialogue(session, f"http://127.0.0.1:{free_port()}").respond(TURN)


async def test_the_fake_remembers_its_turns() -> None:
    """A script answers and the turns can be looked at."""
    dialogue = ScriptedDialogue(lambda turn: Answer((Reply(turn.text[::-1]),)))

    await dialogue.respond(TURN)

    assert [TURN] == dialogue.turns
