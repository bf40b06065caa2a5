"""Whether to try again and how often is fair. Pure: time comes in, decisions come out.

All times are timezone-aware; hours and holidays are those of ``casework.hours``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from casework.hours import OFFICE_HOURS, Hours, day_part, next_allowed, next_other_part
from core.clock import CHINA
from core.types import Disposition

MAX_ATTEMPTS = 3  # per person and campaign
_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Redial:
    """What follows a disposition: wait ``delay``, at most ``times`` times in one campaign.

    ``other_time``: in another part of the day than the attempt that ended.
    """

    delay: timedelta
    times: int = 9
    other_time: bool = False


def _redials() -> dict[Disposition, Redial]:
    hours = {
        Disposition.NO_ANSWER: 3.0,
        Disposition.BUSY: 1 / 3,
        Disposition.REJECTED: 24,
        Disposition.POWERED_OFF: 24,
        Disposition.UNREACHABLE: 3,
        Disposition.VOICEMAIL: 4,
        Disposition.NO_SPEECH: 4,
        Disposition.HUNG_UP: 24,
        Disposition.RELATIVE: 4,
        Disposition.REFUSED: 7 * 24,
        Disposition.PARTIAL: 24,
        Disposition.CALLBACK: 24,  # when no time was understood
        Disposition.MEDIA_FAILED: 1,
        Disposition.INTERRUPTED: 0.5,
        Disposition.FAILED: 1,
    }
    return {disposition: Redial(timedelta(hours=delay)) for disposition, delay in hours.items()}


# What is not listed is not tried again.
DEFAULT_REDIAL: Mapping[Disposition, Redial] = _redials()


@dataclass(frozen=True, slots=True)
class Policy:
    """How one campaign contacts people. ``ignore_window``: a rehearsal, without hours and budget."""

    hours: Hours = OFFICE_HOURS
    redial: Mapping[Disposition, Redial] = field(default_factory=lambda: DEFAULT_REDIAL)
    max_attempts: int = MAX_ATTEMPTS
    ends_at: datetime | None = None
    ignore_window: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over. ``same``: how many of this campaign's ended so, this one included.

    ``callback_at`` is a time that the person agreed to.
    """

    disposition: Disposition
    number: int
    at: datetime
    same: int = 1
    callback_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and when one person may be contacted, over all campaigns and channels.

    ``day`` counts the local calendar day, ``week`` any seven days, ``month`` any thirty. ``opens``
    and ``closes`` are the house's own hours (minutes of the day): outside them it is quiet,
    whatever hours a campaign has.
    """

    day: int = 2
    week: int = 4
    month: int = 8
    opens: int = 9 * 60
    closes: int = 20 * 60


LIMITS = Limits()


def next_attempt(ended: Ended, policy: Policy) -> datetime | None:
    """Return when to call again after ``ended``; ``None``: never.

    A time that the person agreed to is kept if calling hours allow it, else it moves to the next
    hour that does; a time in the past counts as not understood.
    """
    redial = policy.redial.get(ended.disposition)
    if redial is None or ended.number >= policy.max_attempts or ended.same > redial.times:
        return None
    due = ended.at + redial.delay
    agreed = ended.disposition is Disposition.CALLBACK and ended.callback_at is not None
    if agreed and ended.callback_at is not None and ended.callback_at > ended.at:
        due = ended.callback_at
    else:
        agreed = False
    if policy.ignore_window:
        due = due.astimezone(UTC)
    elif redial.other_time and not agreed:
        due = next_other_part(due, day_part(ended.at), policy.hours)
    else:
        due = next_allowed(due, policy.hours)
    return None if policy.ends_at is not None and due >= policy.ends_at else due


def counted(earlier: Iterable[datetime], now: datetime) -> tuple[int, int, int]:
    """Return how many of ``earlier`` fall on today, in the last seven and the last thirty days."""
    recent = [at for at in earlier if timedelta(0) <= now - at < _MONTH]
    if not recent:
        return 0, 0, 0
    today = now.astimezone(CHINA).date()
    of_today = sum(at.astimezone(CHINA).date() == today for at in recent)
    return of_today, sum(now - at < _WEEK for at in recent), len(recent)


def budget_broken(earlier: Iterable[datetime], now: datetime, limits: Limits = LIMITS) -> str:
    """Return which limit one more contact at ``now`` would break: ``day``, ``week``, ``month``, ``""``.

    ``earlier``: when the person was contacted before, in any order.
    """
    day, week, month = counted(earlier, now)
    if day >= limits.day:
        return "day"
    if week >= limits.week:
        return "week"
    return "month" if month >= limits.month else ""


def within_budget(earlier: Iterable[datetime], now: datetime, limits: Limits = LIMITS) -> bool:
    """Return whether one more contact at ``now`` is fair to somebody contacted at ``earlier``."""
    return not budget_broken(earlier, now, limits)


def budget_free_at(
    earlier: Iterable[datetime], now: datetime, limits: Limits = LIMITS, hours: Hours = OFFICE_HOURS
) -> datetime:
    """Return the first allowed moment from ``now`` on at which ``within_budget`` holds.

    Steps from day to day, so that nobody is called at the odd minute at which a week is over.
    """
    times = sorted(earlier)
    at = now
    while not within_budget(times, at, limits):
        midnight = at.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
        at = next_allowed(midnight + timedelta(days=1), hours)
    return at


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
