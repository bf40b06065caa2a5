"""Numbers as people write and say them: ``3500``, ``三千五``, ``3千5``, ``1.2万``, ``四五千``."""

from __future__ import annotations

import re
from dataclasses import dataclass

DIGITS = {
    char: value
    for value, chars in enumerate(("零〇", "一", "二两", "三", "四", "五", "六", "七", "八", "九"))
    for char in chars
}
UNITS = {"十": 10, "百": 100, "千": 1000, "k": 1000, "K": 1000, "w": 10000, "万": 10000}
_SMALL = "零〇一二两三四五六七八九"
_TOKEN = re.compile(rf"(?:\d+(?:\.\d+)?|[{_SMALL}十百千万kKw])+")
_PAIR = re.compile(r"([一二两三四五六七八])([二三四五六七八九])([十百千万])")


@dataclass(frozen=True, slots=True)
class Number:
    """``low`` and ``high`` differ for ``四五千``; ``start`` and ``end`` are offsets in the text."""

    low: float
    high: float
    start: int
    end: int

    @property
    def value(self) -> float:
        """The lower bound."""
        return self.low


def find_numbers(text: str) -> list[Number]:
    """Return every number in ``text``, in order."""
    found = []
    for match in _TOKEN.finditer(text):
        number = _parse_range(match.group())
        if number is not None:
            found.append(Number(number[0], number[1], match.start(), match.end()))
    return found


def parse_number(text: str) -> float | None:
    """Return the value of ``text`` when all of it is one number."""
    parsed = _parse_range(text) if _TOKEN.fullmatch(text) else None
    return parsed[0] if parsed and parsed[0] == parsed[1] else None


def _parse_range(token: str) -> tuple[float, float] | None:
    pair = _PAIR.search(token)
    if pair and DIGITS[pair.group(2)] == DIGITS[pair.group(1)] + 1:
        low = _parse(token[: pair.start()] + pair.group(1) + token[pair.end(2) :])
        high = _parse(token[: pair.start()] + pair.group(2) + token[pair.end(2) :])
    else:
        low = high = _parse(token)
    return None if low is None or high is None else (low, high)


def _parse(token: str) -> float | None:
    parts = re.findall(r"\d+(?:\.\d+)?|.", token)
    if all(part in DIGITS for part in parts):
        return float("".join(str(DIGITS[part]) for part in parts))
    if len(parts) == 1 and parts[0][0].isdigit():
        return float(parts[0])
    return _with_units(parts)


def _with_units(parts: list[str]) -> float | None:
    total = section = 0.0
    current: float | None = None
    last_unit, gap = 1, False
    for part in parts:
        if part in UNITS:
            unit = UNITS[part]
            if unit == 10000:
                total += (section + (current or 0)) * unit if section or current else unit
                section = 0.0
            else:
                section += (1 if current is None else current) * unit
            current, last_unit, gap = None, unit, False
        elif part in "零〇":
            gap = True
        else:
            if current is not None:
                return None
            current = float(DIGITS[part]) if part in DIGITS else float(part)
    if current is not None:
        # 三千五 means 3500: a last bare digit counts tenths of the unit before it.
        short = last_unit > 10 and not gap and current < 10
        section += current * (last_unit / 10 if short else 1)
    return total + section
