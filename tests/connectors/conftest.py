"""A real chat server on a free port, over the session's Redis, with a dialogue that the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from connectors.app import Parts, make_app
from connectors.handover.staffing import Behind
from connectors.patience import Patience
from core.errors import StorageError
from core.hearing import Hearing
from core.interfaces import Dialogue
from core.settings import Settings
from core.speaking import Speaking
from core.types import Answer, Result, Turn
from tests.connectors.script import script

QUICK = Patience(retry_ms=30, retry_max_ms=60, sweep_ms=100, deadline_ms=2_000, lease_ms=600)


@dataclass
class GatedDialogue:
    """Answers from the script once the gate is open, so that a test can act in the middle."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    turns: list[Turn] = field(default_factory=list)
    script: Callable[[Turn], Answer] = script

    async def respond(self, turn: Turn) -> Answer:
        self.turns.append(turn)
        await self.gate.wait()
        return self.script(turn)


@dataclass
class ListLedger:
    """Keeps results; refuses while ``down``."""

    results: list[Result] = field(default_factory=list)
    down: bool = False

    async def save_result(self, result: Result) -> None:
        if self.down:
            raise StorageError("down")
        self.results.append(result)


@dataclass
class Door:
    """A running chat server and a client of its HTTP API."""

    port: int
    runner: web.AppRunner
    client: aiohttp.ClientSession
    ledger: ListLedger

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> dict[str, Any]:
        async with self.client.post(f"{self.url}/api/web/sessions") as response:
            assert response.status == 201
            return dict(await response.json())

    async def say(self, token: str, text: str, message_id: str = "m1") -> tuple[int, dict[str, Any]]:
        return await self.post(token, {"message_id": message_id, "text": text})

    async def post(self, token: str, body: Any) -> tuple[int, dict[str, Any]]:
        kind = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = {"Authorization": f"Bearer {token}"}
        async with self.client.post(f"{self.url}/api/web/messages", headers=headers, **kind) as response:
            return response.status, await response.json()

    async def events(self, token: str, cursor: str = "0-0", wait_ms: int = 0) -> dict[str, Any]:
        url = f"{self.url}/api/web/events?cursor={cursor}&wait_ms={wait_ms}"
        async with self.client.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())

    async def until(self, token: str, count: int, cursor: str = "0-0") -> list[dict[str, Any]]:
        """Read on from ``cursor`` until ``count`` events were seen."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                page = await self.events(token, cursor, wait_ms=2_000)
                found += page["events"]
                cursor = page["cursor"]
        return found

    async def stop(self) -> None:
        await self.runner.cleanup()


StartDoor = Callable[..., Awaitable[Door]]


@pytest.fixture
async def start_door(settings: Settings, free_port: Callable[[], int]) -> AsyncIterator[StartDoor]:
    """Start chat servers; all share Redis and the signing key, as replicas and restarts do."""
    doors: list[Door] = []
    async with aiohttp.ClientSession() as client, Redis.from_url(settings.redis) as redis:

        async def start(
            dialogue: Dialogue,
            port: int = 0,
            patience: Patience = QUICK,
            using: Settings = settings,
            behind: Behind | None = None,
            hearing: Hearing | None = None,
            speaking: Speaking | None = None,
        ) -> Door:
            ledger = ListLedger()
            runner = web.AppRunner(
                make_app(
                    using,
                    Parts(redis, dialogue, ledger, hearing, handovers=behind, speaking=speaking),
                    patience,
                ),
                access_log=None,
                shutdown_timeout=1,
            )
            await runner.setup()
            port = port or free_port()
            await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
            doors.append(Door(port, runner, client, ledger))
            return doors[-1]

        yield start
        for door in doors:
            await door.stop()
