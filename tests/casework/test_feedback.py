"""Districts answer results on their stream: stored once, wrong answers kept with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from casework.balance import Scope
from casework.consumption import unconsumed
from casework.intake import Intake
from casework.relay import Relay
from casework.routing import UNASSIGNED, district_of, stream_of
from casework.store import Store
from core.clock import VirtualClock
from core.codec import to_json
from core.errors import BadInput
from core.streams import FEEDBACK_STREAM, RedisStreamQueue
from core.types import Feedback, FeedbackOutcome, FieldValue, Result
from tests.casework.samples import intention

pytestmark = pytest.mark.net


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the session's Redis."""
    async with Redis.from_url(redis_url) as client:
        yield client


def answer(result: Result, clock: VirtualClock, **changes: Any) -> Feedback:
    feedback = Feedback(
        "fb_1", result.result_id, FeedbackOutcome.CONTACTED, "天河区", clock.now(), "已电话联系"
    )
    return replace(feedback, **changes)


async def wished(store: Store, clock: VirtualClock, **changes: Any) -> Result:
    result = replace(intention("web_1", clock.now()), **changes)
    await store.save_result(result)
    return result


async def test_an_answer_is_stored_once_and_read_back(store: Store, clock: VirtualClock) -> None:
    """A repeat, even with other words, changes nothing; the note is sealed in the database."""
    result = await wished(store, clock)
    first = answer(result, clock)
    assert await store.save_feedback(first)
    assert not await store.save_feedback(replace(first, note="别的"))
    assert await store.feedback_of(result.result_id) == (first,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"result_id": "res_unknown"},
        {"feedback_id": ""},
        {"feedback_id": "x" * 65},
        {"by": ""},
        {"note": "长" * 2001},
        {"at": "tomorrow"},
        {"schema_version": 2},
    ],
)
async def test_an_answer_that_cannot_be_is_refused(
    store: Store, clock: VirtualClock, wrong: dict[str, Any]
) -> None:
    """Unknown result, ids missing or too long, a huge note, a time that lies ahead."""
    result = await wished(store, clock)
    if wrong.get("at"):
        wrong = {"at": clock.now() + timedelta(days=1)}
    with pytest.raises(BadInput):
        await store.save_feedback(answer(result, clock, **wrong))
    assert await store.feedback_of(result.result_id) == ()


async def test_what_needs_a_look_is_open_until_somebody_answers(store: Store, clock: VirtualClock) -> None:
    """A result with a reason to look counts as open, then as reviewed; one without counts as neither."""
    result = await wished(store, clock, needs_review=("hardship_signal",))
    await store.save_result(intention("web_2", clock.now()))
    before = await store.sheet(Scope())
    assert (before.open, before.reviewed) == (1, 0)
    await store.save_feedback(answer(result, clock))
    after = await store.sheet(Scope())
    assert (after.open, after.reviewed) == (0, 1)


async def test_the_stream_is_read_and_useless_entries_are_kept_apart(
    store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """Good ones are stored and acknowledged; unreadable ones and those about nothing go to the dead."""
    result = await wished(store, clock)
    queue = RedisStreamQueue(redis, FEEDBACK_STREAM, Feedback)
    await queue.publish(answer(result, clock))
    await queue.publish(answer(result, clock, feedback_id="fb_2", result_id="res_unknown"))
    await redis.xadd(FEEDBACK_STREAM, {"json": b"{not json"})
    intake = Intake(store, queue, "c1")
    while await intake.take():
        pass
    assert len(await store.feedback_of(result.result_id)) == 1
    letters = [fields[b"reason"].decode() for _, fields in await redis.xrange(f"{FEEDBACK_STREAM}:dead")]
    assert len(letters) == 2
    assert any("not here" in reason for reason in letters)
    (group,) = await redis.xinfo_groups(FEEDBACK_STREAM)
    assert group["pending"] == 0


async def test_each_district_gets_its_own_and_nobody_loses_any(
    store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """By the place that was wished for; a name that is no district cannot make a stream."""
    here = await wished(store, clock, fields={"district": FieldValue("荔湾区")})
    odd = replace(intention("web_9", clock.now()), fields={"district": FieldValue("x" * 500)})
    await store.save_result(odd)
    await Relay(store, redis).relay_waiting()
    assert (district_of(here), district_of(odd)) == ("荔湾区", UNASSIGNED)
    for result in (here, odd):
        entries: Any = await redis.xrange(stream_of(district_of(result)))
        assert [fields[b"json"] for _, fields in entries] == [to_json(result)]
    assert await unconsumed(redis) == {
        here.result_id: "no consumer group 荔湾区",
        odd.result_id: f"no consumer group {UNASSIGNED}",
    }
