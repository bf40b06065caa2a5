"""A campaign's plan as staff write it (YAML) → ``CampaignPlan``, every mistake named. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import yaml

from casework.hours import Hours, Span, next_allowed, within
from casework.plans import Audience, CampaignPlan, Guard, Variant
from casework.rules import LIMITS, Limits, Redial
from core.clock import CHINA
from core.codec import from_plain
from core.errors import BadInput
from core.titles import DISPOSITIONS
from core.types import Disposition

MAX_BYTES = 100_000
_DAYS = {name: index for index, name in enumerate("一二三四五六日")} | {"天": 6}
_ENGLISH = {name: i for i, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*[-–至]\s*(\d{1,2}):(\d\d)")  # as typed by people
_DELAY = re.compile(r"(\d+(?:\.\d+)?)\s*(m|h|d|分钟|小时|天)")
_UNITS = {"m": 1, "分钟": 1, "h": 60, "小时": 60, "d": 1440, "天": 1440}
_CALLER = re.compile(r"\+?[0-9]{3,20}")
_RANGES = ("months_unemployed", "age", "graduate_years")
_REGISTER = frozenset({"street", "graduate_year", "education", "registered_on", "birth_year"})
_OPEN_END = 9999


def read_plan_file(data: bytes, now: datetime, limits: Limits = LIMITS) -> tuple[str, CampaignPlan]:
    """Return the campaign's name (may be empty) and its plan.

    Raises ``BadInput`` naming the key: unknown, of the wrong kind, or contradictory with the
    others, the house's hours (``limits``) or the time ``now``.
    """
    content = dict(_load(data))
    name = content.pop("name", "")
    if not isinstance(name, str):
        raise BadInput("plan: name: not a text")
    values: dict[str, Any] = {}
    for key, value in content.items():
        reader = _READERS.get(key)
        if reader is None:
            raise BadInput(f"plan: unknown key {str(key)[:40]}", hint=f"known: {', '.join(_READERS)}")
        try:
            values["ends_at" if key == "ends" else key] = reader(value)
        except (ValueError, TypeError) as error:
            raise BadInput(f"plan: {key}: {error}") from None
        except BadInput as error:
            raise BadInput(f"plan: {key}: {error}") from None
    plan = CampaignPlan(**values)
    _check(plan, now, limits)
    return name, plan


def _load(data: bytes) -> Mapping[Any, Any]:
    if len(data) > MAX_BYTES:
        raise BadInput("the plan is too large")
    try:
        content = yaml.safe_load(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError):
        raise BadInput("the plan is not YAML in UTF-8", hint="docs/campaigns.md shows one") from None
    if not isinstance(content, dict):
        raise BadInput("the plan is not a list of keys and values", hint="docs/campaigns.md shows one")
    return content


def _hours(value: Any) -> Hours:
    if not isinstance(value, dict) or not value:
        raise ValueError("needs days and spans, such as 周一至周五: 09:00-12:00, 14:00-18:00")
    week: list[tuple[Span, ...]] = [()] * 7
    for days, spans in value.items():
        for day in _days(str(days)):
            if week[day]:
                raise ValueError(f"{str(days)[:20]}: this day is named twice")
            week[day] = _spans(str(spans))
    return Hours(tuple(week))


def _days(text: str) -> list[int]:
    ends = [_day(part) for part in re.split(r"[-–至]", text.replace(" ", ""))]
    if len(ends) > 2 or ends[0] > ends[-1]:
        raise ValueError(f"{text[:20]}: no days of a week, Monday first")
    return list(range(ends[0], ends[-1] + 1))


def _day(text: str) -> int:
    found = _ENGLISH.get(text.lower()[:3])
    if found is None:
        found = _DAYS.get(text.removeprefix("周").removeprefix("星期"))
    if found is None:
        raise ValueError(f"{text[:20]}: no day of the week")
    return found


def _spans(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for part in re.split(r"[,，、;；]", text):
        match = _SPAN.fullmatch(part.strip())
        if not match:
            raise ValueError(f"{part.strip()[:20]}: no span such as 09:00-12:00")
        opens, closes = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
        if int(match[2]) > 59 or int(match[4]) > 59 or not 0 <= opens < closes <= 24 * 60:
            raise ValueError(f"{part.strip()[:20]}: ends before it begins, or is no time of a day")
        spans.append((opens, closes))
    spans.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise ValueError("two spans of a day overlap")
    return tuple(spans)


_FINAL = {Disposition.OPT_OUT, Disposition.WRONG_NUMBER, Disposition.DECEASED, Disposition.EMPTY_NUMBER}


def _redial(value: Any) -> dict[Disposition, Redial]:
    if not isinstance(value, dict):
        raise ValueError("needs dispositions and rules")
    by_title = {title: disposition for disposition, title in DISPOSITIONS.items()}
    rules: dict[Disposition, Redial] = {}
    for key, rule in value.items():
        try:
            disposition = by_title.get(str(key)) or Disposition(str(key))
        except ValueError:
            raise ValueError(f"{str(key)[:30]}: no disposition") from None
        rules[disposition] = _rule(rule, str(key))
    final = _FINAL & set(rules)
    if any(rules[each].times for each in final):
        raise ValueError("somebody who refused, or a wrong number, is never called again")
    return rules


def _rule(rule: Any, key: str) -> Redial:
    if rule in ("never", "不再呼叫"):
        return Redial(timedelta(0), times=0)
    if not isinstance(rule, dict) or set(rule) - {"delay", "times", "other_time"}:
        raise ValueError(f"{key}: needs delay, times and other_time, or never")
    match = _DELAY.fullmatch(str(rule.get("delay", "")).strip())
    if not match:
        raise ValueError(f"{key}: delay: such as 20m, 3h or 1d")
    delay = timedelta(minutes=float(match[1]) * _UNITS[match[2]])
    times = from_plain(rule.get("times", 9), int)
    if not timedelta(minutes=5) <= delay <= timedelta(days=90) or not 0 <= times <= 9:
        raise ValueError(f"{key}: a delay of 5 minutes to 90 days, up to 9 times")
    return Redial(delay, times, from_plain(rule.get("other_time", False), bool))


def _variants(value: Any) -> tuple[Variant, ...]:
    variants = _strict(value, list[Variant], {"name", "weight", "script"})
    names = [each.name for each in variants]
    if len(set(names)) < len(names) or not all(0 < len(name) <= 40 for name in names):
        raise ValueError("variants need different names of up to 40 characters")
    if any(not 0 < each.weight <= 1_000_000 for each in variants):
        raise ValueError("weights are above zero")
    return tuple(variants)


def _guard(value: Any) -> Guard | None:
    if value in (False, "off", None):
        return None
    guard: Guard = _strict(value, Guard, {"rate", "minutes", "minimum"})
    if not 0 < guard.rate <= 1 or not 1 <= guard.minutes <= 1440 or guard.minimum < 1:
        raise ValueError("a rate above 0 up to 1, 1 to 1440 minutes, a minimum of calls")
    return guard


def _audience(value: Any) -> Audience:
    if not isinstance(value, dict):
        raise ValueError("needs keys and values")
    cleaned = dict(value)
    for key in _RANGES:
        if cleaned.get(key) is not None:
            cleaned[key] = _range(cleaned[key], key)
    for key in ("districts", "streets", "hardship", "education"):
        if isinstance(cleaned.get(key), str):
            cleaned[key] = [cleaned[key]]
    audience: Audience = _strict(cleaned, Audience, set(Audience.__dataclass_fields__))
    if audience.not_contacted_days < 0:
        raise ValueError("not_contacted_days: below zero")
    return audience


def _range(value: Any, key: str) -> list[int]:
    match = re.fullmatch(r"(\d*)\s*-\s*(\d*)", str(value)) if isinstance(value, str) else None
    if match:
        ends = [int(match[1] or 0), int(match[2] or _OPEN_END)]
    elif isinstance(value, list) and len(value) == 2:
        ends = [from_plain(value[0] or 0, int), from_plain(value[1] or _OPEN_END, int)]
    else:
        ends = [from_plain(value, int)] * 2
    if not 0 <= ends[0] <= ends[1]:
        raise ValueError(f"{key}: from small to large, such as 6-24 or 6-")
    return ends


def _ends(value: Any) -> datetime:
    """The last day of the campaign is a whole day."""
    day = value if isinstance(value, date) and not isinstance(value, datetime) else None
    if day is None:
        day = date.fromisoformat(str(value))
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=CHINA)


def _register_variables(value: Any) -> Mapping[str, str]:
    wanted = from_plain(value, dict[str, str])
    if set(wanted.values()) - _REGISTER:
        raise ValueError(f"known columns of the register: {', '.join(sorted(_REGISTER))}")
    return wanted


def _callers(value: Any) -> tuple[str, ...]:
    callers = tuple(from_plain(value, list[str]))
    if not all(_CALLER.fullmatch(caller) for caller in callers):
        raise ValueError("numbers of 3 to 20 digits, in quotation marks")
    return callers


def _strict(value: Any, kind: Any, keys: set[str]) -> Any:
    """Convert, and refuse keys that would be overlooked in silence."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and set(item) - keys:
            raise ValueError(f"unknown key {str(min(set(item) - keys))[:40]}")
    return from_plain(value, kind)


