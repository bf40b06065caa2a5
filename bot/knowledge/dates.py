"""Dates in an entry: how they are written for a citizen, and until when the text says it holds."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

_DATE = r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?"
_FULL = re.compile(_DATE)
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})(?:-(\d{2}))?(?!\d)")
# 至2026-12-31, 有效期到2025-12-31, 已于2022-12-31到期
_UNTIL = re.compile(r"(?:至|到|截止|截至|已于)\s*(\d{4})-(\d{2})(?:-(\d{2}))?")
_FROM_YEARS = re.compile(r"(\d{4})-(\d{2})-(\d{2})起(?:施行)?[，,]\s*有效期(\d+)年")


def written(text: str) -> str:
    """``2026-09-01`` as 2026年9月1日, ``2026-09`` as 2026年9月, ``2026`` as 2026年."""
    match = _FULL.match(text)
    if not match:
        return text
    rest = text[match.end() :]
    year, month, day = match.groups()
    return f"{year}年" + (f"{int(month)}月" if month else "") + (f"{int(day)}日" if day else "") + rest


def rewrite_dates(text: str) -> str:
    """``text`` with every ISO date in it written the Chinese way."""
    return _ISO.sub(lambda match: written(match[0]), text)


def end_date(text: str) -> date | None:
    """The last day that ``text`` (``deadline_or_period``) says its rule holds, or ``None``."""
    found = [_day(*match.groups()) for match in _UNTIL.finditer(text)]
    for match in _FROM_YEARS.finditer(text):
        year, month, day, years = (int(part) for part in match.groups())
        found.append(date(year + years, month, min(day, 28)) - timedelta(days=1))
    return max(found) if found else None


def _day(year: str, month: str, day: str | None) -> date:
    last = calendar.monthrange(int(year), int(month))[1]
    return date(int(year), int(month), min(int(day), last) if day else last)
