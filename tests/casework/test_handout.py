"""Who is handed out, how often, and what happens to attempts that nobody ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from casework import schema
from casework.balance import Scope
from casework.handout import StaleLeader
from casework.store import Store, open_store
from casework.types import CampaignState, Contact
from core.clock import VirtualClock
from core.errors import BadInput, StorageError
from core.types import Disposition
from tests.casework.conftest import SECRET
from tests.casework.samples import CHEN, LI, WANG, finished, one_task

HOUR_MS = 3_600_000


async def test_a_task_carries_what_the_call_needs(store: Store) -> None:
    """Name, address, district, known facts and the attempt's number arrive at the worker."""
    campaign, task, _ = await one_task(store)
    assert (task.callee.name, task.callee.address, task.callee.district) == (
        "陈小明",
        "13800138001",
        "天河区",
    )
    assert task.facts == {"wanted_jobs": ["保安"]}
    assert (task.campaign_id, task.attempt) == (campaign.campaign_id, 1)


async def test_two_dispatchers_never_hand_out_the_same_attempt(
    store: Store, database_url: str, clock: VirtualClock
) -> None:
    """Handing out from two connections at once gives every attempt to one of them."""
    contacts = [Contact("王强", f"138001382{n:02d}") for n in range(30)]
    await store.start_campaign("多人", contacts)
    fence = await store.take_fence()
    async with await open_store(database_url, secret=SECRET, clock=clock) as other:
        batches = await asyncio.gather(*(s.hand_out(fence, 4) for s in (store, other) * 4))
    ids = [task.task_id for batch in batches for task in batch]
    assert len(ids) == len(set(ids)) == 30


async def test_a_deposed_leader_cannot_write(store: Store) -> None:
    """Once another dispatcher took its fence, every write with the old one is refused."""
    await store.start_campaign("测试", [CHEN])
    old = await store.take_fence()
    new = await store.take_fence()
    assert new > old
    for write in (
        store.hand_out(old, 5),
        store.reap(old),
        store.lost_tasks(old, older_than_ms=0),
        store.finish_campaigns(old),
    ):
        with pytest.raises(StaleLeader):
            await write
    assert len(await store.hand_out(new, 5)) == 1


async def test_nobody_is_called_outside_calling_hours(store: Store, clock: VirtualClock) -> None:
    """At lunch only a rehearsal is handed out; at two o'clock the others follow."""
    clock.advance_ms(2.5 * HOUR_MS)
    await store.start_campaign("平常", [CHEN])
    await store.start_campaign("演练", [LI], ignore_window=True)
    fence = await store.take_fence()
    assert [task.callee.name for task in await store.hand_out(fence, 5)] == [LI.name]
    clock.advance_ms(1.5 * HOUR_MS)
    assert [task.callee.name for task in await store.hand_out(fence, 5)] == [CHEN.name]


async def test_one_number_is_in_one_call_at_a_time(store: Store, clock: VirtualClock) -> None:
    """Two campaigns want the same number: the second waits until the first call has ended."""
    _, task, fence = await one_task(store)
    await store.start_campaign("第二个", [CHEN])
    assert await store.hand_out(fence, 5) == ()
    await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    assert await store.hand_out(fence, 5) == ()
    await store.save_call(*finished(task, clock.now()))
    assert len(await store.hand_out(fence, 5)) == 1


async def test_all_campaigns_share_one_contact_budget(store: Store, clock: VirtualClock) -> None:
    """After two calls on one day the third campaign's attempt moves to the next working morning."""
    fence = await store.take_fence()
    for _ in range(2):
        await store.start_campaign("一天两次", [CHEN])
        (task,) = await store.hand_out(fence, 5)
        await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
        await store.save_call(*finished(task, clock.now()))
    third = await store.start_campaign("第三次", [CHEN])
    assert await store.hand_out(fence, 5) == ()
    progress = await store.campaign_progress(third.campaign_id)
    assert progress is not None
    assert progress.next_due is not None
    assert progress.next_due.isoformat() == "2026-11-24T01:00:00+00:00"


async def test_a_lapsed_lease_ends_as_interrupted(store: Store, clock: VirtualClock) -> None:
    """The worker died: call, result and outbox row are stored, the next attempt waits for its rule."""
    campaign, task, fence = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    clock.advance_ms(9_000)
    await store.extend_lease(task.task_id, "w1", lease_ms=10_000)
    clock.advance_ms(9_000)
    assert await store.reap(fence) == ()
    await store.extend_lease(task.task_id, "somebody else", lease_ms=HOUR_MS)
    clock.advance_ms(1_001)
    assert await store.reap(fence) == (task.task_id,)
    assert await store.reap(fence) == ()
    stored = await store.get_call(task.task_id)
    assert stored is not None
    assert stored.record.disposition is Disposition.INTERRUPTED
    assert stored.record.callee_name == CHEN.name
    (row,) = await store.waiting_results()
    assert (row.result.source, row.result.disposition) == (task.task_id, Disposition.INTERRUPTED)
    assert await store.hand_out(fence, 5) == ()
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert progress.next_due == clock.now() + timedelta(minutes=30)
    assert not any(item.lost for item in (await store.sheet(Scope())).differences)


