"""The closed loop: a signal opens a case, answers fill its timeline, only an outcome closes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from casework.cases import rules
from casework.cases.types import Case, CaseFilter, CaseState, EventKind
from casework.keeping.erasure import Erasure
from casework.register.types import RegisteredPerson
from casework.store import Store
from casework.tasks import StaleLeader
from core.clock import VirtualClock
from core.errors import BadInput
from core.types import CallTask, Feedback, FeedbackOutcome, FieldValue, Result
from tests.casework.samples import CHEN, finished, intention, one_task

OPEN = CaseFilter(CaseState.OPEN)


async def helped(store: Store, clock: VirtualClock, *reasons: str, conversation: str = "web_1") -> Result:
    """A chat's result that asks for help."""
    result = replace(intention(conversation, clock.now()), needs_review=reasons or ("hardship_signal",))
    await store.save_result(result)
    return result


async def the_case(store: Store) -> Case:
    (case,) = (await store.list_cases(CaseFilter())).cases
    return case


def answer(result: Result, clock: VirtualClock, outcome: FeedbackOutcome, number: int = 1) -> Feedback:
    return Feedback(f"fb_{number}", result.result_id, outcome, "天河区", clock.now(), "已电话联系")


async def kinds(store: Store, case: Case) -> list[EventKind]:
    return [event.kind for event in await store.case_timeline(case.case_id)]


def test_which_results_ask_for_help(clock: VirtualClock) -> None:
    """Hardship, crisis, somebody asked for; our own doubts alone do not."""
    plain = intention("web_1", clock.now())
    assert rules.signals(plain) == ()
    assert rules.signals(replace(plain, needs_review=("low_confidence", "random_sample"))) == ()
    assert rules.signals(replace(plain, needs_review=("low_confidence", "crisis"))) == ("crisis",)
    hardship = {**plain.fields, "hardship": FieldValue(["残疾"], "我腿脚不便")}
    assert rules.signals(replace(plain, fields=hardship)) == ("hardship_signal",)
    training = {**plain.fields, "training_wish": FieldValue(True, "想学电工")}
    assert rules.signals(replace(plain, fields=training)) == ("training_wish",)


async def test_a_signal_opens_one_case_for_district_and_street(store: Store, clock: VirtualClock) -> None:
    """Of the person's own home, whatever was wished for; a repeat opens nothing, a second signal joins."""
    person = RegisteredPerson(CHEN.name, CHEN.address, district="越秀区", street="东山街道")
    await store.upsert_people([person])
    _, task, _ = await one_task(store, replace(CHEN, district="越秀区"))
    assert await store.begin_attempt(task, "w1", lease_ms=60_000)
    record, result = finished(task, clock.now(), hardship=["低保"])
    for _ in range(2):
        await store.save_call(record, result)
    case = await the_case(store)
    assert (case.district, case.street, case.reasons) == ("越秀区", "东山街道", ("hardship_signal",))
    assert case.subject == task.callee.person_id
    later = replace(result, result_id=f"res_{'1' * 24}", needs_review=("human_requested",))
    await store.save_result(later)
    case = await the_case(store)
    assert case.reasons == ("hardship_signal", "human_requested")
    assert await kinds(store, case) == [EventKind.OPENED, EventKind.SIGNAL]


async def test_signals_at_the_same_time_open_one_case(store: Store, clock: VirtualClock) -> None:
    """Two doors write about the same person at once."""
    results = [
        replace(intention(f"web_{n}", clock.now()), subject="web_1", needs_review=("complaint",))
        for n in range(6)
    ]
    await asyncio.gather(*(store.save_result(result) for result in results))
    assert len(await store.case_timeline((await the_case(store)).case_id)) == 6