def _number(kind: type[Any], low: float, high: float) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        number = from_plain(value, kind)
        if not low <= number <= high:
            raise ValueError(f"{low:g} to {high:g}")
        return number

    return read


def _check(plan: CampaignPlan, now: datetime, limits: Limits) -> None:
    """Refuse plans under which nobody could ever be called."""
    try:
        opens = next_allowed(now, within(plan.hours, limits.opens, limits.closes))
    except ValueError:
        raise BadInput(
            "plan: hours: nothing of them lies within the house's own hours", hint="nuanye contacts limits"
        ) from None
    if plan.ends_at is not None and plan.ends_at <= opens:
        raise BadInput("plan: ends: the campaign would end before its hours first open")


_READERS: dict[str, Callable[[Any], Any]] = {
    "script": lambda value: from_plain(value, str),
    "variants": _variants,
    "variables": lambda value: from_plain(value, dict[str, str]),
    "register_variables": _register_variables,
    "hours": _hours,
    "redial": _redial,
    "max_attempts": _number(int, 1, 10),
    "priority": _number(int, 1, 9),
    "max_lines": _number(int, 0, 100_000),
    "calls_per_second": _number(float, 0, 1000),
    "callers": _callers,
    "ends": _ends,
    "guard": _guard,
    "audience": _audience,
}
