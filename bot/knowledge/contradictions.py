"""Entries that say different things: of another entry's subject, of themselves, of when they hold. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.knowledge.numbers import stated

_TEXTS = ("summary", "eligibility", "amount", "how_to_apply", "materials", "deadline_or_period")
_MONEY = re.compile(r"(?<![\d.])(\d{3,6}(?:\.\d+)?)\s*元")
_NEAR = 14  # characters between a subject and the amount said of it
_SENTENCE = re.compile(r"[^。；;，,（）()\n]+")
_STOPPED = re.compile(r"^[^。；]{0,24}已(?:经)?(?:停止|停发|废止|失效)|不再受理|不再发放")
_MONTHS = Decimal(12)


def contradictions(files: Mapping[str, list[dict[str, Any]]], titles: Mapping[str, str]) -> Iterable[str]:
    """Yield ``entry: what it says and who says otherwise``; ``titles`` are the short ones by id."""
    entries = [raw for items in files.values() for raw in items]
    for raw in entries:
        yield from _of_itself(raw)
    subjects = {raw["id"]: _subject(titles.get(raw["id"], raw["title"])) for raw in entries}
    amounts = {raw["id"]: stated(text_of(raw)) for raw in entries}
    for raw in entries:
        for other, subject in subjects.items():
            if other != raw["id"] and subject:
                yield from _of_another(raw, other, subject, amounts[other])


def text_of(raw: Mapping[str, Any]) -> str:
    """All that an entry says to citizens, and its note."""
    parts = [raw.get(name, "") for name in (*_TEXTS, "title", "note")]
    return "\n".join("\n".join(part) if isinstance(part, list) else str(part) for part in parts)


def _of_another(
    raw: Mapping[str, Any], other: str, subject: str, allowed: frozenset[Decimal]
) -> Iterable[str]:
    for sentence in _SENTENCE.findall(text_of({**raw, "note": "", "title": ""})):
        at = sentence.find(subject)
        money = _MONEY.search(sentence, at + len(subject)) if at >= 0 else None
        if money and money.start() - at - len(subject) <= _NEAR and Decimal(money[1]) not in allowed:
            yield f"{raw['id']}: “{sentence.strip()[:40]}”, but {other} does not say {money[1]}"


def _of_itself(raw: Mapping[str, Any]) -> Iterable[str]:
    if raw["status"] == "current" and _STOPPED.search(raw["summary"]):
        yield f"{raw['id']}: status is current, but the summary says that it has stopped"
    own = stated(text_of(raw).replace("半年", "6个月"))
    for condition in _conditions(raw.get("conditions", ())):
        value = condition.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or not condition.get("unit"):
            continue
        number = Decimal(str(value))
        readings = {number, number / _MONTHS, number * _MONTHS, Decimal(100) - number}
        if not readings & own and number > 1:
            compared = f"{condition['field']} {condition['op']} {value}"
            yield f"{raw['id']}: condition {compared} stands in none of its texts"


def _conditions(items: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for item in items:
        groups = [item[mode] for mode in ("any", "all") if mode in item]
        if groups:
            yield from _conditions(groups[0])
        else:
            yield item


def _subject(title: str) -> str:
    """A title that can be found in another entry's sentence: the part that names the thing."""
    plain = re.sub(r"（[^）]*）|怎么办|怎么申请|标准|有哪些|能领吗", "", title)
    return plain if 4 <= len(plain) <= 12 else ""