async def test_answers_fill_the_timeline_and_only_an_outcome_closes(
    store: Store, clock: VirtualClock
) -> None:
    """Looked at, contacted, offered: open. Placed: closed, once, and what comes later is still noted."""
    result = await helped(store, clock)
    case = await the_case(store)
    for number, outcome in enumerate(
        (FeedbackOutcome.REVIEWED, FeedbackOutcome.CONTACTED, FeedbackOutcome.OFFERED)
    ):
        await store.save_feedback(answer(result, clock, outcome, number))
        assert (await the_case(store)).state is CaseState.OPEN
    assert (await the_case(store)).due_at == clock.now() + rules.CLOSE_WITHIN
    for number in (7, 7, 8):
        await store.save_feedback(answer(result, clock, FeedbackOutcome.PLACED, number))
    closed = await the_case(store)
    assert (closed.state, closed.outcome, closed.closed_at) == (CaseState.CLOSED, "placed", clock.now())
    expected = [EventKind.OPENED, *[EventKind.FEEDBACK] * 4, EventKind.CLOSED, EventKind.FEEDBACK]
    assert await kinds(store, case) == expected
    said = (await store.case_timeline(case.case_id))[1]
    assert (said.by, said.outcome, said.note) == ("天河区", "reviewed", "已电话联系")
    await helped(store, clock, conversation="web_1b")
    again = replace(intention("web_2", clock.now()), subject=closed.subject, needs_review=("complaint",))
    await store.save_result(again)
    assert closed.subject in {each.subject for each in (await store.list_cases(OPEN)).cases}


async def test_overdue_cases_rise_once_per_due_date(store: Store, clock: VirtualClock) -> None:
    """Street, district, city; an old leader raises nothing."""
    await helped(store, clock)
    old = await store.take_fence()
    fence = await store.take_fence()
    assert await store.raise_overdue(fence) == ()
    for level in (1, 2, 2):
        clock.advance_ms((rules.ANSWER_WITHIN + timedelta(minutes=1)).total_seconds() * 1000)
        (raised,) = await store.raise_overdue(fence)
        assert raised.level == level
        assert await store.raise_overdue(fence) == ()
    with pytest.raises(StaleLeader):
        await store.raise_overdue(old)
    case = await the_case(store)
    assert await kinds(store, case) == [EventKind.OPENED, *[EventKind.ESCALATED] * 3]


async def test_a_crisis_is_urgent_until_somebody_was_told(store: Store, clock: VirtualClock) -> None:
    """Also when it joins an open case."""
    await helped(store, clock, "complaint")
    assert await store.urgent_cases() == ()
    worse = replace(intention("web_9", clock.now()), subject="web_1", needs_review=("crisis",))
    await store.save_result(worse)
    (case,) = await store.urgent_cases()
    assert case.due_at == clock.now() + rules.URGENT_WITHIN
    await store.mark_alerted([case.case_id])
    assert await store.urgent_cases() == ()


async def test_lists_by_state_district_and_page(store: Store, clock: VirtualClock) -> None:
    """The most pressing first; a page goes on where the last ended."""
    for number in range(5):
        await helped(store, clock, conversation=f"web_{number}")
        clock.advance_ms(1000)
    page = await store.list_cases(OPEN, limit=2)
    rest = await store.list_cases(OPEN, limit=10, after=page.after)
    subjects = [case.subject for case in (*page.cases, *rest.cases)]
    assert subjects == [f"web_{n}" for n in range(5)]
    assert rest.after == ""
    assert (await store.list_cases(CaseFilter(district="海珠区"))).cases == ()
    assert len((await store.list_cases(CaseFilter(district="天河区"))).cases) == 5
    overdue = CaseFilter(
        overdue_at=clock.now() + rules.ANSWER_WITHIN - timedelta(seconds=3, milliseconds=500)
    )
    assert len((await store.list_cases(overdue)).cases) == 2
    with pytest.raises(BadInput):
        await store.list_cases(OPEN, after="cas_none")
    assert await store.get_case("cas_none") is None


