"""New results reach an open page."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from console.live import Hub, connect
from console.sessions import EndedSessions
from core.clock import SystemClock, VirtualClock
from core.streams import RESULTS_STREAM, RedisStreamQueue
from core.types import Result
from tests.console import seed
from tests.console.conftest import Client, LogIn

pytestmark = pytest.mark.net


async def test_published_result_wakes_the_waiting(redis_url: str) -> None:
    """A result on the stream is noticed well within a second."""
    redis = Redis.from_url(redis_url)
    hub = Hub(redis, SystemClock())
    await hub.start()
    seen = await hub.wait_after(0, 5)
    await RedisStreamQueue(redis, RESULTS_STREAM, Result).publish(seed.intention())

    assert await asyncio.wait_for(hub.wait_after(seen, 5), 2) > seen
    await hub.close()
    await redis.aclose()


async def test_without_redis_pages_are_told_to_ask() -> None:
    """While the stream is away every retry counts as news."""
    away = connect("redis://127.0.0.1:1")
    hub = Hub(away, VirtualClock())
    await hub.start()

    assert await hub.wait_after(0, 5) > 0
    await hub.close()
    await away.aclose()


async def test_events_carry_no_content(client: Client, log_in: LogIn) -> None:
    """The stream says that something changed and nothing else."""
    await log_in()
    answer = await client.get("/events")
    first = await answer.content.readuntil(b"\n\n")
    while b"changed" not in (event := await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 10)):
        assert event == b": alive\n\n"

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert b"event: ready" in first
    assert event == b"event: changed\ndata: {}\n\n"
    answer.close()


async def test_logout_is_shared_between_consoles(redis_url: str) -> None:
    """A session ended at one console has ended at the other; without Redis it has ended here."""
    redis, away = Redis.from_url(redis_url), connect("redis://127.0.0.1:1")
    here, there = EndedSessions(redis, 60), EndedSessions(redis, 60)
    alone = EndedSessions(away, 60)
    await here.end("s1")
    await alone.end("s1")

    assert await there.has_ended("s1")
    assert not await there.has_ended("s2")
    assert await alone.has_ended("s1")
    assert not await alone.has_ended("s2")
    await redis.aclose()
    await away.aclose()