async def test_a_worker_presumed_dead_is_believed_when_it_reports(store: Store, clock: VirtualClock) -> None:
    """Its call replaces the presumed one, a correction is published, the needless redial is dropped."""
    campaign, task, fence = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    clock.advance_ms(20_000)
    await store.reap(fence)
    record, result = finished(task, clock.now(), employment_status="employed")
    for _ in range(2):
        await store.save_call(record, result)
    stored = await store.get_call(task.task_id)
    assert stored is not None
    assert stored.record == record
    first, second = (row.result for row in await store.waiting_results())
    assert (first.kind, first.disposition) == ("call", Disposition.INTERRUPTED)
    assert (second.kind, second.disposition) == ("correction", Disposition.COMPLETED)
    assert second.detail["corrects"] == first.result_id == result.result_id
    assert second.result_id != first.result_id
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.planned, progress.cancelled, progress.dispositions) == (0, 1, {"completed": 1})


async def test_a_lost_task_is_handed_out_again_and_begun_once(store: Store, clock: VirtualClock) -> None:
    """The stream lost a task: it is published again with the same id; two copies give one call."""
    _, task, fence = await one_task(store)
    assert await store.lost_tasks(fence, older_than_ms=15_000) == ()
    clock.advance_ms(15_000)
    assert await store.lost_tasks(fence, older_than_ms=None) == ()
    assert await store.lost_tasks(fence, older_than_ms=15_000) == (task,)
    assert await store.lost_tasks(fence, older_than_ms=15_000) == ()
    assert await store.begin_attempt(task, "w1", lease_ms=10_000)
    assert not await store.begin_attempt(task, "w2", lease_ms=10_000)
    clock.advance_ms(60_000)
    assert await store.lost_tasks(fence, older_than_ms=15_000) == ()


async def test_a_task_nobody_took_in_time_is_planned_anew(store: Store, clock: VirtualClock) -> None:
    """The window closed over a queued task: it is due when the next one opens."""
    campaign, _, fence = await one_task(store)
    clock.advance_ms(2 * HOUR_MS + 1)
    assert await store.lost_tasks(fence, older_than_ms=None) == ()
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.planned, progress.queued) == (1, 0)
    assert await store.hand_out(fence, 5) == ()
    clock.advance_ms(2 * HOUR_MS)
    (again,) = await store.hand_out(fence, 5)
    assert again.callee.name == CHEN.name


@pytest.mark.parametrize(
    ("state", "planned", "cancelled"), [(CampaignState.PAUSED, 1, 0), (CampaignState.STOPPED, 0, 1)]
)
async def test_a_task_that_slipped_out_while_the_campaign_was_halted_is_taken_back(
    store: Store, state: CampaignState, planned: int, cancelled: int
) -> None:
    """Handed out in the very moment of the halt: not published again, not left queued for ever."""
    campaign, task, fence = await one_task(store)
    await store.set_campaign_state(campaign.campaign_id, state)
    async with store._db.write() as connection:  # the other transaction, seen late
        attempts = schema.attempts
        await connection.execute(
            attempts.update()
            .where(attempts.c.id == task.task_id)
            .values(state="queued", queued_at=task.not_after, not_after=task.not_after, reason="")
        )
    assert await store.lost_tasks(fence, older_than_ms=15_000) == ()
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.planned, progress.queued, progress.cancelled) == (planned, 0, cancelled)


async def test_pausing_takes_back_what_is_not_begun(store: Store, clock: VirtualClock) -> None:
    """A paused campaign keeps its running call, hands out nothing, and goes on when resumed."""
    campaign = await store.start_campaign("测试", [CHEN, LI, WANG])
    fence = await store.take_fence()
    first, second = await store.hand_out(fence, 2)
    await store.begin_attempt(first, "w1", lease_ms=HOUR_MS)
    await store.set_campaign_state(campaign.campaign_id, CampaignState.PAUSED)
    assert not await store.begin_attempt(second, "w1", lease_ms=HOUR_MS)
    assert await store.hand_out(fence, 5) == ()
    await store.save_call(*finished(first, clock.now(), Disposition.BUSY))
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.planned, progress.queued, progress.running) == (3, 0, 0)
    await store.set_campaign_state(campaign.campaign_id, CampaignState.RUNNING)
    assert {task.callee.name for task in await store.hand_out(fence, 5)} == {
        person.name for person in (CHEN, LI, WANG) if person.name != first.callee.name
    }


async def test_a_list_that_broke_off_calls_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second chunk of a long list cannot be written: nobody of the first one is called."""
    enter, chunks = store._enter, []

    async def fail_on_second(*arguments: Any) -> None:
        chunks.append(arguments)
        if len(chunks) == 2:
            raise StorageError("disk full")
        await enter(*arguments)

    monkeypatch.setattr(store, "_enter", fail_on_second)
    with pytest.raises(StorageError):
        await store.start_campaign("长名单", [Contact("王强", f"1380014{n:04d}") for n in range(1000)])
    assert await store.hand_out(await store.take_fence(), 5) == ()
    (campaign,) = await store.list_campaigns()
    with pytest.raises(BadInput):
        await store.set_campaign_state(campaign.campaign_id, CampaignState.RUNNING)


async def test_a_long_list_is_entered_whole(store: Store) -> None:
    """A thousand people in several chunks, one of them twice: everybody is planned once."""
    people = [Contact("王强", f"1380014{n:04d}") for n in range(1000)]
    campaign = await store.start_campaign("长名单", [*people, people[0]])
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.persons, progress.planned) == (1000, 1000)


async def test_busy_lines_are_counted_from_hand_out_to_end(store: Store, clock: VirtualClock) -> None:
    """A task takes a line from the moment it is handed out until its call is stored."""
    assert await store.count_busy() == 0
    _, task, _ = await one_task(store)
    assert await store.count_busy() == 1
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    assert await store.count_busy() == 1
    await store.save_call(*finished(task, clock.now()))
    assert await store.count_busy() == 0
