"""Campaigns with plans in the database: audiences, fair hand-out, pacing, guard, end, variants."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from casework.hours import Hours
from casework.pacing import LineLimits
from casework.plans import Audience, CampaignPlan, Guard, Variant
from casework.register.types import RegisteredPerson
from casework.rules import Redial
from casework.store import Store
from casework.types import Campaign, CampaignProgress, CampaignState, Contact
from core.clock import CHINA, VirtualClock
from core.errors import BadInput
from core.types import CallTask, Disposition
from tests.casework.samples import CHEN, LI, WANG, finished, one_task

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def _people(district: str, count: int, first: int = 0) -> list[Contact]:
    return [Contact("王强", f"1380013{first + n:04d}", district) for n in range(count)]


async def _progress(store: Store, campaign: Campaign) -> CampaignProgress:
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    return progress


async def _end(store: Store, clock: VirtualClock, task: CallTask, disposition: Disposition) -> None:
    await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    await store.save_call(*finished(task, clock.now(), disposition))


async def test_a_small_district_is_not_starved_by_a_large_one(store: Store, clock: VirtualClock) -> None:
    """Forty people of one district were listed first: turns go by size, and two lines at a time."""
    await store.start_campaign("全市", [*_people("天河区", 40), *_people("从化区", 10, 100)])
    fence = await store.take_fence()
    tasks: list[CallTask] = []
    for _ in range(10):
        batch = await store.hand_out(fence, 2)
        tasks += batch
        for task in batch:
            await _end(store, clock, task, Disposition.COMPLETED)
    assert Counter(task.callee.district for task in tasks) == {"天河区": 16, "从化区": 4}


async def test_campaigns_share_lines_by_priority(store: Store, clock: VirtualClock) -> None:
    """A campaign that starts later with a higher priority takes its share at once, not everything."""
    await store.start_campaign("先来", _people("天河区", 30))
    fence = await store.take_fence()
    for task in await store.hand_out(fence, 10):
        await _end(store, clock, task, Disposition.COMPLETED)
    urgent = await store.start_campaign("紧急", _people("天河区", 30, 100), plan=CampaignPlan(priority=6))
    tasks = await store.hand_out(fence, 12)
    assert sum(task.campaign_id == urgent.campaign_id for task in tasks) in (8, 9)  # two to one of twelve


async def test_lines_and_rates_hold_in_the_hand_out(store: Store, clock: VirtualClock) -> None:
    """Two lines for the campaign, one call a second, five for the house: none is exceeded."""
    plan = CampaignPlan(max_lines=2, callers=("02083330001",))
    narrow = await store.start_campaign("窄", _people("天河区", 9), plan=plan)
    await store.start_campaign("慢", _people("天河区", 9, 100), plan=CampaignPlan(calls_per_second=1))
    await store.set_line_limits(LineLimits(trunk=4, callers={"02083330001": 5}))
    assert (await store.line_limits()).trunk == 4
    fence = await store.take_fence()
    first = await store.hand_out(fence, 9)
    assert Counter(task.campaign_id == narrow.campaign_id for task in first) == {True: 2, False: 1}
    assert {task.caller for task in first} == {"02083330001", ""}
    assert await store.hand_out(fence, 9) == ()
    clock.advance_ms(1000)
    assert len(await store.hand_out(fence, 9)) == 1
    clock.advance_ms(1000)
    assert await store.hand_out(fence, 9) == ()  # the trunk is full
    await _end(store, clock, first[0], Disposition.COMPLETED)
    assert len(await store.hand_out(fence, 9)) == 1
    with pytest.raises(BadInput):
        await store.set_line_limits(LineLimits(trunk=-1))


async def test_each_campaign_has_its_own_hours(store: Store, clock: VirtualClock) -> None:
    """At half past twelve only the campaign without a lunch break calls, until its hours close."""
    noon = Hours((((12 * 60, 13 * 60),),) * 7)
    await store.start_campaign("平常", [CHEN])
    await store.start_campaign("午间", [LI], plan=CampaignPlan(hours=noon))
    fence = await store.take_fence()
    clock.advance_ms(2.5 * HOUR_MS)
    (task,) = await store.hand_out(fence, 5)
    assert task.callee.name == LI.name
    assert task.not_after == datetime(2026, 11, 23, 13, 0, tzinfo=CHINA)


async def test_redial_rules_are_the_campaigns_own(store: Store, clock: VirtualClock) -> None:
    """Nobody there: in another part of the day, twice at most; busy is never tried again."""
    redial = {
        Disposition.NO_ANSWER: Redial(timedelta(minutes=30), times=2, other_time=True),
        Disposition.BUSY: Redial(timedelta(0), times=0),
    }
    plan = CampaignPlan(redial=redial, max_attempts=9, variants=(Variant("A"),), variables={"期数": "二"})
    campaign = await store.start_campaign("重呼", [CHEN, LI], plan=plan)
    fence = await store.take_fence()
    for task in await store.hand_out(fence, 5):
        busy = task.callee.name == LI.name
        await _end(store, clock, task, Disposition.BUSY if busy else Disposition.NO_ANSWER)
    progress = await _progress(store, campaign)
    assert (progress.planned, progress.dispositions) == (1, {"busy": 1, "no_answer": 1})
    assert progress.next_due == datetime(2026, 11, 23, 14, 0, tzinfo=CHINA)
    clock.advance_ms(4 * HOUR_MS)
    (second,) = await store.hand_out(fence, 5)
    assert (second.attempt, second.variant, second.variables) == (2, "A", {"期数": "二"})
    await _end(store, clock, second, Disposition.NO_ANSWER)
    clock.advance_ms(DAY_MS)
    (third,) = await store.hand_out(fence, 5)
    await _end(store, clock, third, Disposition.NO_ANSWER)
    assert (await _progress(store, campaign)).planned == 0


async def test_a_campaign_past_its_end_calls_nobody(store: Store, clock: VirtualClock) -> None:
    """What is left is cancelled with that reason, calls under way end, then it is closed."""
    ends = clock.now() + timedelta(hours=1)
    campaign = await store.start_campaign("到期", [CHEN, LI], plan=CampaignPlan(ends_at=ends))
    fence = await store.take_fence()
    (task,) = await store.hand_out(fence, 1)
    assert task.not_after == ends
    assert await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    clock.advance_ms(HOUR_MS)
    assert await store.hand_out(fence, 5) == ()
    await store.finish_campaigns(fence)
    progress = await _progress(store, campaign)
    assert (progress.running, progress.cancelled) == (1, 1)
    assert progress.campaign.state is CampaignState.RUNNING
    await store.save_call(*finished(task, clock.now(), Disposition.NO_ANSWER))
    await store.finish_campaigns(fence)
    progress = await _progress(store, campaign)
    assert (progress.campaign.state, progress.planned) == (CampaignState.FINISHED, 0)
    other = LI if task.callee.name == CHEN.name else CHEN
    assert [each.rule for each in (await store.contact_proof(other.address)).contacts] == ["campaign_over"]


async def test_a_failure_spike_pauses_until_somebody_resumes(store: Store, clock: VirtualClock) -> None:
    """Half of the latest calls failed: paused with its reason; resumed, the old failures count no more."""
    plan = CampaignPlan(guard=Guard(rate=0.5, minutes=10, minimum=4))
    campaign = await store.start_campaign("故障", _people("天河区", 20), plan=plan)
    fence = await store.take_fence()
    first = await store.hand_out(fence, 4)
    for task, failed in zip(first, (True, True, False), strict=False):
        await _end(store, clock, task, Disposition.MEDIA_FAILED if failed else Disposition.COMPLETED)
    assert await store.pause_failing(fence) == ()  # three are too few
    await _end(store, clock, first[3], Disposition.NO_ANSWER)
    assert await store.pause_failing(fence) == (campaign.campaign_id,)
    progress = await _progress(store, campaign)
    assert (progress.campaign.state, progress.campaign.pause_reason) == ("paused", "failure_spike")
    assert await store.hand_out(fence, 5) == ()
    clock.advance_ms(1000)
    resumed = await store.set_campaign_state(campaign.campaign_id, CampaignState.RUNNING)
    assert resumed.pause_reason == ""
    assert await store.pause_failing(fence) == ()
    assert len(await store.hand_out(fence, 5)) == 5


async def test_without_a_guard_nothing_pauses(store: Store, clock: VirtualClock) -> None:
    """``guard: off`` and rehearsals are left alone, however much fails."""
    off = dataclasses.replace(CampaignPlan(), guard=None)
    for name, options in (("关", {"plan": off}), ("演练", {"ignore_window": True})):
        await store.start_campaign(name, _people("天河区", 30, 100 * len(name)), **options)
    fence = await store.take_fence()
    for task in await store.hand_out(fence, 60):
        await _end(store, clock, task, Disposition.FAILED)
    assert await store.pause_failing(fence) == ()


async def test_stopping_lets_running_calls_end(store: Store, clock: VirtualClock) -> None:
    """The call under way is stored; nothing is planned after it; the others have their proof."""
    campaign, task, fence = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    other = await store.start_campaign("另一个", [WANG])
    for each in (campaign, other):
        await store.set_campaign_state(each.campaign_id, CampaignState.STOPPED)
    await store.save_call(*finished(task, clock.now(), Disposition.BUSY))
    progress = await _progress(store, campaign)
    assert (progress.ended, progress.planned, progress.dispositions) == (1, 0, {"busy": 1})
    assert [each.rule for each in (await store.contact_proof(WANG.address)).contacts] == ["campaign_stopped"]
    assert await store.hand_out(fence, 5) == ()


def _registered(name: str, number: str, district: str, **known: object) -> RegisteredPerson:
    return RegisteredPerson(name=name, address=number, district=district, **known)  # type: ignore[arg-type]


async def _register(store: Store) -> None:
    await store.upsert_people(
        [
            _registered(
                "陈小明", "13800138001", "天河区", street="石牌街道", registered_on=date(2026, 5, 23)
            ),
            _registered("李桂芳", "13800138002", "天河区", registered_on=date(2026, 5, 24), birth_year=1980),
            _registered("王建国", "13800138003", "越秀区", registered_on=date(2024, 1, 1), birth_year=2001),
            _registered("周小雨", "13800138004", "从化区", graduate_year=2026, hardship="残疾、低保"),
            _registered("吴海", "13800138005", "从化区", hardship="零就业家庭", education="大专"),
        ]
    )


@pytest.mark.parametrize(
    ("audience", "found"),
    [
        (Audience(), {"天河区": 2, "越秀区": 1, "从化区": 2}),
        (Audience(districts=("天河区", "越秀区")), {"天河区": 2, "越秀区": 1}),
        (Audience(streets=("石牌街道",)), {"天河区": 1}),
        (Audience(months_unemployed=(6, 9999)), {"天河区": 1, "越秀区": 1}),
        (Audience(months_unemployed=(0, 5)), {"天河区": 1}),
        (Audience(months_unemployed=(6, 6)), {"天河区": 1}),
        (Audience(age=(16, 25)), {"越秀区": 1}),
        (Audience(age=(46, 99)), {"天河区": 1}),
        (Audience(graduate_years=(2025, 2026)), {"从化区": 1}),
        (Audience(hardship=("any",)), {"从化区": 2}),
        (Audience(hardship=("低保", "单亲")), {"从化区": 1}),
        (Audience(education=("大专",)), {"从化区": 1}),
        (Audience(districts=("荔湾区",)), {}),
    ],
)
async def test_an_audience_finds_whom_it_names(
    store: Store, audience: Audience, found: dict[str, int]
) -> None:
    """Each condition of the saved query, counted by district."""
    await _register(store)
    counted = await store.count_audience(audience)
    assert dict(counted.districts) == found
    assert counted.persons == sum(found.values())


async def test_who_was_contacted_lately_is_left_out(store: Store, clock: VirtualClock) -> None:
    """A call, or a message, within the time: not in the audience; later again."""
    await _register(store)
    await store.start_campaign("先", [Contact("陈小明", "13800138001", "天河区")])
    (task,) = await store.hand_out(await store.take_fence(), 1)
    await _end(store, clock, task, Disposition.COMPLETED)
    (person,) = (await store.contact_proof("13800138002")).person_ids
    assert (await store.ask_contact("wechat:o1", channel="wechat", person_id=person)).allowed
    left_alone = Audience(districts=("天河区",), not_contacted_days=7)
    assert (await store.count_audience(left_alone)).persons == 0
    clock.advance_ms(8 * DAY_MS)
    assert (await store.count_audience(left_alone)).persons == 2


async def test_a_frozen_list_does_not_change_before_launch(store: Store, clock: VirtualClock) -> None:
    """Counted with the barred ones, frozen, launched by hand; who registers later is not in it."""
    await _register(store)
    await store.add_do_not_call("13800138003", source="x")
    plan = CampaignPlan(audience=Audience(), register_variables={"街道": "street"}, variables={"期": "二"})
    assert (await store.count_audience(Audience())).barred == 1
    campaign = await store.prepare_campaign("名册", plan)
    assert campaign.state is CampaignState.READY
    await store.upsert_people([_registered("赵六", "13800138006", "天河区")])
    fence = await store.take_fence()
    assert await store.hand_out(fence, 9) == ()
    await store.finish_campaigns(fence)
    progress = await _progress(store, campaign)
    assert (progress.persons, progress.planned, progress.cancelled) == (5, 4, 1)
    assert progress.districts == {"天河区": 2, "越秀区": 1, "从化区": 2}
    assert (await store.launch(campaign.campaign_id)).state is CampaignState.RUNNING
    tasks = {task.callee.name: task for task in await store.hand_out(fence, 9)}
    assert set(tasks) == {"陈小明", "李桂芳", "周小雨", "吴海"}
    assert tasks["陈小明"].variables == {"期": "二", "街道": "石牌街道"}
    assert tasks["周小雨"].variables == {"期": "二"}
    assert tasks["陈小明"].facts == {"district": "天河区"}
    with pytest.raises(BadInput):
        await store.launch(campaign.campaign_id)


async def test_an_audience_that_finds_nobody_makes_no_campaign(store: Store) -> None:
    """Neither without a query nor with an empty one."""
    for plan in (CampaignPlan(), CampaignPlan(audience=Audience())):
        with pytest.raises(BadInput):
            await store.prepare_campaign("无人", plan)
    assert await store.list_campaigns() == ()


async def test_variants_are_recorded_and_counted(store: Store, clock: VirtualClock) -> None:
    """Each person's variant stands in the task, its script with it, and in the campaign's counts."""
    plan = CampaignPlan(script="follow_up", variants=(Variant("A"), Variant("B", script="short")))
    campaign = await store.start_campaign("对比", _people("天河区", 40), plan=plan)
    tasks = await store.hand_out(await store.take_fence(), 40)
    scripts = {(task.variant, task.script) for task in tasks}
    assert scripts == {("A", "follow_up"), ("B", "short")}
    for task in tasks:
        await _end(store, clock, task, Disposition.COMPLETED)
    counted = Counter(task.variant for task in tasks)
    variants = (await _progress(store, campaign)).variants
    assert {name: endings["completed"] for name, endings in variants.items()} == counted


async def test_a_test_calls_one_number_under_the_plan(store: Store, clock: VirtualClock) -> None:
    """At night, once, with the wanted variant; the campaign's own list is not touched; barred is barred."""
    plan = CampaignPlan(variants=(Variant("A", 1_000_000), Variant("B")), max_lines=1)
    campaign = await store.start_campaign("正式", [CHEN], plan=plan, hold=True)
    clock.advance_ms(12 * HOUR_MS)
    tried = await store.test_campaign(campaign.campaign_id, "测试员", LI.address, "B")
    fence = await store.take_fence()
    (task,) = await store.hand_out(fence, 5)
    assert (task.callee.address, task.variant, tried.name) == (LI.address, "B", "正式（测试）")
    await _end(store, clock, task, Disposition.NO_ANSWER)
    assert (await _progress(store, tried)).planned == 0
    assert (await _progress(store, campaign)).planned == 1
    for arguments in (("cmp_none", "x", LI.address), (campaign.campaign_id, "x", LI.address, "C")):
        with pytest.raises(BadInput):
            await store.test_campaign(*arguments)
    await store.add_do_not_call(LI.address, source="x")
    await store.test_campaign(campaign.campaign_id, "测试员", LI.address)
    assert await store.hand_out(fence, 5) == ()


