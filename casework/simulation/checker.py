"""An independent auditor: reads the log of a simulation and counts what must never have happened.

Shares no code with what decides (no ``hours``, ``rules`` or ``permission`` function is called): it
works on seconds since 1970 at UTC+8 and on the calendar's own tables, and takes only the
definitions of the campaigns as data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from chinese_calendar import constants

from casework.simulation.drives import Drive, Setup
from casework.simulation.log import ENDINGS, ContactLog
from core.types import Disposition

KINDS = (
    "out_of_hours",
    "day_off",
    "do_not_call",
    "after_refusal",
    "budget_day",
    "budget_week",
    "budget_month",
    "two_calls_at_once",
    "too_many_attempts",
    "after_final_ending",
    "redial_too_early",
    "redial_too_often",
    "after_campaign_end",
    "too_many_lines",
)
_DAY_S = 86_400
_ZONE_S = 8 * 3600
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class _Row:
    drive: int
    number: int
    begun: int
    ended: int
    ending: Disposition


def check(
    log: ContactLog, setup: Setup, drives: Sequence[Drive], barred_until: Mapping[int, float], lines: int
) -> dict[str, int]:
    """Return how often each rule was broken; all zero when the log is clean.

    ``barred_until``: people on an imported list, and the time in seconds since 1970 at which
    their entry expires (``inf``: never).
    """
    found: Counter[str] = Counter()
    calendar = [_open_days(drive, setup) for drive in drives]
    order = sorted(range(len(log)), key=lambda row: (log.person[row], log.begun[row]))
    for person, rows in groupby(order, key=lambda row: log.person[row]):
        history = [
            _Row(log.drive[row], log.number[row], log.begun[row], log.ended[row], ENDINGS[log.ending[row]])
            for row in rows
        ]
        for row in history:
            _check_time(row, drives[row.drive], calendar[row.drive], found)
            found["do_not_call"] += row.begun < barred_until.get(person, float("-inf"))
        _check_budget([row.begun for row in history], setup, found)
        _check_history(history, drives, found)
    found["too_many_lines"] += _over_capacity(log, drives, lines)
    return {kind: found[kind] for kind in KINDS}


def _open_days(drive: Drive, setup: Setup) -> dict[int, tuple[tuple[int, int], ...]]:
    """Map each day (counted from 1970) to the spans, in seconds of the day, that the campaign has."""
    first = setup.start.toordinal()
    days: dict[int, tuple[tuple[int, int], ...]] = {}
    for ordinal in range(first, first + setup.days):
        day = date.fromordinal(ordinal)
        weekday = ordinal % 7  # ordinal 1 was a Monday
        weekday = weekday - 1 if weekday else 6
        spans = drive.policy.hours.week[weekday]
        if day in constants.workdays and weekday >= 5 and not spans:
            spans = drive.policy.hours.week[0]
        if day in constants.holidays:
            spans = ()
        days[ordinal - _EPOCH] = tuple((opens * 60, closes * 60) for opens, closes in spans)
    return days


def _check_time(
    row: _Row, drive: Drive, days: Mapping[int, tuple[tuple[int, int], ...]], found: Counter[str]
) -> None:
    day, second = divmod(row.begun + _ZONE_S, _DAY_S)
    spans = days.get(day, ())
    if not spans:
        found["day_off"] += 1
    elif not any(opens <= second < closes for opens, closes in spans):
        found["out_of_hours"] += 1
    if drive.policy.ends_at is not None and row.begun >= drive.policy.ends_at.timestamp():
        found["after_campaign_end"] += 1


def _check_budget(begun: Sequence[int], setup: Setup, found: Counter[str]) -> None:
    limits = setup.limits
    per_day = Counter((at + _ZONE_S) // _DAY_S for at in begun)
    found["budget_day"] += sum(count - limits.day for count in per_day.values() if count > limits.day)
    for kind, days, limit in (("budget_week", 7, limits.week), ("budget_month", 30, limits.month)):
        for index, at in enumerate(begun):
            within = index + 1 - bisect_right(begun, at - days * _DAY_S, 0, index + 1)
            found[kind] += within > limit


def _check_history(history: Sequence[_Row], drives: Sequence[Drive], found: Counter[str]) -> None:
    """Look at one person's contacts, in order of their beginnings."""
    last: dict[int, _Row] = {}
    endings: Counter[tuple[int, Disposition]] = Counter()
    free_at = float("-inf")
    refused_at = float("inf")
    for row in history:
        policy = drives[row.drive].policy
        found["after_refusal"] += row.begun >= refused_at
        if drives[row.drive].channel == "phone":
            found["two_calls_at_once"] += row.begun < free_at
            free_at = max(free_at, row.ended)
        found["too_many_attempts"] += row.number > policy.max_attempts
        before = last.get(row.drive)
        if before is not None:
            redial = policy.redial.get(before.ending)
            if redial is None or row.number != before.number + 1:
                found["after_final_ending"] += 1
            else:
                agreed = before.ending is Disposition.CALLBACK  # at the time that the person named
                wait = 0.0 if agreed else redial.delay.total_seconds()
                found["redial_too_early"] += row.begun < before.ended + wait
                found["redial_too_often"] += endings[row.drive, before.ending] > redial.times
        last[row.drive] = row
        endings[row.drive, row.ending] += 1
        if row.ending is Disposition.OPT_OUT:
            refused_at = min(refused_at, row.ended)


def _over_capacity(log: ContactLog, drives: Sequence[Drive], lines: int) -> int:
    """Count the calls that began while every line was taken."""
    calls = [row for row in range(len(log)) if drives[log.drive[row]].channel == "phone"]
    begins = sorted(log.begun[row] for row in calls)
    ends = sorted(log.ended[row] for row in calls)
    over, freed = 0, 0
    for begun, at in enumerate(begins, start=1):
        while freed < len(ends) and ends[freed] <= at:
            freed += 1
        over += begun - freed > lines
    return over
