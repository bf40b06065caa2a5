"""Handovers in both databases, and the rules of waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from casework.handover.rules import Patience, answer_by, first_state, overdue
from casework.handover.tables import handovers, lines
from casework.handover.types import (
    Contact,
    Delivery,
    Handover,
    HandoverEnd,
    HandoverLine,
    HandoverRequest,
    HandoverState,
)
from casework.store import Store

# A Monday, ten o'clock in China.
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def request(number: int = 1, **changes: object) -> HandoverRequest:
    """A resident on the web asks for staff."""
    made = HandoverRequest(
        handover_id=f"hand_{number}",
        conversation_id=f"web_{number}",
        channel="web",
        message_id="m7",
        at=AT + timedelta(minutes=number),
        state=HandoverState.WAITING,
        district="天河区",
        summary="问了失业金怎么领。\n想请工作人员看材料。",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def _states(store: Store) -> list[tuple[str, str]]:
    every = await store.list_handovers(HandoverState)
    return [(each.handover_id, each.state.value) for each in every]


async def test_a_request_is_stored_once_and_lies_sealed(store: Store) -> None:
    """What was said is not readable in the tables; a repeat changes nothing."""
    assert await store.ask_for_staff(request())
    assert not await store.ask_for_staff(request(summary="另一段"))
    line = HandoverLine("1-0", AT, "resident", "我的电话是13800138000")
    await store.copy_lines("hand_1", [line], "1-0")

    found = await store.get_handover("hand_1")
    assert found is not None
    assert (found.summary, found.district, found.version, found.heeded) == (
        request().summary,
        "天河区",
        1,
        1,
    )
    async with store._db.read() as connection:
        rows = [
            *(await connection.execute(sa.select(handovers))),
            *(await connection.execute(sa.select(lines))),
        ]
    assert "失业金" not in str(rows)
    assert "13800138000" not in str(rows)


async def test_of_two_who_claim_at_once_one_gets_it(store: Store) -> None:
    """Twenty try in the same moment: one wins, and only they may write or end it."""
    await store.ask_for_staff(request())
    names = [f"staff{number}" for number in range(20)]
    won = await asyncio.gather(*(store.claim_handover("hand_1", name) for name in names))

    assert won.count(True) == 1
    winner, other = names[won.index(True)], names[won.index(False)]
    assert not await store.staff_says("hand_1", other, "stf_1", "您好")
    assert not await store.end_handover("hand_1", HandoverEnd.SETTLED, staff=other)
    assert not await store.end_handover("hand_1", HandoverEnd.WITHDRAWN)
    assert await store.staff_says("hand_1", winner, "stf_1", "您好")
    assert await store.end_handover("hand_1", HandoverEnd.RETURNED, staff=winner, note="材料齐了")
    ended = await store.get_handover("hand_1")
    assert ended is not None
    assert (ended.state, ended.end, ended.note, ended.version) == (
        HandoverState.CLOSED,
        "returned",
        "材料齐了",
        3,
    )
    assert not await store.claim_handover("hand_1", other)


async def test_queue_is_in_order_and_urgent_first(store: Store) -> None:
    """Who is in danger stands before who waits longest."""
    for number in (3, 1, 2):
        await store.ask_for_staff(request(number, urgent=number == 2))

    waiting = await store.list_handovers([HandoverState.WAITING])
    assert [each.handover_id for each in waiting] == ["hand_2", "hand_1", "hand_3"]
    assert await store.count_handovers() == {HandoverState.WAITING: 3}


async def test_a_line_of_staff_is_pending_until_the_door_has_it(store: Store) -> None:
    """A line pressed twice is one; the copy of the log adds no second; what has arrived stays so."""
    await store.ask_for_staff(request())
    await store.claim_handover("hand_1", "li.hua")
    for _ in range(2):
        assert await store.staff_says("hand_1", "li.hua", "stf_1", "请带身份证")
    (pending,) = await store.pending_lines()
    assert (pending.conversation_id, pending.channel, pending.line.text) == ("web_1", "web", "请带身份证")

    await store.note_delivery("stf_1", Delivery.QUEUED)
    assert await store.pending_lines() == ()
    await store.copy_lines(
        "hand_1",
        [HandoverLine("stf_1", AT, "staff", "请带身份证"), HandoverLine("9-0", AT, "resident", "好")],
        "9-0",
    )
    await store.note_delivery("stf_1", Delivery.SENT)
    await store.note_delivery("stf_1", "platform.window_closed")

    found = await store.handover_lines("hand_1")
    assert [(line.who, line.by, line.delivery) for line in found] == [
        ("staff", "li.hua", "sent"),
        ("resident", "", ""),
    ]
    handover = await store.get_handover("hand_1")
    assert handover is not None
    assert (handover.log_cursor, handover.resident_at) == ("9-0", AT)


async def test_a_message_becomes_a_task_and_goes_back_to_being_one(store: Store) -> None:
    """Nobody came; name and number are kept; who claims it and puts it back leaves the task."""
    await store.ask_for_staff(request())
    assert await store.take_message("hand_1")
    contact = Contact("想问失业金", "陈小明", "13800138000")
    assert await store.leave_task("hand_1", contact)
    assert not await store.leave_task("hand_1", Contact())
    assert await store.claim_handover("hand_1", "li.hua")
    assert await store.put_back("hand_1", "li.hua")

    task = await store.get_handover("hand_1")
    assert task is not None
    assert (task.state, task.contact, task.staff) == (HandoverState.TASK, contact, "")


async def test_doors_hear_of_each_change_until_they_have_heeded_it(store: Store) -> None:
    """A closed handover stays on the doors' list until they have told the resident."""
    await store.ask_for_staff(request())
    await store.claim_handover("hand_1", "li.hua")
    await store.end_handover("hand_1", HandoverEnd.SETTLED, staff="li.hua")
    (found,) = await store.handovers_for_doors()
    assert (found.version, found.heeded) == (3, 1)

    await store.heed("hand_1", 2)
    assert len(await store.handovers_for_doors()) == 1
    await store.heed("hand_1", 3)
    assert await store.handovers_for_doors() == ()
    assert [each.handover_id for each in await store.ended_handovers()] == ["hand_1"]