async def _talked(store: Store, clock: VirtualClock, task: CallTask, status: str) -> Result:
    assert await store.begin_attempt(task, "w1", lease_ms=60_000)
    record, result = finished(task, clock.now(), employment_status=status, current_work="保洁")
    await store.save_call(record, result)
    return result


def _days(days: float) -> float:
    return timedelta(days=days).total_seconds() * 1000


async def test_people_in_work_are_asked_once_after_30_and_90_days(store: Store, clock: VirtualClock) -> None:
    """By calls that the ordinary rules hand out; saying so again plans nothing more."""
    _, task, fence = await one_task(store)
    await _talked(store, clock, task, "employed")
    clock.advance_ms(_days(29))
    assert await store.plan_check_ins(fence) == 0
    asked = []
    for days in (1, 60, 90, 90):
        clock.advance_ms(_days(days))
        await store.plan_check_ins(fence)
        tasks = await store.hand_out(fence, 5)
        for each in tasks:
            asked.append((each.campaign_id.partition("_")[2][:7], each.variables, each.callee.name))
            assert each.facts["current_work"] == "保洁"
            await _talked(store, clock, each, "employed")
        await store.finish_campaigns(fence)
    assert asked == [
        ("still30", {"check_in_days": "30"}, CHEN.name),
        ("still90", {"check_in_days": "90"}, CHEN.name),
    ]
    assert (await store.list_cases(CaseFilter())).cases == ()


async def test_who_lost_the_work_becomes_a_case_and_is_not_asked_again(
    store: Store, clock: VirtualClock
) -> None:
    """After 30 days out of work: a case; the question after 90 days is dropped."""
    _, task, fence = await one_task(store)
    await _talked(store, clock, task, "employed")
    clock.advance_ms(_days(30))
    assert await store.plan_check_ins(fence) == 1
    (again,) = await store.hand_out(fence, 5)
    await _talked(store, clock, again, "unemployed")
    assert (await the_case(store)).reasons == ("lost_work",)
    clock.advance_ms(_days(61))
    assert await store.plan_check_ins(fence) == 0


async def test_who_opted_out_is_not_asked(store: Store, clock: VirtualClock) -> None:
    """The do-not-call list holds for these calls too."""
    _, task, fence = await one_task(store)
    await _talked(store, clock, task, "employed")
    await store.add_do_not_call(task.callee.address, source="li.hua")
    clock.advance_ms(_days(30))
    assert await store.plan_check_ins(fence) == 1
    assert await store.hand_out(fence, 5) == ()


async def test_a_second_question_of_a_day_wakes_the_days_campaign(store: Store, clock: VirtualClock) -> None:
    """The day's campaign may have finished when the next person's question falls due."""
    _, task, fence = await one_task(store)
    _, other, fence = await one_task(store, replace(CHEN, name="王强", address="13800138009"))
    await _talked(store, clock, task, "employed")
    clock.advance_ms(3_600_000)
    await _talked(store, clock, other, "self_employed")
    clock.advance_ms(_days(30) - 3_600_000)
    for _ in range(2):
        assert await store.plan_check_ins(fence) == 1
        (asked,) = await store.hand_out(fence, 5)
        await _talked(store, clock, asked, "employed")
        await store.finish_campaigns(fence)
        clock.advance_ms(3_600_000)


async def test_an_erased_persons_case_is_closed_and_blank(store: Store, clock: VirtualClock) -> None:
    """The case still counts; whose it was, why, and what was noted is gone."""
    result = await helped(store, clock)
    await store.save_feedback(answer(result, clock, FeedbackOutcome.CONTACTED))
    erasure = store.part(Erasure)
    found = await erasure.find(await erasure.whose(result.subject))
    done = await erasure.erase(found, by="li.hua", reason="本人要求", files=0, entries=0)
    assert done.counts["cases"] == 1
    case = await the_case(store)
    assert (case.state, case.outcome, case.reasons) == (CaseState.CLOSED, "erased", ())
    assert result.subject not in case.subject
    assert [event.note for event in await store.case_timeline(case.case_id)] == ["", ""]
