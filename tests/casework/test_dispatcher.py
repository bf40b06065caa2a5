"""One leader hands out as many tasks as there are lines, and takes over when the other one dies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from casework.dispatcher import Dispatcher, count_lines
from casework.handout import StaleLeader
from casework.leadership import LEADER_KEY, Leadership
from casework.store import Store
from casework.types import Contact
from core.clock import VirtualClock
from core.streams import CALLS_STREAM, RedisStreamQueue
from core.types import CallTask, Disposition
from tests.casework.samples import CHEN, finished
from tests.eventually import eventually

pytestmark = pytest.mark.net


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the session's Redis."""
    async with Redis.from_url(redis_url) as client:
        yield client


def _dispatcher(
    store: Store, redis: Redis, clock: VirtualClock, owner: str = "a", ttl_ms: int = 10_000
) -> Dispatcher:
    queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
    return Dispatcher(store, redis, queue, Leadership(store, redis, owner, clock, ttl_ms=ttl_ms), clock)


async def _announce(redis: Redis, worker: str, lines: int, status: str = "ok") -> None:
    alive = {"status": status, "lines_total": lines, "lines_free": lines, "engine": "any"}
    await redis.set(f"nuanye:alive:voice:{worker}", json.dumps(alive), ex=60)


async def _people(store: Store, count: int) -> None:
    await store.start_campaign("多人", [Contact("王强", f"138001383{n:02d}") for n in range(count)])


async def _read(redis: Redis) -> list[CallTask]:
    queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
    return [task for _, task in await queue.read("voice", "w1", count=100, block_ms=0)]


async def test_never_more_tasks_than_lines(store: Store, redis: Redis, clock: VirtualClock) -> None:
    """Three lines, ten people: three tasks, and one more for each call that ends."""
    await _people(store, 10)
    await _announce(redis, "w1", 2)
    await _announce(redis, "w2", 1)
    dispatcher = _dispatcher(store, redis, clock)
    assert await dispatcher.tick() == 3
    assert await dispatcher.tick() == 0
    first, *_ = await _read(redis)
    assert await store.begin_attempt(first, "w1", lease_ms=60_000)
    assert await dispatcher.tick() == 0
    await store.save_call(*finished(first, clock.now()))
    assert await dispatcher.tick() == 1


async def test_without_workers_nothing_is_handed_out(store: Store, redis: Redis, clock: VirtualClock) -> None:
    """No heartbeat, a stopping worker, an unreadable heartbeat: no line, no task."""
    await _people(store, 2)
    await _announce(redis, "leaving", 4, status="stopping")
    await redis.set("nuanye:alive:voice:broken", b"\xff{", ex=60)
    await redis.set("nuanye:alive:voice:odd", b'{"lines_total": "many"}', ex=60)
    assert await count_lines(redis) == 0
    assert await _dispatcher(store, redis, clock).tick() == 0
    assert await _read(redis) == []


async def test_two_dispatchers_one_leader(sqlite_store: Store, redis: Redis, clock: VirtualClock) -> None:
    """Only the leader hands out; when it is gone the other one follows and the old one is refused."""
    await _people(sqlite_store, 4)
    await _announce(redis, "w1", 2)
    first = _dispatcher(sqlite_store, redis, clock, "a", ttl_ms=300)
    second = _dispatcher(sqlite_store, redis, clock, "b", ttl_ms=300)
    assert await first.tick() == 2
    assert await second.tick() == 0
    assert (first.leads, second.leads) == (True, False)

    async def taken_over() -> bool:
        await second.tick()
        return second.leads

    await eventually(taken_over)  # the first one no longer renews: its lock expires
    await sqlite_store.save_call(*finished((await _read(redis))[0], clock.now()))
    with pytest.raises(StaleLeader):  # it still believes to lead: the fence stops it
        await first.tick()
    clock.advance_ms(200)
    assert await second.tick() == 1


async def test_a_leader_that_lost_its_lock_steps_back(
    sqlite_store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """When the lock belongs to somebody else at renewal, this process leads no more."""
    dispatcher = _dispatcher(sqlite_store, redis, clock)
    await dispatcher.tick()
    assert dispatcher.leads
    await redis.set(LEADER_KEY, "somebody else")
    clock.advance_ms(5_000)
    await dispatcher.tick()
    assert not dispatcher.leads


async def test_tasks_survive_a_redis_that_comes_back_empty(
    store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """Handed out but never begun, and the stream is gone: the same task is published again."""
    await store.start_campaign("测试", [CHEN])
    await _announce(redis, "w1", 1)
    dispatcher = _dispatcher(store, redis, clock)
    assert await dispatcher.tick() == 1
    (task,) = await _read(redis)
    await redis.flushall()
    await _announce(redis, "w1", 1)
    clock.advance_ms(16_000)
    assert await dispatcher.tick() == 1
    assert await _read(redis) == [task]


async def test_a_dead_workers_call_is_accounted_for(store: Store, redis: Redis, clock: VirtualClock) -> None:
    """The lease lapses: the attempt is interrupted, and is not dialled again before its rule says so."""
    await store.start_campaign("测试", [CHEN])
    await _announce(redis, "w1", 1)
    dispatcher = _dispatcher(store, redis, clock)
    await dispatcher.tick()
    (task,) = await _read(redis)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    clock.advance_ms(11_000)
    assert await dispatcher.tick() == 0
    stored = await store.get_call(task.task_id)
    assert stored is not None
    assert stored.record.disposition is Disposition.INTERRUPTED
    clock.advance_ms(29 * 60_000)
    assert await dispatcher.tick() == 0
    clock.advance_ms(60_000)
    assert await dispatcher.tick() == 1
    (again,) = await _read(redis)
    assert (again.attempt, again.callee) == (2, task.callee)
    assert again.task_id != task.task_id
