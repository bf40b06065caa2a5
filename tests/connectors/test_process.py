"""``python -m connectors`` as the supervisor starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from casework.store import open_store
from core.codec import from_json, to_json
from core.settings import Settings
from core.types import Turn
from tests.connectors.script import script
from tests.eventually import eventually

pytestmark = [pytest.mark.net, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def process(
    settings: Settings, chat_port: int, dialogue_port: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the process and wait until it is healthy."""
    environ = {
        **os.environ,
        "NUANYE_DATA_DIR": str(settings.data_dir),
        "NUANYE_REDIS_URL": settings.redis_url,
        "NUANYE_CHAT_PORT": str(chat_port),
        "NUANYE_DIALOGUE_PORT": str(dialogue_port),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors", env=environ, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@asynccontextmanager
async def dialogue_core(port: int) -> AsyncIterator[list[str]]:
    """A dialogue core over HTTP with scripted answers; yields the ids of the turns it was asked."""
    asked: list[str] = []

    async def turns(request: web.Request) -> web.Response:
        turn = from_json(await request.read(), Turn)
        asked.append(turn.message_id)
        return web.Response(body=to_json(script(turn)), content_type="application/json")

    app = web.Application()
    app.add_routes([web.post("/v1/turns", turns)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield asked
    finally:
        await runner.cleanup()


async def test_a_question_survives_the_process_and_the_absence_of_the_core(
    settings: Settings, free_port: Callable[[], int]
) -> None:
    """Asked while the core is away, the process stopped; the next process answers and saves the result."""
    chat_port, dialogue_port = free_port(), free_port()
    url = f"http://127.0.0.1:{chat_port}"
    async with aiohttp.ClientSession() as client:

        async def healthy() -> bool:
            try:
                async with client.get(f"{url}/health") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        async with process(settings, chat_port, dialogue_port) as child:
            await eventually(healthy, within_s=120)
            async with client.post(f"{url}/api/web/sessions") as response:
                token = (await response.json())["token"]
            headers = {"Authorization": f"Bearer {token}"}
            body = {"message_id": "m1", "text": "登记好了"}
            async with client.post(f"{url}/api/web/messages", json=body, headers=headers) as response:
                assert response.status == 202
            child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(child.wait(), 30) == 0
            assert child.stderr is not None
            assert "登记好了" not in (await child.stderr.read()).decode()
        async with dialogue_core(dialogue_port) as asked, process(settings, chat_port, dialogue_port):
            await eventually(healthy, within_s=120)

            async def answered() -> bool:
                async with client.get(f"{url}/api/web/events", headers=headers) as response:
                    events = (await response.json())["events"]
                return any(event["completed"] == "job_intention" for event in events)

            await eventually(answered, within_s=90)
            # The core answers a repeat with its first answer, so asking twice is allowed; the order is not.
            assert list(dict.fromkeys(asked)) == ["start", "m1"]
            async with await open_store(settings) as store:

                async def saved() -> bool:
                    return bool(await store.waiting_results(10))

                await eventually(saved, within_s=60)


async def test_a_taken_port_is_named(settings: Settings, free_port: Callable[[], int]) -> None:
    """The process ends with exit code 1, the reason and what to do."""
    port = free_port()
    async with dialogue_core(port), process(settings, port, free_port()) as child:
        assert child.stderr is not None
        said = (await asyncio.wait_for(child.stderr.read(), 120)).decode()
        assert await child.wait() == 1
    assert f"chat_port {port} cannot be opened" in said
    assert "NUANYE_CHAT_PORT" in said
