"""Calling hours, retries and the contact budget, checked on examples and on many made-up times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework import hours, rules
from core.clock import CHINA
from core.types import Disposition

times = st.datetimes(
    min_value=datetime(2025, 1, 1),
    max_value=datetime(2029, 12, 31),
    timezones=st.just(UTC),
)


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


TEN = _local("2026-11-23 10:00:00")


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-11-23 08:59:59", False),
        ("2026-11-23 09:00:00", True),
        ("2026-11-23 11:59:59", True),
        ("2026-11-23 12:00:00", False),
        ("2026-11-23 13:59:59", False),
        ("2026-11-23 14:00:00", True),
        ("2026-11-23 17:59:59", True),
        ("2026-11-23 18:00:00", False),
        ("2026-11-22 10:00:00", False),  # Sunday
        ("2026-10-01 10:00:00", False),  # National Day, a Thursday
        ("2026-10-10 10:00:00", True),  # a Saturday on which offices work
        ("2031-10-01 10:00:00", False),  # no calendar yet: the fixed holidays
        ("2031-09-30 10:00:00", True),
        ("2031-09-28 10:00:00", False),  # … and Sundays
    ],
)
def test_calling_hours(at: str, allowed: bool) -> None:
    """Working days from nine to six without lunch; holidays off, make-up Saturdays on."""
    assert (hours.window_at(_local(at)) is not None) is allowed


@given(times)
def test_the_next_allowed_moment_is_allowed_and_the_first(at: datetime) -> None:
    """next_allowed lies in a window, not before ``at``, and no earlier quarter of an hour would do."""
    found = hours.next_allowed(at)
    assert found >= at
    assert hours.window_at(found) is not None
    probe = at
    while probe < found:
        assert hours.window_at(probe) is None
        probe += timedelta(minutes=15)


@given(times)
def test_waiting_for_a_window_ends(at: datetime) -> None:
    """There is a window within twelve days, also around the Spring Festival."""
    assert hours.next_allowed(at) - at < timedelta(days=12)


@given(st.sampled_from(list(Disposition)), st.integers(1, 5), times, st.booleans())
def test_a_retry_is_later_allowed_and_limited(
    disposition: Disposition, number: int, ended: datetime, ignore: bool
) -> None:
    """A next attempt comes after the last one, within hours unless they are ignored, and not for ever."""
    policy = rules.Policy(ignore_window=ignore)
    due = rules.next_attempt(rules.Ended(disposition, number, ended), policy)
    if disposition not in rules.DEFAULT_REDIAL or number >= rules.MAX_ATTEMPTS:
        assert due is None
        return
    assert due is not None
    assert due >= ended + rules.DEFAULT_REDIAL[disposition].delay
    assert ignore or hours.window_at(due) is not None


@pytest.mark.parametrize(
    "disposition",
    [
        Disposition.COMPLETED,
        Disposition.OPT_OUT,
        Disposition.WRONG_NUMBER,
        Disposition.EMPTY_NUMBER,
        Disposition.SUSPENDED,
        Disposition.TRANSFERRED,
    ],
)
def test_some_endings_are_final(disposition: Disposition) -> None:
    """Done, refused for good or a dead number: nobody is called again."""
    assert rules.next_attempt(rules.Ended(disposition, 1, TEN), rules.Policy()) is None


def test_an_agreed_time_moves_only_into_calling_hours() -> None:
    """Tomorrow at three is kept; tonight at eight becomes tomorrow at nine; the past is not believed."""
    ended = _local("2026-11-23 10:00:00")

    def due(at: str) -> datetime | None:
        callback = rules.Ended(Disposition.CALLBACK, 1, ended, callback_at=_local(at))
        return rules.next_attempt(callback, rules.Policy())

    assert due("2026-11-24 15:00:00") == _local("2026-11-24 15:00:00")
    assert due("2026-11-23 20:00:00") == _local("2026-11-24 09:00:00")
    assert due("2026-11-20 15:00:00") == _local("2026-11-24 10:00:00")


@given(st.lists(times, max_size=12), times)
def test_the_budget_holds_whatever_happened_before(earlier: list[datetime], now: datetime) -> None:
    """At the moment that budget_free_at names, one more call keeps both limits, inside calling hours."""
    at = rules.budget_free_at(earlier, now)
    assert at >= now
    assert rules.within_budget(earlier, at)
    if at != now:
        assert hours.window_at(at) is not None
    calls = [*(t for t in earlier if t <= at), at]
    of_day = [t for t in calls if t.astimezone(CHINA).date() == at.astimezone(CHINA).date()]
    assert len(of_day) <= max(rules.LIMITS.day, len(of_day) - 1 if at == now else 0)


def test_the_budget_counts_local_days_and_a_rolling_week() -> None:
    """Two a day and four in seven days are fair; one more is not; the limits end when their time does."""
    ten = _local("2026-11-23 10:00:00")
    assert rules.within_budget([], ten)
    assert rules.within_budget([ten - timedelta(hours=1)], ten)
    assert not rules.within_budget([ten - timedelta(hours=1)] * 2, ten)
    assert rules.within_budget([ten - timedelta(hours=12)] * 2, ten)
    days = [ten - timedelta(days=n) for n in (1, 2, 3, 4)]
    assert not rules.within_budget(days, ten)
    assert rules.within_budget(days[:3], ten)
    assert rules.within_budget(days, ten + timedelta(days=3, minutes=1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"said": "三点", "at": "2026-11-24T15:00:00+08:00"}, "2026-11-24T07:00:00+00:00"),
        ({"said": "三点", "at": "2026-11-24T15:00:00"}, "2026-11-24T07:00:00+00:00"),
        ({"said": "改天", "at": None}, None),
        ({"said": "改天", "at": "改天"}, None),
        ({"said": "改天"}, None),
        ("明天", None),
        (None, None),
    ],
)
def test_callback_times_are_read_with_care(value: object, expected: str | None) -> None:
    """A time without a zone is China's; what is no time is no time."""
    found = rules.callback_time(value)
    assert (found.isoformat() if found else None) == expected


def test_the_window_of_a_day_off_is_empty() -> None:
    """windows_of gives two windows on a working day and none on a day off."""
    assert len(hours.windows_of(date(2026, 11, 23))) == 2
    assert hours.windows_of(date(2026, 11, 22)) == ()