async def test_a_changed_plan_counts_from_the_next_hand_out(store: Store) -> None:
    """No line for now, then two; a campaign that has ended keeps its plan."""
    campaign = await store.start_campaign("改", _people("天河区", 5), plan=CampaignPlan(max_lines=1))
    fence = await store.take_fence()
    assert len(await store.hand_out(fence, 5)) == 1
    changed = await store.change_plan(campaign.campaign_id, CampaignPlan(max_lines=3))
    assert changed.plan.max_lines == 3
    assert len(await store.hand_out(fence, 5)) == 2
    await store.set_campaign_state(campaign.campaign_id, CampaignState.STOPPED)
    with pytest.raises(BadInput):
        await store.change_plan(campaign.campaign_id, CampaignPlan())


async def test_lost_tasks_keep_script_and_caller(store: Store, clock: VirtualClock) -> None:
    """A task that is published again is the same one."""
    plan = CampaignPlan(script="notice", callers=("02083330001",), variables={"期": "二"})
    campaign = await store.start_campaign("再发", [CHEN], plan=plan)
    fence = await store.take_fence()
    (task,) = await store.hand_out(fence, 1)
    clock.advance_ms(20_000)
    assert await store.lost_tasks(fence, older_than_ms=15_000) == (task,)
    assert (task.script, task.caller, task.variables) == ("notice", "02083330001", {"期": "二"})
    assert campaign.plan == plan


async def test_hand_out_uses_its_index(sqlite_store: Store) -> None:
    """The longest due of a district are found without reading the others."""
    query = (
        "EXPLAIN QUERY PLAN SELECT id FROM attempts WHERE state='planned' AND campaign_id='c'"
        " AND district='d' AND due_at<='2026' ORDER BY due_at, id LIMIT 5"
    )
    async with sqlite_store._db.read() as connection:
        steps = " ".join(str(row) for row in (await connection.execute(sa.text(query))).all())
    assert "ix_attempts_hand_out" in steps
