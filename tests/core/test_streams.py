"""One contract for the queue over Redis Streams and for its fake in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from core.clock import VirtualClock
from core.errors import QueueError
from core.interfaces import Queue
from core.redis_server import RedisServer
from core.streams import MemoryQueue, RedisStreamQueue
from core.types import Button

pytestmark = pytest.mark.net

FIRST, SECOND = Button("一", "1"), Button("二", "2")


@pytest.fixture(params=["memory", "redis"])
async def queue(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Queue[Button]]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield MemoryQueue[Button]()
        return
    client = Redis.from_url(redis_url)
    yield RedisStreamQueue(client, "nuanye:test", Button)
    await client.aclose()


async def test_each_group_gets_every_entry_in_order(queue: Queue[Button]) -> None:
    """Two groups read the same entries, each in the order of publication."""
    await queue.publish(FIRST)
    await queue.publish(SECOND)

    for group in ("districts", "console"):
        taken = await queue.read(group, "c1", count=10, block_ms=50)
        assert [FIRST, SECOND] == [item for _, item in taken]


async def test_consumers_of_one_group_share_the_entries(queue: Queue[Button]) -> None:
    """An entry goes to one consumer of a group only."""
    await queue.publish(FIRST)
    await queue.publish(SECOND)

    one = await queue.read("g", "c1", count=1, block_ms=50)
    two = await queue.read("g", "c2", count=1, block_ms=50)
    none = await queue.read("g", "c2", count=1, block_ms=20)

    assert ([FIRST], [SECOND], []) == ([i for _, i in one], [i for _, i in two], none)


async def test_an_entry_not_acknowledged_can_be_claimed(queue: Queue[Button]) -> None:
    """What a silent consumer holds goes to another; what was acknowledged does not."""
    await queue.publish(FIRST)
    await queue.publish(SECOND)
    taken = await queue.read("g", "dead", count=2, block_ms=50)
    await queue.ack("g", taken[0][0])

    claimed = await queue.claim_stale("g", "alive", idle_ms=0)

    assert [SECOND] == [item for _, item in claimed]
    assert [taken[1][0]] == [entry for entry, _ in claimed]


async def test_a_waiting_reader_wakes_on_publication(queue: Queue[Button]) -> None:
    """A blocked read returns as soon as something arrives."""
    reader = asyncio.create_task(queue.read("g", "c1", block_ms=3000))
    await asyncio.sleep(0.05)
    await queue.publish(FIRST)

    assert [FIRST] == [item for _, item in await reader]


async def test_memory_claims_only_what_is_idle_long_enough() -> None:
    """The fake keeps the idle time on its clock."""
    clock = VirtualClock()
    queue = MemoryQueue[Button](clock)
    await queue.publish(FIRST)
    await queue.read("g", "c1", block_ms=0)

    clock.advance_ms(99)
    early = await queue.claim_stale("g", "c2", idle_ms=100)
    clock.advance_ms(1)

    assert [] == early
    assert [FIRST] == [item for _, item in await queue.claim_stale("g", "c2", idle_ms=100)]


async def test_an_undecodable_entry_goes_to_the_dead_letters(redis_url: str) -> None:
    """A bad entry is set aside with its reason and the good one behind it is delivered."""
    client = Redis.from_url(redis_url)
    queue = RedisStreamQueue(client, "nuanye:test", Button)
    await client.xadd("nuanye:test", {"json": "{broken"})
    await queue.publish(FIRST)

    taken = await queue.read("g", "c1", count=10, block_ms=50)
    dead = await client.xrange("nuanye:test:dead")
    await client.aclose()

    assert [FIRST] == [item for _, item in taken]
    assert b"not a valid Button" in dead[0][1][b"reason"]


async def test_the_group_is_made_again_after_redis_came_back_empty(redis_url: str) -> None:
    """A flushed Redis costs the entries it held, not the consumer."""
    client = Redis.from_url(redis_url)
    queue = RedisStreamQueue(client, "nuanye:test", Button)
    await queue.publish(FIRST)
    await queue.read("g", "c1", block_ms=50)
    await client.flushall()
    await queue.publish(SECOND)

    taken = await queue.read("g", "c1", block_ms=50)
    await client.aclose()

    assert [SECOND] == [item for _, item in taken]


@pytest.mark.slow
async def test_a_stopped_redis_is_a_queue_error_and_data_survives_a_restart(tmp_path: Path) -> None:
    """While Redis is down each call fails by name; what was appended is there afterwards."""
    server = RedisServer(tmp_path)
    server.start()
    client = Redis.from_url(server.url)
    queue = RedisStreamQueue(client, "nuanye:test", Button)
    await queue.publish(FIRST)
    server.stop()

    with pytest.raises(QueueError):
        await queue.publish(SECOND)
    server.start()
    taken = await queue.read("g", "c1", block_ms=50)
    await client.aclose()
    server.stop()

    assert [FIRST] == [item for _, item in taken]
