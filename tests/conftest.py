"""Fixtures that more than one test package uses. Nothing here leaves loopback."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog

from core.redis_server import RedisServer
from core.settings import Settings, load_settings
from tests.programs import find_program, leave_out

if TYPE_CHECKING:
    from playwright.async_api import Page


# A machine that is busy with something else makes neither inputs nor code wrong.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

_LEFT_OUT = pytest.StashKey[str]()
# Importing Rasa replaces the policy by uvloop's; whether a test ran before or after that must not matter.
_LOOPS = asyncio.DefaultEventLoopPolicy()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run asynchronous tests and fixtures on asyncio's own loop."""
    return {"asyncio": asyncio.SelectorEventLoop}


def pytest_collection_finish() -> None:
    """A test module that imported Rasa has changed what pytest-asyncio is about to take for the session."""
    asyncio.set_event_loop_policy(_LOOPS)


@pytest.fixture(scope="session", autouse=True)
def _policy_of_the_session(event_loop_policy: asyncio.AbstractEventLoopPolicy) -> None:
    """Let pytest-asyncio take its policy before any other fixture of the session can import Rasa."""
    assert event_loop_policy is _LOOPS


@pytest.fixture(autouse=True)
def _asyncios_own_loops() -> None:
    """What a test starts itself, by ``asyncio.run``, runs on asyncio's own loop too."""
    asyncio.set_event_loop_policy(_LOOPS)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run; the end of the run says so."""
    config.stash[_LEFT_OUT] = leave_out(config, items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the packages that would run the tests which were left out."""
    if told := config.stash.get(_LEFT_OUT, ""):
        terminalreporter.write_line(told, yellow=True)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the developer's shell must not leak into a test."""
    for key in [key for key in os.environ if key.startswith("NUANYE_") and "TEST" not in key]:
        monkeypatch.delenv(key)


@pytest.fixture(autouse=True)
def _fresh_logs() -> Iterator[None]:
    """A test that sets up logging does not decide what the next one logs."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real redis-server for the session."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """URL of the session's Redis, emptied."""
    from redis import Redis

    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a function that finds a port nobody listens on."""

    def find() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    """Settings that keep everything in the test's own folder."""
    return load_settings({"NUANYE_DATA_DIR": str(tmp_path / "var"), "NUANYE_REDIS_URL": redis_url})


@pytest.fixture
async def chromium_page() -> AsyncIterator[Page]:
    """A page of headless Chromium, phone-sized, that fails the test when a script on it raises.

    Needs a Chromium on the path (Debian: ``chromium``) or the one that Playwright fetched. Mark the
    test with ``browser``. Change the size with ``page.set_viewport_size``.
    """
    from playwright.async_api import async_playwright

    complaints: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=find_program("chromium"),
            # A microphone that beeps; a page gets it once the test has granted it.
            args=["--no-sandbox", "--use-fake-device-for-media-stream"],
        )
        context = await browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN")
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()
    assert complaints == []
