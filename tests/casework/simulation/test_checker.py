"""The auditor finds every kind of broken rule that is planted in a log, and nothing in a clean one."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta

import pytest

from casework.rules import DEFAULT_REDIAL, Limits, Policy, Redial
from casework.simulation.checker import KINDS, check
from casework.simulation.drives import Drive, Setup
from casework.simulation.log import ContactLog
from core.clock import CHINA
from core.types import Disposition

SETUP = Setup(people=10, days=40, start=date(2026, 9, 14))
ENDS = datetime(2026, 10, 20, tzinfo=CHINA)
BUSY = Disposition.BUSY
ONCE = {**DEFAULT_REDIAL, BUSY: Redial(timedelta(minutes=20), times=1)}
DRIVES = (
    Drive("甲", Policy(redial=ONCE, max_attempts=4, ends_at=ENDS), 1.0),
    Drive("乙", Policy(ends_at=ENDS), 1.0),
    Drive("丙", Policy(ends_at=ENDS), 1.0, channel="chat"),
)

# (when, person, drive, number, seconds, ending)
Contact = tuple[str, int, int, int, int, Disposition]
COMPLETED = Disposition.COMPLETED


def _found(*contacts: Contact, lines: int = 9, setup: Setup = SETUP) -> dict[str, int]:
    log = ContactLog()
    for when, person, drive, number, seconds, ending in contacts:
        begun = datetime.fromisoformat(f"2026-{when}").replace(tzinfo=CHINA)
        log.add((person, drive, number), begun, seconds, ending)
    never = float("inf")
    until = datetime(2026, 9, 21, 10, 0, tzinfo=CHINA).timestamp()
    counts = check(log, setup, DRIVES, {7: never, 8: until}, lines)
    assert tuple(counts) == KINDS
    return {kind: count for kind, count in counts.items() if count}


def test_a_clean_log_has_no_violation() -> None:
    """Redials in time, make-up workdays, an expired entry and two people at once are all in order."""
    assert (
        _found(
            ("09-14 09:00:00", 1, 0, 1, 30, BUSY),
            ("09-14 09:20:30", 1, 0, 2, 60, Disposition.NO_ANSWER),
            ("09-15 17:59:59", 1, 0, 3, 60, COMPLETED),
            ("09-14 09:00:00", 2, 0, 1, 90, Disposition.CALLBACK),
            ("09-14 09:30:00", 2, 0, 2, 90, COMPLETED),
            ("09-20 10:00:00", 3, 0, 1, 90, COMPLETED),
            ("10-10 14:00:00", 4, 0, 1, 90, COMPLETED),
            ("09-21 10:00:00", 8, 0, 1, 90, COMPLETED),
        )
        == {}
    )


@pytest.mark.parametrize(
    ("kind", "contacts"),
    [
        ("out_of_hours", [("09-14 08:59:59", 1, 0, 1, 9, COMPLETED)]),
        ("out_of_hours", [("09-14 12:00:00", 1, 0, 1, 9, COMPLETED)]),
        ("out_of_hours", [("09-14 18:00:00", 1, 2, 1, 0, COMPLETED)]),
        ("day_off", [("09-19 10:00:00", 1, 0, 1, 9, COMPLETED)]),
        ("day_off", [("09-25 10:00:00", 1, 0, 1, 9, COMPLETED)]),
        ("day_off", [("10-07 10:00:00", 1, 0, 1, 9, COMPLETED)]),
        ("do_not_call", [("10-19 10:00:00", 7, 0, 1, 9, COMPLETED)]),
        ("do_not_call", [("09-21 09:59:59", 8, 2, 1, 0, COMPLETED)]),
        (
            "after_refusal",
            [("09-14 10:00:00", 1, 0, 1, 60, Disposition.OPT_OUT), ("09-14 10:01:00", 1, 2, 1, 0, COMPLETED)],
        ),
        ("budget_day", [("09-14 09:00:00", 1, drive, 1, 0, COMPLETED) for drive in range(3)]),
        (
            "budget_week",
            [(f"09-{day} 10:00:00", 1, 2, 1, 0, COMPLETED) for day in (16, 17, 18)]
            + [("09-21 09:00:00", 1, 0, 1, 9, COMPLETED), ("09-22 10:00:00", 1, 1, 1, 9, COMPLETED)],
        ),
        (
            "two_calls_at_once",
            [("09-14 10:00:00", 1, 0, 1, 60, COMPLETED), ("09-14 10:00:59", 1, 1, 1, 60, COMPLETED)],
        ),
        (
            "too_many_attempts",
            [
                ("09-14 10:00:00", 1, 1, 3, 9, Disposition.NO_ANSWER),
                ("09-15 10:00:00", 1, 1, 4, 9, Disposition.NO_ANSWER),
            ],
        ),
        (
            "after_final_ending",
            [("09-14 10:00:00", 1, 0, 1, 60, COMPLETED), ("09-15 10:00:00", 1, 0, 2, 60, COMPLETED)],
        ),
        (
            "after_final_ending",
            [("09-14 10:00:00", 1, 0, 1, 60, BUSY), ("09-15 10:00:00", 1, 0, 1, 60, COMPLETED)],
        ),
        (
            "redial_too_early",
            [("09-14 10:00:00", 1, 0, 1, 60, BUSY), ("09-14 10:20:59", 1, 0, 2, 60, COMPLETED)],
        ),
        (
            "redial_too_often",
            [(f"09-{day} 10:00:00", 1, 0, day - 13, 60, BUSY) for day in (14, 15, 16)],
        ),
        ("after_campaign_end", [("10-20 09:00:00", 1, 0, 1, 9, COMPLETED)]),
    ],
)
def test_every_planted_violation_is_found_once(kind: str, contacts: list[Contact]) -> None:
    """A log with one broken rule counts that rule once and no other."""
    if kind == "budget_week":  # messages of one campaign repeat: only the budget is of interest here
        found = _found(*contacts)
        assert found["budget_week"] == 1
        assert set(found) <= {kind, "after_final_ending"}
    else:
        assert _found(*contacts) == {kind: 1}


def test_a_month_is_thirty_days_of_any_calendar() -> None:
    """With one contact a month, the thirtieth day is too early and the next one is not."""
    once = dataclasses.replace(SETUP, limits=Limits(month=1))
    first, second = ("09-14 10:00:00", 1, 0, 1, 9, COMPLETED), ("10-14 09:59:59", 1, 1, 1, 9, COMPLETED)
    assert _found(first, second, setup=once) == {"budget_month": 1}
    assert _found(first, ("10-14 10:00:00", *second[1:]), setup=once) == {}


def test_calls_beyond_the_lines_are_counted() -> None:
    """Three calls at once on two lines: one too many; a message needs no line."""
    calls = [("09-14 10:00:00", person, 0, 1, 60, COMPLETED) for person in (1, 2, 3)]
    message = ("09-14 10:00:30", 4, 2, 1, 0, COMPLETED)
    assert _found(*calls, message, lines=2) == {"too_many_lines": 1}
    assert _found(*calls, message, lines=3) == {}
