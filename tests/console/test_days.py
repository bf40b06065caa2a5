"""Days as staff write them."""

from __future__ import annotations

from datetime import date

import pytest

from console.days import Day, parse_day, recent_days


@pytest.mark.parametrize(
    "text", ["2026-11-02", "2026-11-2", "2026/11/02", "20261102", "2026年11月2日", " 2026.11.02 "]
)
def test_days_are_read_as_they_are_written(text: str) -> None:
    """Dashes, slashes, dots, nothing or Chinese characters between the numbers."""
    assert parse_day(text) == date(2026, 11, 2)


@pytest.mark.parametrize(
    "text", ["", "昨天", "2026-02-30", "0001-01-01", "9999-12-31", "11-02", "２０２６-11-02"]
)
def test_what_is_no_day_is_none(text: str) -> None:
    """Impossible days, far years and other digits filter nothing."""
    assert parse_day(text) is None


def test_recent_days_have_chinese_names() -> None:
    """Today comes first; every day says its weekday, across the end of a month."""
    days = recent_days(date(2026, 12, 1), 4)

    assert days[0] == Day("2026-12-01", "今天　周二")
    assert days[1] == Day("2026-11-30", "昨天　周一")
    assert days[3] == Day("2026-11-28", "周六")
