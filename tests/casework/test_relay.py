"""Stored results reach the stream: in order, once, promptly, and across outages of Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from casework.relay import Relay
from casework.store import Store
from core.clock import VirtualClock
from core.codec import from_json
from core.errors import QueueError
from core.redis_server import RedisServer
from core.streams import RESULTS_STREAM, RedisStreamQueue
from core.types import Result
from tests.casework.samples import intention
from tests.eventually import eventually

pytestmark = pytest.mark.net


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the session's Redis."""
    async with Redis.from_url(redis_url) as client:
        yield client


async def _published(redis: Redis) -> list[str]:
    return [from_json(fields[b"json"], Result).source for _, fields in await redis.xrange(RESULTS_STREAM)]


async def _put(store: Store, clock: VirtualClock, *conversations: str) -> None:
    for conversation in conversations:
        await store.save_result(intention(conversation, clock.now()))


async def test_results_arrive_in_order_and_decodable(store: Store, redis: Redis, clock: VirtualClock) -> None:
    """A consumer group reads exactly the stored results, in the order in which they were stored."""
    sources = [f"web_{n}" for n in range(120)]
    await _put(store, clock, *sources)
    assert await Relay(store, redis).relay_waiting() == 120
    queue = RedisStreamQueue(redis, RESULTS_STREAM, Result)
    entries = await queue.read("district", "c1", count=500)
    assert [result.source for _, result in entries] == sources
    assert entries[0][1] == intention("web_0", clock.now())
    assert await store.entry_of(entries[3][1].result_id) == entries[3][0]
    assert await store.waiting_results() == ()


async def test_a_crash_between_publishing_and_marking_gives_no_second_entry(
    store: Store, redis: Redis, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay dies after publishing; its successor marks the row with the first entry's id."""

    class Died(Exception):
        pass

    async def die(*_: object) -> None:
        raise Died

    await _put(store, clock, "web_1", "web_2")
    with monkeypatch.context() as patch:
        patch.setattr(store, "mark_published", die)
        with pytest.raises(Died):
            await Relay(store, redis).relay_waiting()
    (entry_id, _), _ = await redis.xrange(RESULTS_STREAM)
    assert await Relay(store, redis).relay_waiting() == 2
    assert await _published(redis) == ["web_1", "web_2"]
    assert await store.entry_of(intention("web_1", clock.now()).result_id) == entry_id.decode()


async def test_two_relays_publish_everything_once_and_in_order(
    store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """Relays that run at the same time do not double or reorder anything."""
    sources = [f"web_{n}" for n in range(40)]
    await _put(store, clock, *sources)
    await asyncio.gather(*(Relay(store, redis).relay_waiting() for _ in range(3)))
    assert await _published(redis) == sources


async def test_a_result_is_published_promptly(sqlite_store: Store, redis: Redis, clock: VirtualClock) -> None:
    """From the stored transaction to the stream it takes well under half a second."""
    stop = asyncio.Event()
    task = asyncio.create_task(Relay(sqlite_store, redis).run(stop))
    try:
        await asyncio.sleep(0.3)  # idle, polling
        began = time.monotonic()
        await _put(sqlite_store, clock, "web_1")
        await eventually(lambda: _is_published(redis, 1), every_s=0.01)
        assert time.monotonic() - began < 0.5
    finally:
        stop.set()
        await task


async def _is_published(redis: Redis, count: int) -> bool:
    return bool(await redis.xlen(RESULTS_STREAM) == count)


@pytest.mark.slow
@pytest.mark.parametrize("emptied", [False, True], ids=["kept its data", "came back empty"])
async def test_redis_dies_in_mid_run(
    sqlite_store: Store, clock: VirtualClock, tmp_path: Path, emptied: bool
) -> None:
    """Killed and started again, also without its data: in the end the stream holds every result once."""
    server = RedisServer(tmp_path / "own")
    await asyncio.to_thread(server.start)
    redis = Redis.from_url(server.url, socket_timeout=2)
    stop = asyncio.Event()
    task = asyncio.create_task(Relay(sqlite_store, redis).run(stop))
    try:
        await _put(sqlite_store, clock, *(f"web_{n}" for n in range(5)))
        await eventually(lambda: _is_published(redis, 5))
        await asyncio.to_thread(server.stop)
        await _put(sqlite_store, clock, *(f"web_{n}" for n in range(5, 10)))
        await asyncio.sleep(0.5)
        assert len(await sqlite_store.waiting_results()) == 5
        assert not task.done()
        if emptied:
            for path in await asyncio.to_thread(lambda: list(tmp_path.rglob("appendonly*"))):
                await asyncio.to_thread(_remove, path)
        await asyncio.to_thread(server.start)
        await eventually(lambda: _is_published(redis, 10), within_s=15)
        assert await _published(redis) == [f"web_{n}" for n in range(10)]
        await eventually(lambda: _all_marked(sqlite_store))
    finally:
        stop.set()
        await task
        await redis.aclose()
        await asyncio.to_thread(server.stop)


async def _all_marked(store: Store) -> bool:
    return await store.waiting_results() == ()


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


async def test_an_unreachable_redis_is_a_queue_error(
    sqlite_store: Store, clock: VirtualClock, tmp_path: Path
) -> None:
    """Without Redis one round fails by name and leaves the row waiting."""
    await _put(sqlite_store, clock, "web_1")
    async with Redis.from_url(f"unix://{tmp_path / 'nobody.sock'}") as redis:
        with pytest.raises(QueueError):
            await Relay(sqlite_store, redis).relay_waiting()
    assert len(await sqlite_store.waiting_results()) == 1
