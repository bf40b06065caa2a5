"""Days as staff write and read them, whatever language their browser speaks. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

# For an input's ``pattern``; the groups are year, month and day.
DAY_PATTERN = r"(\d{4})[\-\/.年]?(\d{1,2})[\-\/.月]?(\d{1,2})日?"
_WEEKDAYS = "一二三四五六日"
_NAMES = ("今天", "昨天", "前天")


@dataclass(frozen=True, slots=True)
class Day:
    """A day to choose: ``code`` is ``2026-11-22``, ``name`` what it is called."""

    code: str
    name: str


def recent_days(today: date, count: int = 14) -> Sequence[Day]:
    """List the latest days, today first."""
    days = [today - timedelta(days=back) for back in range(count)]
    return tuple(
        Day(
            day.isoformat(),
            f"{_NAMES[back] if back < len(_NAMES) else ''}　周{_WEEKDAYS[day.weekday()]}".strip(),
        )
        for back, day in enumerate(days)
    )


def parse_day(text: str) -> date | None:
    """Read ``2026-11-22``, ``2026/11/22``, ``20261122`` or ``2026年11月22日``; ``None`` for anything else."""
    found = re.fullmatch(DAY_PATTERN, text.strip(), re.ASCII)
    if found is None:
        return None
    try:
        day = date(*map(int, found.groups()))
    except ValueError:
        return None
    # Years at the ends of the calendar cannot be moved to UTC, nor to the next day.
    return day if 2000 <= day.year <= 2999 else None
