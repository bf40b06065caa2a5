"""Days, times of day and spans as people say them: ``听日三点后``, ``下个礼拜三``, ``做了两年``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.chinese.numbers import parse_number

_WEEK = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_DAYS = (
    ("大后天", 3),
    ("大后日", 3),
    ("后天", 2),
    ("后日", 2),
    ("明天", 1),
    ("明日", 1),
    ("听日", 1),
    ("聽日", 1),
    ("明早", 1),
    ("听朝", 1),
    ("明晚", 1),
    ("听晚", 1),
    ("今天", 0),
    ("今日", 0),
    ("今晚", 0),
    ("等下", 0),
    ("等阵", 0),
    ("一阵", 0),
    ("待会", 0),
    ("晚点", 0),
    ("迟啲", 0),
)
_PARTS = (
    ("凌晨", 6, 0),
    ("上午", 10, 0),
    ("朝早", 10, 0),
    ("早上", 10, 0),
    ("上昼", 10, 0),
    ("明早", 10, 0),
    ("听朝", 10, 0),
    ("中午", 12, 0),
    ("晏昼", 15, 12),
    ("下昼", 15, 12),
    ("下午", 15, 12),
    ("傍晚", 18, 12),
    ("下班", 18, 12),
    ("晚上", 19, 12),
    ("夜晚", 19, 12),
    ("今晚", 19, 12),
    ("明晚", 19, 12),
    ("听晚", 19, 12),
    ("夜", 19, 12),
)
_NUM = r"[\d一二两三四五六七八九十]{1,3}"
_WEEKDAY = re.compile(r"(下+个?|这个?|今个?|呢个?)?(?:星期|礼拜|周)([一二三四五六日天])")
_IN_DAYS = re.compile(rf"(?:过|隔)?({_NUM})(天|日|个?小时|个钟头?|个?(?:星期|礼拜|周)|分钟)(?:之?后)")
_DATE = re.compile(rf"(?:({_NUM})月)?({_NUM})[号日]")
_HOUR = re.compile(rf"({_NUM})(?:点|时(?!间))钟?(半|一刻|三刻|({_NUM})分?)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_AFTER = re.compile(r"以后|之后|后")
_SPAN = re.compile(rf"(半|{_NUM}|几)(?:个)?(年|月|星期|礼拜|周|天|日)(半)?(?:多|几)?")
_SINCE_DATE = re.compile(
    rf"(今年|去年|旧年|前年|上年|(?:19|20)\d\d年|[一二][零〇一二三四五六七八九]{{3}}年)?(?:的)?(?:({_NUM})月)?(?:份)?"
)
_FRESH = re.compile(r"刚刚|刚开始|啱啱|这个月|呢个月|最近|近排|今个月")


@dataclass(frozen=True, slots=True)
class Moment:
    """What was said, and when that is (in the zone of ``now``); ``None`` when it is not clear."""

    said: str
    at: datetime | None

    def as_value(self) -> dict[str, str | None]:
        """Return the value of the field ``callback_time``."""
        return {"said": self.said, "at": self.at.isoformat() if self.at else None}


def parse_moment(text: str, now: datetime) -> Moment | None:
    """Read a time to call back; ``None`` when nothing in ``text`` speaks of time."""
    relative = _IN_DAYS.search(text)
    if relative:
        amount = parse_number(relative.group(1)) or 1
        return Moment(text, now + _unit(relative.group(2), amount))
    day = _day(text, now)
    part = next(((hour, shift) for word, hour, shift in _PARTS if word in text), None)
    hour = _hour(text, part[1] if part else 0)
    if day is None and part is None and hour is None:
        return None
    base = day or now
    if hour is None:
        soon = any(word in text for word in ("等下", "等阵", "一阵", "待会", "晚点", "迟啲"))
        if soon and part is None:
            return Moment(text, now + timedelta(hours=2))
        hour = (part[0] if part else 10, 0)
    at = base.replace(hour=hour[0], minute=hour[1], second=0, microsecond=0)
    if at <= now and day is None:
        at += timedelta(days=1)
    return Moment(text, at if at > now else None)


def parse_since(text: str, now: datetime) -> str | None:
    """Read when something began, as ``YYYY-MM`` (``YYYY`` when no month was said)."""
    if _FRESH.search(text):
        return now.strftime("%Y-%m")
    if "上个月" in text or "上月" in text:
        return _months_before(now, 1)
    date = next((m for m in _SINCE_DATE.finditer(text) if m.group(1) or m.group(2)), None)
    if date:
        return _since_date(date, now)
    span = _SPAN.search(text)
    if span:
        amount = {"半": 0.5, "几": 3}.get(span.group(1)) or parse_number(span.group(1)) or 1
        amount += 0.5 if span.group(3) else 0
        months = {"年": 12.0, "月": 1.0}.get(span.group(2), 0.25 if span.group(2) not in "天日" else 1 / 30)
        return _months_before(now, round(amount * months))
    return None


def _since_date(date: re.Match[str], now: datetime) -> str:
    name = date.group(1) or ""
    month = parse_number(date.group(2)) if date.group(2) else None
    if name in ("去年", "旧年", "上年"):
        year = now.year - 1
    elif name == "前年":
        year = now.year - 2
    elif name and name != "今年":
        year = int(parse_number(name[:-1]) or now.year)
    else:
        year = now.year if not month or month <= now.month or name else now.year - 1
    return f"{year}-{int(month):02d}" if month and 1 <= month <= 12 else str(year)


def _months_before(now: datetime, months: int) -> str:
    index = now.year * 12 + now.month - 1 - months
    return f"{index // 12}-{index % 12 + 1:02d}"


def _unit(unit: str, amount: float) -> timedelta:
    if "分钟" in unit:
        return timedelta(minutes=amount)
    if "时" in unit or "钟" in unit:
        return timedelta(hours=amount)
    return timedelta(days=amount if unit in "天日" else 7 * amount)


def _day(text: str, now: datetime) -> datetime | None:
    weekday = _WEEKDAY.search(text)
    if weekday:
        ahead = _WEEK[weekday.group(2)] - now.weekday()
        if (weekday.group(1) or "").startswith("下") or ahead < 0:
            ahead += 7
        return now + timedelta(days=ahead)
    for word, ahead in _DAYS:
        if word in text:
            return now + timedelta(days=ahead)
    date = _DATE.search(text)
    if date:
        return _calendar_day(date, now)
    return None


def _calendar_day(date: re.Match[str], now: datetime) -> datetime | None:
    month = int(parse_number(date.group(1)) or 0) if date.group(1) else now.month
    day = int(parse_number(date.group(2)) or 0)
    try:
        found = now.replace(month=month, day=day)
        if found.date() < now.date():
            found = found.replace(year=now.year + 1) if date.group(1) else found.replace(month=month % 12 + 1)
    except ValueError:
        return None
    return found


def _hour(text: str, shift: int) -> tuple[int, int] | None:
    clock = _CLOCK.search(text)
    if clock and int(clock.group(1)) < 24 and int(clock.group(2)) < 60:
        return int(clock.group(1)), int(clock.group(2))
    match = _HOUR.search(text)
    if not match:
        return None
    hour = int(parse_number(match.group(1)) or 0)
    minute = {"半": 30, "一刻": 15, "三刻": 45}.get(match.group(2) or "")
    if minute is None:
        minute = int(parse_number(match.group(3)) or 0) if match.group(3) else 0
    if hour < 12 and (
        shift == 12 or (shift == 0 and 1 <= hour <= 7 and not re.search(r"早|朝|上午|凌晨", text))
    ):
        hour += 12  # 三点 without 早上 is the afternoon: nobody asks to be rung at 3 a.m.
    return (hour, minute) if hour < 24 and minute < 60 else None