async def test_who_does_not_want_to_wait_leaves_the_queue(store: Store) -> None:
    """Put back after a silence, it waits again; then the resident withdraws."""
    await store.ask_for_staff(request())
    await store.claim_handover("hand_1", "li.hua")
    assert await store.put_back("hand_1")
    assert await store.end_handover("hand_1", HandoverEnd.WITHDRAWN)
    assert await _states(store) == [("hand_1", "closed")]


@pytest.mark.parametrize(
    ("at", "urgent", "state"),
    [
        (AT, False, HandoverState.WAITING),
        (AT, True, HandoverState.WAITING),
        (EVENING, False, HandoverState.TAKING),
        (SATURDAY, False, HandoverState.TAKING),
        (EVENING, True, HandoverState.TASK),
        (datetime(2026, 10, 1, 2, tzinfo=UTC), False, HandoverState.TAKING),  # a holiday
    ],
)
def test_after_hours_a_message_is_taken(at: datetime, urgent: bool, state: HandoverState) -> None:
    """Nobody is put into a queue that nobody looks at."""
    assert first_state(at, urgent=urgent) is state


def _handover(state: HandoverState, **changes: object) -> Handover:
    made = Handover("hand_1", "web_1", "web", "m1", AT, state, AT)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_silence_moves_a_handover_on() -> None:
    """Each kind of silence has its limit, and an answer in time resets it."""
    patience, minute = Patience(), timedelta(minutes=1)
    waiting = _handover(HandoverState.WAITING)
    assert overdue(waiting, AT + 9 * minute, patience) is None
    assert overdue(waiting, AT + 10 * minute, patience) is HandoverState.TAKING
    noon = AT + 2 * timedelta(hours=1)
    late = replace(waiting, since=noon - minute)
    assert overdue(late, noon, patience) is HandoverState.TAKING
    assert overdue(replace(late, urgent=True), noon, patience) is HandoverState.TASK

    active = _handover(HandoverState.ACTIVE)
    assert overdue(active, AT + 10 * minute, patience) is HandoverState.WAITING
    answered = replace(active, staff_at=AT + minute)
    assert overdue(answered, AT + 60 * minute, patience) is None
    again = replace(answered, resident_at=AT + 2 * minute)
    assert overdue(again, AT + 11 * minute, patience) is None
    assert overdue(again, AT + 12 * minute, patience) is HandoverState.WAITING

    taking = _handover(HandoverState.TAKING, resident_at=AT + 5 * minute)
    assert overdue(taking, AT + 19 * minute, patience) is None
    assert overdue(taking, AT + 20 * minute, patience) is HandoverState.TASK
    assert overdue(_handover(HandoverState.TASK), AT + timedelta(days=9), patience) is None


@pytest.mark.parametrize(
    ("at", "by"),
    [
        (datetime(2026, 11, 22, 23, 0, tzinfo=UTC), datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),  # before work
        (AT, datetime(2026, 11, 24, 10, 0, tzinfo=UTC)),
        (EVENING, datetime(2026, 11, 24, 10, 0, tzinfo=UTC)),
        (SATURDAY, datetime(2026, 11, 30, 10, 0, tzinfo=UTC)),
        (
            datetime(2026, 9, 30, 10, 30, tzinfo=UTC),
            datetime(2026, 10, 8, 10, 0, tzinfo=UTC),
        ),  # a long holiday
    ],
)
def test_promise_is_the_end_of_the_next_office_day(at: datetime, by: datetime) -> None:
    """A promise that staff can keep."""
    assert answer_by(at) == by
