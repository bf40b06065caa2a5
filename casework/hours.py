"""The weekly hours in which contacts may begin, over the official calendar of China. Pure.

Minutes count from local midnight in ``core.clock.CHINA`` (no daylight saving); spans are
``opens <= t < closes``. Statutory holidays are always off; a make-up workday at a weekend has the
hours of that weekday or, if it has none, those of a Monday.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import chinese_calendar

from core.clock import CHINA

Span = tuple[int, int]

_AFTERNOON_AT = 12 * 60
_EVENING_AT = 17 * 60
_LOOK_AHEAD_DAYS = 400

# Days off that are the same every year, for years whose official calendar is not published yet.
_FIXED_HOLIDAYS = {(1, 1), (5, 1), (5, 2), (5, 3)} | {(10, day) for day in range(1, 8)}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which contacts may begin: ``opens <= t < closes``, in UTC."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of minutes per weekday, Monday first; a lunch break is the gap between two spans."""

    week: tuple[tuple[Span, ...], ...]


_OFFICE_DAY: tuple[Span, ...] = ((9 * 60, 12 * 60), (14 * 60, 18 * 60))
OFFICE_HOURS = Hours((_OFFICE_DAY,) * 5 + ((),) * 2)


@lru_cache(maxsize=256)
def within(hours: Hours, opens: int, closes: int) -> Hours:
    """Return ``hours`` cut to the minutes from ``opens`` to ``closes`` of each day."""
    return Hours(
        tuple(
            tuple((max(a, opens), min(b, closes)) for a, b in spans if max(a, opens) < min(b, closes))
            for spans in hours.week
        )
    )


def minute_of(at: datetime) -> int:
    """Return the minute of the local day."""
    local = at.astimezone(CHINA)
    return local.hour * 60 + local.minute


def is_workday(day: date) -> bool:
    """Return whether offices work on ``day``: holidays are off, make-up weekends count.

    For a year that the calendar does not cover yet, weekends and the fixed holidays are off.
    """
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED_HOLIDAYS


def is_holiday(day: date) -> bool:
    """Return whether ``day`` belongs to a statutory holiday; an ordinary weekend does not."""
    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return (day.month, day.day) in _FIXED_HOLIDAYS
    return bool(off and name)


def spans_of(day: date, hours: Hours) -> tuple[Span, ...]:
    """Return the spans of a calendar day, in minutes of that day; none when it is off."""
    if is_holiday(day):
        return ()
    spans = hours.week[day.weekday()]
    return hours.week[0] if not spans and day.weekday() > 4 and is_workday(day) else spans


@lru_cache(maxsize=4096)
def windows_of(day: date, hours: Hours = OFFICE_HOURS) -> tuple[Window, ...]:
    """Return the windows of a local calendar day, in UTC; none on days off."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA).astimezone(UTC)
    return tuple(
        Window(midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes))
        for opens, closes in spans_of(day, hours)
    )


def window_at(now: datetime, hours: Hours = OFFICE_HOURS) -> Window | None:
    """Return the window that ``now`` lies in, if any."""
    for window in windows_of(now.astimezone(CHINA).date(), hours):
        if window.opens <= now < window.closes:
            return window
    return None


def windows_from(at: datetime, hours: Hours = OFFICE_HOURS) -> Iterator[Window]:
    """Yield the windows that have not closed at ``at``, the current one first, for about a year."""
    first = at.astimezone(CHINA).date()
    for ahead in range(_LOOK_AHEAD_DAYS):
        for window in windows_of(first + timedelta(days=ahead), hours):
            if at < window.closes:
                yield window


def next_allowed(at: datetime, hours: Hours = OFFICE_HOURS) -> datetime:
    """Return the first moment from ``at`` on at which a contact may begin, in UTC.

    Raises ``ValueError`` for hours that never open.
    """
    for window in windows_from(at, hours):
        return max(at.astimezone(UTC), window.opens)
    raise ValueError("these hours never open")


def day_part(at: datetime) -> int:
    """Return 0 before noon, 1 in the afternoon, 2 from five o'clock on, local time."""
    minute = minute_of(at)
    return (minute >= _AFTERNOON_AT) + (minute >= _EVENING_AT)


def next_other_part(at: datetime, part: int, hours: Hours = OFFICE_HOURS) -> datetime:
    """Return the first allowed moment from ``at`` on in another part of the day than ``part``.

    Hours that open in one part of the day only have no other one: then any allowed moment does.
    """
    for window in windows_from(at, hours):
        moment = max(at.astimezone(UTC), window.opens)
        if day_part(moment) != part:
            return moment
        local = moment.astimezone(CHINA)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for minute in (_AFTERNOON_AT, _EVENING_AT):
            boundary = (midnight + timedelta(minutes=minute)).astimezone(UTC)
            if moment < boundary < window.closes:
                return boundary
        if moment - at > timedelta(days=14):
            break
    return next_allowed(at, hours)
