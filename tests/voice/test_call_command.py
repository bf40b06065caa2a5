"""`nuanye call` over real SIP: what it shows, what it keeps, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from casework.store import open_store
from core.codec import to_json
from core.settings import Settings
from core.types import Answer, CallAction, ConversationState, Disposition, Reply
from voice.transport.uas import AnsweringTransport, IncomingLeg

pytestmark = [pytest.mark.slow, pytest.mark.sip, pytest.mark.net]

GOODBYE = Reply("您好。再见。", call=CallAction.HANGUP)


@asynccontextmanager
async def core() -> AsyncIterator[str]:
    """A dialogue core that says goodbye at once."""

    async def turns(_: web.Request) -> web.Response:
        body = to_json(Answer((GOODBYE,), ConversationState(disposition=Disposition.WRONG_NUMBER)))
        return web.Response(body=body, content_type="application/json")

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_post("/v1/turns", turns)
    app.router.add_get("/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def run(settings: Settings, core_url: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command to its end; returns status, stdout, stderr."""
    environ = {
        **os.environ,
        "NUANYE_DATA_DIR": str(settings.data_dir),
        "NUANYE_CACHE_DIR": str(settings.data_dir / "cache"),
        "NUANYE_REDIS_URL": settings.redis_url,
        "NUANYE_DIALOGUE_URL": core_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.voice.call_process",
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def picks_up(leg: IncomingLeg) -> None:
    leg.ring()
    await leg.answer()
    async for event in leg.events():
        if event.kind == "hung_up":
            return


async def declines(leg: IncomingLeg) -> None:
    leg.decline(486)


async def test_a_call_prints_one_object_and_is_kept(settings: Settings) -> None:
    """``--json`` holds the whole outcome with the address masked; the call is in the database."""
    async with core() as url, AnsweringTransport(picks_up) as far:
        status, out, _ = await run(settings, url, far.uri, "--json")
    assert status == 0
    shown = json.loads(out)
    assert shown["disposition"] == "wrong_number"
    assert shown["transcript"][0]["text"] == "您好。再见。"
    assert "127.0.0.1" not in out
    async with await open_store(settings) as store:
        kept = await store.get_call(shown["call_id"])
    assert kept is not None
    assert kept.record.callee_name == "陈小明"
    assert (settings.recordings_dir / kept.record.recording).is_file()


async def test_the_talk_is_shown_as_it_happens(settings: Settings) -> None:
    """Without ``--json`` a person reads lines and the result."""
    async with core() as url, AnsweringTransport(picks_up) as far:
        status, out, _ = await run(settings, url, far.uri)
    assert status == 0
    assert "暖业：您好。再见。" in out
    assert "wrong_number" in out


async def test_a_declined_call_has_its_name(settings: Settings) -> None:
    """A busy phone is a result, not an error, and the attempt is stored."""
    async with core() as url, AnsweringTransport(declines) as far:
        status, out, _ = await run(settings, url, far.uri, "--json")
    assert status == 0
    shown = json.loads(out)
    assert shown["disposition"] == "busy"
    async with await open_store(settings) as store:
        kept = await store.get_call(shown["call_id"])
    assert kept is not None
    assert kept.record.disposition is Disposition.BUSY


async def test_without_a_dialogue_core_nobody_is_called(settings: Settings) -> None:
    """The error says how to start one."""
    called: list[IncomingLeg] = []

    async def notice(leg: IncomingLeg) -> None:
        called.append(leg)

    async with AnsweringTransport(notice) as far:
        status, _, err = await run(settings, "http://127.0.0.1:9", far.uri)
    assert status == 1
    assert "DialogueUnavailable" in err
    assert not called


async def test_who_asked_for_peace_is_not_called(settings: Settings) -> None:
    """An address on the do-not-call list is refused before anything rings, and no call is stored."""
    called: list[IncomingLeg] = []

    async def notice(leg: IncomingLeg) -> None:
        called.append(leg)

    async with core() as url, AnsweringTransport(notice) as far:
        async with await open_store(settings) as store:
            await store.add_do_not_call(far.uri, source="staff:li.hua")
        status, _, err = await run(settings, url, far.uri)
    assert status == 1
    assert "免打扰" in err
    assert far.uri not in err
    assert not called
