"""What autoscaling reads: lines that are free, calls that wait; nothing stale when Redis is away."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer
from redis.asyncio import Redis

from casework.monitor import Monitor
from casework.store import Store
from core.probe import beats, main
from tests.casework.samples import intention, one_task


@pytest.fixture
async def redis(redis_url: str):
    """A client; what a test leaves is gone before the next one."""
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
        yield client


async def test_free_lines_and_what_waits(sqlite_store: Store, redis: Redis, clock) -> None:
    """Heartbeats of workers add up; a broken one is left out; attempts and results are counted."""
    await redis.set("nuanye:alive:voice:a-1", '{"status":"ok","lines_total":20,"lines_free":5}')
    await redis.set("nuanye:alive:voice:b-1", '{"status":"ok","lines_total":20,"lines_free":20}')
    await redis.set("nuanye:alive:voice:c-1", "broken")
    await one_task(sqlite_store, ignore_window=True)
    await sqlite_store.save_result(intention("web_1", clock.now()))
    async with TestClient(TestServer(Monitor(sqlite_store, redis).app())) as client:
        text = await (await client.get("/metrics")).text()
        health = await client.get("/health")
    for line in (
        'nuanye_lines{state="free"} 25.0',
        'nuanye_lines{state="busy"} 15.0',
        'nuanye_lines{state="total"} 40.0',
        "nuanye_voice_workers 2.0",
        'nuanye_waiting{what="calls"} 1.0',
        'nuanye_waiting{what="results"} 1.0',
    ):
        assert line in text
    assert health.status == 200


async def test_without_redis_no_figures(sqlite_store: Store, free_port) -> None:
    """503 rather than the last known figures; health says so too."""
    async with (
        Redis(port=free_port()) as away,
        TestClient(TestServer(Monitor(sqlite_store, away).app())) as client,
    ):
        assert (await client.get("/metrics")).status == 503
        assert (await client.get("/health")).status == 503


def test_a_probe_sees_its_own_hosts_heartbeat(redis_server, redis_url: str, monkeypatch) -> None:
    """Alive while the key is there, dead without it; an outage of Redis kills nobody."""
    from redis import Redis as Plain

    with Plain.from_url(redis_url) as client:
        client.flushdb()
        client.set("nuanye:alive:voice:pod-a-7", "{}")
        assert beats(client, "voice", "pod-a")
        assert not beats(client, "voice", "pod-b")
        assert not beats(client, "casework", "pod-a")
    monkeypatch.setenv("NUANYE_REDIS_URL", redis_url)
    monkeypatch.setattr("socket.gethostname", lambda: "pod-a")
    assert main(["voice"]) == 0
    monkeypatch.setattr("socket.gethostname", lambda: "pod-b")
    assert main(["voice"]) == 1
    monkeypatch.setenv("NUANYE_REDIS_URL", "unix:///nonexistent.sock")
    assert main(["voice"]) == 0
    assert main([]) == 2
