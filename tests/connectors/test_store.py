"""One contract, run against the store in memory and the one in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from connectors.redis_store import RedisStore, open_redis
from connectors.store import MemoryStore, Store
from connectors.types import START_CURSOR, Event, EventType, Limits, Verdict
from core.clock import SystemClock
from core.errors import BadInput, QueueError
from core.types import Turn

AT = datetime(2026, 11, 23, 2, tzinfo=UTC)
LIMITS = Limits(messages_per_window=6, window_ms=60_000, pending_per_conversation=3, waiting_conversations=2)
LEASE_MS = 60_000


def turn(message_id: str = "m1", conversation: str = "web_a", text: str = "您好") -> Turn:
    return Turn(conversation, "web", text, message_id, AT, metadata={"页": 1.5})


def echo(message_id: str = "m1") -> Event:
    return Event(EventType.MESSAGE, AT, message_id, "您好")


def reply(message_id: str = "m1", text: str = "答") -> Event:
    return Event(EventType.REPLY, AT, message_id, text)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.net)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(SystemClock(), LIMITS)
    else:
        async with Redis.from_url(request.getfixturevalue("redis_url")) as redis:
            yield RedisStore(redis, LIMITS)


async def test_a_repeated_message_is_taken_once(store: Store) -> None:
    """The same id in the same conversation is a repeat; in another one it is new."""
    assert await store.accept(turn(), "u", echo()) is Verdict.ACCEPTED
    assert await store.accept(turn(text="别的"), "u", echo()) is Verdict.REPEAT
    assert await store.accept(turn(conversation="web_b"), "u", echo()) is Verdict.ACCEPTED
    page = await store.since("web_a", START_CURSOR)
    assert [event.text for event in page.events] == ["您好"]
    assert page.pending == 1


async def test_parallel_repeats_are_accepted_once(store: Store) -> None:
    """Of twenty simultaneous deliveries of one message exactly one is accepted."""
    verdicts = await asyncio.gather(*(store.accept(turn(), "u", echo()) for _ in range(20)))
    assert verdicts.count(Verdict.ACCEPTED) == 1
    assert verdicts.count(Verdict.REPEAT) == 19


async def test_answers_follow_in_order_and_resume_at_any_cursor(store: Store) -> None:
    """Reading on after each entry gives exactly what follows it."""
    for message_id in ("m1", "m2"):
        await store.accept(turn(message_id), "u", echo(message_id))
    for message_id in ("m1", "m2"):
        head = await store.claim("web_a", "me", LEASE_MS)
        assert head == turn(message_id)
        assert await store.commit(head, "me", [reply(message_id, "甲"), reply(message_id, "乙")])
    everything = await store.since("web_a", START_CURSOR)
    assert [e.message_id for e in everything.events] == ["m1", "m2", "m1", "m1", "m2", "m2"]
    assert everything.pending == 0
    for place, (before, after) in enumerate(pairwise(everything.events)):
        page = await store.since("web_a", before.id)
        assert page.events[0] == after
        assert len(page.events) == len(everything.events) - place - 1
    assert (await store.since("web_a", everything.cursor)).events == ()


async def test_one_owner_at_a_time(store: Store) -> None:
    """Another process gets nothing while the lease is held, and goes on where it was released."""
    await store.accept(turn(), "u", None)
    assert await store.claim("web_a", "me", LEASE_MS) == turn()
    assert await store.claim("web_a", "other", LEASE_MS) is None
    await store.release("web_a", "other")
    assert await store.claim("web_a", "other", LEASE_MS) is None
    await store.release("web_a", "me")
    assert await store.claim("web_a", "other", LEASE_MS) == turn()
    assert not await store.commit(turn(), "me", [reply()])
    assert (await store.since("web_a", START_CURSOR)).events == ()


async def test_a_lapsed_lease_lets_another_process_go_on(store: Store) -> None:
    """A process that died does not block its conversation for longer than the lease."""
    await store.accept(turn(), "u", None)
    assert await store.claim("web_a", "dead", 30) is not None
    await asyncio.sleep(0.06)
    assert await store.claim("web_a", "other", LEASE_MS) == turn()


async def test_an_answer_is_committed_once(store: Store) -> None:
    """Committing the same turn again changes nothing."""
    await store.accept(turn(), "u", None)
    await store.claim("web_a", "me", LEASE_MS)
    assert await store.commit(turn(), "me", [reply()])
    assert not await store.commit(turn(), "me", [reply()])
    assert len((await store.since("web_a", START_CURSOR)).events) == 1


async def test_nothing_waits_after_the_last_answer(store: Store) -> None:
    """The list of waiting conversations holds those with unanswered turns only."""
    await store.accept(turn(), "u", None)
    assert await store.waiting() == ["web_a"]
    await store.claim("web_a", "me", LEASE_MS)
    await store.commit(turn(), "me", [reply()])
    assert await store.waiting() == []
    assert await store.claim("web_a", "me", LEASE_MS) is None


async def test_limits_say_no_without_taking_anything(store: Store) -> None:
    """A crowded conversation, a busy service and a fast writer are refused, and may try again."""
    for number in range(3):
        assert await store.accept(turn(f"m{number}"), "u", echo()) is Verdict.ACCEPTED
    assert await store.accept(turn("m3"), "u", echo()) is Verdict.CROWDED
    assert await store.accept(turn(conversation="web_b"), "v", None) is Verdict.ACCEPTED
    assert await store.accept(turn(conversation="web_c"), "w", None) is Verdict.BUSY
    assert len((await store.since("web_a", START_CURSOR)).events) == 3
    for number in range(3):
        await store.claim("web_a", "me", LEASE_MS)
        await store.commit(turn(f"m{number}"), "me", [])
    for number in range(3, 6):
        assert await store.accept(turn(f"m{number}"), "u", None) is Verdict.ACCEPTED
        await store.claim("web_a", "me", LEASE_MS)
        await store.commit(turn(f"m{number}"), "me", [])
    assert await store.accept(turn("m6"), "u", None) is Verdict.RATE_LIMITED


async def test_readers_are_told_of_news(store: Store) -> None:
    """Whoever listens hears of a conversation when something was appended to it."""
    heard: list[str] = []

    async def listen() -> None:
        async for conversation_id in store.wakeups():
            heard.append(conversation_id)
            if conversation_id:
                return

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0.05)
    await store.append("web_a", [reply()])
    await asyncio.wait_for(listener, 5)
    assert heard[-1] == "web_a"


@pytest.mark.net
async def test_redis_refuses_a_cursor_it_never_gave(redis_url: str) -> None:
    """A malformed cursor is the caller's error, not Redis's."""
    async with Redis.from_url(redis_url) as redis:
        for cursor in ("", "x", "1", "-1-0", "1-0 ", "9" * 40 + "-0"):
            with pytest.raises(BadInput):
                await RedisStore(redis, LIMITS).since("web_a", cursor)


@pytest.mark.net
async def test_redis_that_is_gone_has_a_name() -> None:
    """An unreachable Redis is a ``QueueError`` for every step."""
    async with Redis.from_url("redis://127.0.0.1:1/0") as redis:
        store = RedisStore(redis, LIMITS)
        with pytest.raises(QueueError):
            await store.accept(turn(), "u", echo())
        with pytest.raises(QueueError):
            await store.since("web_a", START_CURSOR)


@pytest.mark.net
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200), message_id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_any_text_comes_back_from_redis_as_it_was(redis_url: str, text: str, message_id: str) -> None:
    """What is claimed equals what was accepted, and can be committed."""

    async def there_and_back() -> None:
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
            store = RedisStore(redis, LIMITS)
            given_turn = turn(message_id, text=text)
            await store.accept(given_turn, "u", None)
            head = await store.claim("web_a", "me", LEASE_MS)
            assert head == given_turn
            assert await store.commit(given_turn, "me", [reply(message_id, text)])
            assert (await store.since("web_a", START_CURSOR)).events[0].text == text

    asyncio.run(there_and_back())


async def test_hundreds_of_readers_at_once_wait_for_a_connection(redis_url: str) -> None:
    """What five hundred open pages ask in one moment is answered; the default pool refuses the 101st."""
    async with open_redis(redis_url) as redis:
        store = RedisStore(redis, Limits())
        pages = await asyncio.gather(*(store.since(f"web_{number}", "0-0") for number in range(500)))
    assert {page.cursor for page in pages} == {"0-0"}
