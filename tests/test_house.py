"""The test house itself: what one test's imports do must not reach another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop


@pytest.fixture(scope="module", autouse=True)
def _a_library_takes_over() -> Iterator[None]:
    """What importing Rasa does to a process, and does not take back."""
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    yield
    asyncio.set_event_loop_policy(before)


async def test_an_asynchronous_test_runs_on_asyncios_own_loop() -> None:
    """Although uvloop was made the policy before it."""
    assert isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)


def test_asyncio_run_uses_asyncios_own_loop() -> None:
    """Also in a test that starts its loop itself."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(asyncio.run(loop()), asyncio.SelectorEventLoop)
