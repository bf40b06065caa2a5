"""What the doors hand in is kept once, whole, and with its consequences, on both databases."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from casework.balance import Scope
from casework.store import Store
from casework.types import CampaignState, Contact
from core.clock import VirtualClock
from core.errors import BadInput, StorageError
from core.types import Disposition
from tests.casework.samples import CHEN, LI, WANG, finished, intention, one_task


async def test_an_attempt_is_begun_once(store: Store) -> None:
    """Of ten workers that try at the same time exactly one gets the attempt."""
    _, task, _ = await one_task(store)
    begun = await asyncio.gather(*(store.begin_attempt(task, f"w{n}", lease_ms=10_000) for n in range(10)))
    assert sorted(begun) == [False] * 9 + [True]
    assert not await store.begin_attempt(task, "w1", lease_ms=10_000)


async def test_nobody_is_dialled_after_the_window(store: Store, clock: VirtualClock) -> None:
    """The window closes at noon; a worker that takes the task later must not dial."""
    _, task, _ = await one_task(store)
    assert task.not_after == clock.now() + timedelta(hours=2)
    clock.advance_ms(2 * 3_600_000 + 1)
    assert not await store.begin_attempt(task, "w1", lease_ms=10_000)


@pytest.mark.parametrize("state", [CampaignState.PAUSED, CampaignState.STOPPED])
async def test_nobody_is_dialled_for_a_halted_campaign(store: Store, state: CampaignState) -> None:
    """A task that was handed out before the campaign was halted is not begun."""
    campaign, task, _ = await one_task(store)
    await store.set_campaign_state(campaign.campaign_id, state)
    assert not await store.begin_attempt(task, "w1", lease_ms=10_000)


async def test_an_unknown_attempt_is_not_dialled(store: Store) -> None:
    """A task whose attempt the database does not know (restored from a backup) is not begun."""
    _, task, _ = await one_task(store)
    stranger = dataclasses.replace(task, task_id="att_000000000000000000000000")
    assert not await store.begin_attempt(stranger, "w1", lease_ms=10_000)


async def test_a_call_comes_back_as_it_was_saved(store: Store, clock: VirtualClock) -> None:
    """Names, transcript, fields, times: get_call returns what save_call was given."""
    campaign, task, _ = await one_task(store)
    assert await store.begin_attempt(task, "w1", lease_ms=10_000)
    record, result = finished(task, clock.now(), employment_status="employed")
    await store.save_call(record, result)
    stored = await store.get_call(task.task_id)
    assert stored is not None
    assert stored.record == record
    assert stored.campaign is not None
    assert stored.campaign.campaign_id == campaign.campaign_id
    assert stored.result_ids == (result.result_id,)
    assert await store.get_result(result.result_id) == result
    assert await store.get_call("att_unknown") is None


async def test_saving_twice_changes_nothing(store: Store, clock: VirtualClock) -> None:
    """A worker that repeats save_call, even with other content, leaves one call and one result."""
    _, task, _ = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    first = finished(task, clock.now(), Disposition.NO_ANSWER)
    await asyncio.gather(*(store.save_call(*first) for _ in range(5)))
    await store.save_call(*finished(task, clock.now(), Disposition.BUSY))
    sheet = await store.sheet(Scope())
    assert (sheet.planned, sheet.dialled, sheet.stored, sheet.published) == (2, 1, 1, 0)
    assert sheet.held_back == {"not_yet_due": 1}
    assert [(item.stage, item.reason) for item in sheet.differences] == [("published", "waiting")]
    stored = await store.get_call(task.task_id)
    assert stored is not None
    assert stored.record.disposition is Disposition.NO_ANSWER


async def test_the_next_attempt_follows_the_rule(store: Store, clock: VirtualClock) -> None:
    """Nobody answered at ten: the second attempt is due three hours later, moved out of lunch time."""
    campaign, task, _ = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    await store.save_call(*finished(task, clock.now(), Disposition.NO_ANSWER))
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.persons, progress.planned, progress.ended) == (1, 1, 1)
    assert progress.dispositions == {"no_answer": 1}
    assert progress.next_due == clock.now() + timedelta(hours=4)  # 13:00 is lunch, 14:00 is not


async def test_an_agreed_time_is_kept(store: Store, clock: VirtualClock) -> None:
    """A callback at a time that was understood is planned for that very time."""
    campaign, task, _ = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    agreed = {"said": "明天下午三点", "at": "2026-11-24T15:00:00+08:00"}
    await store.save_call(*finished(task, clock.now(), Disposition.CALLBACK, callback_time=agreed))
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert progress.next_due is not None
    assert progress.next_due.isoformat() == "2026-11-24T07:00:00+00:00"


async def test_a_completed_person_is_left_alone(store: Store, clock: VirtualClock) -> None:
    """After a completed call nothing is planned, and the campaign can be closed."""
    campaign, task, fence = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    await store.save_call(*finished(task, clock.now()))
    await store.finish_campaigns(fence)
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert progress.planned == 0
    assert progress.campaign.state is CampaignState.FINISHED


@pytest.mark.parametrize("ending", [Disposition.OPT_OUT, Disposition.DECEASED])
async def test_an_opt_out_counts_everywhere_at_once(
    store: Store, clock: VirtualClock, ending: Disposition
) -> None:
    """The same transaction lists the number and cancels it in every campaign, however it is spelt."""
    _, task, fence = await one_task(store)
    other = await store.start_campaign("别的任务", [Contact("陈晓明", "+86 138-0013-8001"), WANG])
    await store.begin_attempt(task, "w1", lease_ms=10_000)
    await store.save_call(*finished(task, clock.now(), ending))
    assert await store.is_do_not_call("138 0013 8001")
    progress = await store.campaign_progress(other.campaign_id)
    assert progress is not None
    assert (progress.planned, progress.cancelled) == (1, 1)
    assert [t.callee.name for t in await store.hand_out(fence, 5)] == [WANG.name]
    later = await store.start_campaign("再来", [CHEN], ignore_window=True)
    assert await store.hand_out(fence, 5) == ()
    progress = await store.campaign_progress(later.campaign_id)
    assert progress is not None
    assert progress.cancelled == 1


async def test_an_opt_out_stops_a_task_that_is_already_handed_out(store: Store) -> None:
    """Between hand-out and dialling the person opted out by another door: not begun."""
    _, task, _ = await one_task(store)
    assert await store.add_do_not_call(CHEN.address, source="staff:li.hua")
    assert not await store.add_do_not_call(CHEN.address, source="staff:li.hua")
    assert not await store.begin_attempt(task, "w1", lease_ms=10_000)


async def test_a_chat_result_is_stored_once(store: Store, clock: VirtualClock) -> None:
    """A repeated job intention leaves one result and one outbox row."""
    result = intention("web_1", clock.now())
    await asyncio.gather(*(store.save_result(result) for _ in range(5)))
    assert [row.result for row in await store.waiting_results()] == [result]
    assert await store.results_of("web_1") == (result,)


async def test_pages_hold_every_call_once(store: Store, clock: VirtualClock) -> None:
    """Paging through calls of which many began at the same moment meets each once, newest first."""
    contacts = [Contact("王强", f"138001381{n:02d}") for n in range(12)]
    await store.start_campaign("多人", contacts)
    tasks = await store.hand_out(await store.take_fence(), 12)
    for index, task in enumerate(tasks):
        await store.save_call(*finished(task, clock.now() + timedelta(seconds=index // 4)))
    seen: list[str] = []
    before = ""
    for _ in range(10):
        page = await store.list_calls(5, before)
        seen += [call.call_id for call in page.calls]
        before = page.before
        if not before:
            break
    assert len(seen) == 12
    assert set(seen) == {task.task_id for task in tasks}
    newest = {task.task_id for task in tasks[8:]}
    assert set(seen[:4]) == newest


async def test_calls_are_found_by_what_staff_look_for(store: Store, clock: VirtualClock) -> None:
    """Disposition, district, need of review and words of the transcript narrow the list."""
    await store.start_campaign("两人", [CHEN, LI])
    first, second = await store.hand_out(await store.take_fence(), 2)
    await store.save_call(*finished(first, clock.now()))
    await store.save_call(*finished(second, clock.now(), Disposition.PARTIAL))

    async def found(**options: object) -> list[str]:
        return [call.call_id for call in (await store.list_calls(**options)).calls]

    assert await found(disposition=Disposition.PARTIAL) == [second.task_id]
    assert await found(district=first.callee.district) == [first.task_id]
    assert await found(needs_review=True) == [second.task_id]
    assert await found(needs_review=False) == [first.task_id]
    assert len(await found(text="稳定的工作")) == 2
    assert len(await found(text="100%稳")) == 2
    assert await found(text="100_稳") == []
    assert await found(district="没有的区") == []


@pytest.mark.parametrize("before", ["x", "2026-11-23|a", "2026-11-23T00:00:00+00:00|", "|"])
async def test_a_made_up_page_mark_is_bad_input(sqlite_store: Store, before: str) -> None:
    """A cursor that no page handed out is refused, not ignored."""
    with pytest.raises(BadInput):
        await sqlite_store.list_calls(5, before)


async def test_names_and_addresses_do_not_lie_open_on_disk(
    sqlite_store: Store, clock: VirtualClock, tmp_path: Path
) -> None:
    """Nowhere in the database files stands a name or a number that belongs to a person."""
    await sqlite_store.start_campaign("测试", [CHEN, LI])
    for task in await sqlite_store.hand_out(await sqlite_store.take_fence(), 2):
        await sqlite_store.save_call(*finished(task, clock.now(), Disposition.OPT_OUT))
    await sqlite_store.close()
    content = _database_bytes(tmp_path)
    assert "天河区".encode() in content
    for secret in (CHEN.name, CHEN.address, LI.name, LI.address):
        assert secret.encode() not in content


async def test_campaigns_that_have_ended_stay_ended(store: Store) -> None:
    """A stopped campaign cannot be resumed; an unknown one is bad input; an empty list too."""
    campaign = await store.start_campaign("测试", [CHEN])
    await store.set_campaign_state(campaign.campaign_id, CampaignState.STOPPED)
    for campaign_id in (campaign.campaign_id, "cmp_unknown"):
        with pytest.raises(BadInput):
            await store.set_campaign_state(campaign_id, CampaignState.RUNNING)
    with pytest.raises(BadInput):
        await store.start_campaign("空", [])
    assert [item.campaign_id for item in await store.list_campaigns()] == [campaign.campaign_id]
    assert await store.campaign_progress("cmp_unknown") is None


async def test_a_closed_database_is_a_storage_error(sqlite_store: Store, tmp_path: Path) -> None:
    """When the file can no longer be opened, callers see StorageError and nothing of the driver."""
    await sqlite_store.close()
    _replace_database_by_folder(tmp_path)
    with pytest.raises(StorageError):
        await sqlite_store.list_calls()


def _database_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("nuanye.db*"))


def _replace_database_by_folder(folder: Path) -> None:
    for path in folder.glob("nuanye.db*"):
        path.unlink()
    (folder / "nuanye.db").mkdir()


async def test_what_was_heard_again_stands_beside_the_call(store: Store, clock: VirtualClock) -> None:
    """An annotation joins the detail and changes nothing else; a call that is not there stays so."""
    _, task, _ = await one_task(store)
    record, result = finished(task, clock.now())
    await store.save_call(record, result)
    second = {"engine": "whisper", "lines": [{"start_ms": 2400, "text": "是的", "confidence": 0.8}]}
    await store.annotate_call(task.task_id, {"second_hearing": second})
    await store.annotate_call("att_none", {"second_hearing": second})
    stored = await store.get_call(task.task_id)
    assert stored is not None
    assert stored.record.detail == {**record.detail, "second_hearing": second}
    assert stored.record.utterances == record.utterances
