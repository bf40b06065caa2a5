"""A console over a real SQLite store, without sockets beyond loopback."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from casework import schema
from casework.store import Store, open_store
from console.app import create_app
from core.clock import VirtualClock
from core.settings import Settings, load_settings
from tests.console import seed

Client = TestClient[Request, Application]


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that stands half an hour after the newest call."""
    return VirtualClock(seed.START + timedelta(minutes=30))


@pytest.fixture
def console_settings(tmp_path: Path) -> Settings:
    """Settings in the test's folder; nothing listens on Redis."""
    return load_settings({"NUANYE_DATA_DIR": str(tmp_path / "var")})


@pytest.fixture
async def store(console_settings: Settings, clock: VirtualClock) -> AsyncIterator[Store]:
    """A real SQLite store with calls, intentions, one account and one recording."""
    console_settings.data_dir.mkdir(parents=True)
    async with await open_store(console_settings, clock=clock) as opened:
        await seed.fill(opened, console_settings.recordings_dir)
        yield opened


@pytest.fixture
async def client(console_settings: Settings, store: Store, clock: VirtualClock) -> AsyncIterator[Client]:
    """A browser-like client: it keeps cookies and asks for HTML."""
    app = create_app(console_settings, store, None, clock=_StillClock(clock))
    async with TestClient(TestServer(app), headers={"Accept": "text/html"}) as opened:
        yield opened


class _StillClock:
    """The test's clock for dates and durations, short real waits between the hub's tries."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.now = clock.now
        self.monotonic_ms = clock.monotonic_ms

    async def sleep_ms(self, duration_ms: float) -> None:
        await asyncio.sleep(duration_ms / 100_000)


LogIn = Callable[[], Awaitable[str]]


@pytest.fixture
def log_in(client: Client) -> LogIn:
    """Return a function that logs in and returns the session's CSRF token."""

    async def act() -> str:
        answer = await try_login(client, seed.USER, seed.PASSWORD)
        assert answer[0] == 302
        page = await (await client.get("/calls")).text()
        found = re.search(r'name="csrf" content="([^"]+)"', page)
        assert found is not None
        return found[1]

    return act


async def try_login(client: Client, user: str, password: str, wanted: str = "") -> tuple[int, str, str]:
    """Fill in the login form; return status, where it leads and the page."""
    page = await (await client.get("/login")).text()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf": token[1], "username": user, "password": password, "next": wanted}
    answer = await client.post("/login", data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", ""), await answer.text()


async def accesses(store: Store) -> list[tuple[str, str, str]]:
    """Read the access log, oldest first."""
    log = schema.access_log.c
    async with store._db.read() as connection:
        rows = await connection.execute(sa.select(log.username, log.action, log.object_id).order_by(log.id))
        return [tuple(row) for row in rows]
