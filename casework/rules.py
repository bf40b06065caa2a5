"""When somebody may be called, and whether again. Pure: time comes in, decisions come out.

All times are timezone-aware; calling hours are those of ``core.clock.CHINA``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import chinese_calendar

from core.clock import CHINA
from core.types import Disposition

MORNING = (time(9, 0), time(12, 0))
AFTERNOON = (time(14, 0), time(18, 0))

MAX_ATTEMPTS = 3  # per person and campaign
MAX_CALLS_PER_DAY = 2  # per person, over all campaigns, by the local calendar day
MAX_CALLS_PER_WEEK = 4  # … in any seven days

# How long to wait before the next attempt; what is not listed is not tried again.
RETRY_AFTER: dict[Disposition, timedelta] = {
    Disposition.NO_ANSWER: timedelta(hours=3),
    Disposition.BUSY: timedelta(minutes=20),
    Disposition.REJECTED: timedelta(days=1),
    Disposition.POWERED_OFF: timedelta(days=1),
    Disposition.UNREACHABLE: timedelta(hours=3),
    Disposition.VOICEMAIL: timedelta(hours=4),
    Disposition.NO_SPEECH: timedelta(hours=4),
    Disposition.HUNG_UP: timedelta(days=1),
    Disposition.RELATIVE: timedelta(hours=4),
    Disposition.REFUSED: timedelta(days=7),
    Disposition.PARTIAL: timedelta(days=1),
    Disposition.CALLBACK: timedelta(days=1),  # when no time was understood
    Disposition.MEDIA_FAILED: timedelta(hours=1),
    Disposition.INTERRUPTED: timedelta(minutes=30),
    Disposition.FAILED: timedelta(hours=1),
}

# Days off that are the same every year, for years whose official calendar is not published yet.
_FIXED_HOLIDAYS = {(1, 1), (5, 1), (5, 2), (5, 3)} | {(10, day) for day in range(1, 8)}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which calls may begin: ``opens <= t < closes``."""

    opens: datetime
    closes: datetime


def is_workday(day: date) -> bool:
    """Return whether offices work on ``day``: holidays are off, make-up weekends count.

    For a year that the calendar does not cover yet, weekends and the fixed holidays are off.
    """
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED_HOLIDAYS


def windows_of(day: date) -> tuple[Window, ...]:
    """Return the calling hours of a local calendar day, in UTC; none on days off."""
    if not is_workday(day):
        return ()
    return tuple(
        Window(
            datetime.combine(day, opens, CHINA).astimezone(UTC),
            datetime.combine(day, closes, CHINA).astimezone(UTC),
        )
        for opens, closes in (MORNING, AFTERNOON)
    )


def window_at(now: datetime) -> Window | None:
    """Return the window that ``now`` lies in, if any."""
    for window in windows_of(now.astimezone(CHINA).date()):
        if window.opens <= now < window.closes:
            return window
    return None


def next_allowed(at: datetime) -> datetime:
    """Return the first moment from ``at`` on at which a call may begin, in UTC."""
    day = at.astimezone(CHINA).date()
    while True:
        for window in windows_of(day):
            if at < window.closes:
                return max(at.astimezone(UTC), window.opens)
        day += timedelta(days=1)


def next_attempt(
    disposition: Disposition,
    number: int,
    ended_at: datetime,
    *,
    callback_at: datetime | None = None,
    ignore_window: bool = False,
) -> datetime | None:
    """Return when to call again after attempt ``number`` (from 1); ``None``: never.

    A time that the person agreed to is kept if calling hours allow it, else it moves to the next
    hour that does; a time in the past counts as not understood.
    """
    delay = RETRY_AFTER.get(disposition)
    if delay is None or number >= MAX_ATTEMPTS:
        return None
    due = ended_at + delay
    if disposition is Disposition.CALLBACK and callback_at is not None and callback_at > ended_at:
        due = callback_at
    return due.astimezone(UTC) if ignore_window else next_allowed(due)


def within_budget(earlier: Iterable[datetime], now: datetime) -> bool:
    """Return whether one more call at ``now`` is fair to somebody called at the times ``earlier``."""
    today = now.astimezone(CHINA).date()
    week_ago = now - timedelta(days=7)
    recent = [at for at in earlier if week_ago < at <= now]
    of_today = sum(at.astimezone(CHINA).date() == today for at in recent)
    return of_today < MAX_CALLS_PER_DAY and len(recent) < MAX_CALLS_PER_WEEK


def budget_free_at(earlier: Iterable[datetime], now: datetime) -> datetime:
    """Return the first allowed moment from ``now`` on at which ``within_budget`` holds."""
    times = sorted(earlier)
    at = now
    while not within_budget(times, at):
        tomorrow = at.astimezone(CHINA).date() + timedelta(days=1)
        at = datetime.combine(tomorrow, MORNING[0], CHINA).astimezone(UTC)
    return next_allowed(at) if at != now else now


def callback_time(value: object) -> datetime | None:
    """Read the field ``callback_time`` (``{"said", "at"}``); ``None`` without a usable time."""
    at = value.get("at") if isinstance(value, dict) else None
    if not isinstance(at, str) or not at:
        return None
    try:
        parsed = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=CHINA)).astimezone(UTC)
