"""Wishes for pay, as a monthly range in yuan."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.chinese.numbers import Number, find_numbers
from bot.chinese.pinyin import closest

MONTHLY_DAYS = 21.75  # paid days a month, by which day rates are converted
MONTHLY_HOURS = 174.0
_FLOOR = re.compile(r"以上|起码|最少|至少|最低|不低于|唔少过|底薪")
_CEILING = re.compile(r"以下|以内|最多|不超过|至多")
_MORE = re.compile(r"^(?:多|几|来块|好几)")
_OPEN = re.compile(
    r"面议|随便|都可以|都得|冇所谓|无所谓|没要求|没有要求|不限|看着给|看情况|按规定|睇情况|你们定|公司定"
)
_DAILY = re.compile(r"一天|每天|一日|日结|/天|一工")
_HOURLY = re.compile(r"小时|个钟|时薪|每钟")
_YEARLY = re.compile(r"年薪|一年|每年")
_JOINED = re.compile(r"^\s*(?:到|至|-|~|—|、|或者?)\s*$")
_CLOCK = re.compile(r"^\s*(?:点|号|月|岁|年|天|日|个月|公里|区|路|楼|时|分|左右岁)")
_PER = re.compile(r"一(?=天|日|工|个钟|小时|年|个月)")
_AMOUNTS = (
    "一千",
    "两千",
    "三千",
    "四千",
    "五千",
    "六千",
    "七千",
    "八千",
    "九千",
    "一万",
    "两千五",
    "三千五",
    "四千五",
    "五千五",
    "六千五",
    "一万二",
    "一万五",
    "两万",
)


@dataclass(frozen=True, slots=True)
class Pay:
    """``low`` and ``high`` in yuan a month, ``None``: no bound; ``exact`` is false for a repair."""

    low: int | None
    high: int | None
    words: str
    confidence: float = 1.0

    def as_value(self) -> dict[str, int | str | None]:
        """Return the value of the field ``expected_pay``."""
        return {"min": self.low, "max": self.high, "unit": "yuan_per_month"}


def parse_pay(text: str, *, repair: bool = False) -> Pay | None:
    """Read a wish for pay; with ``repair``, amounts may be misheard (``是先`` for ``四千``)."""
    numbers = [
        number for number in find_numbers(_PER.sub("每", text)) if not _CLOCK.match(text[number.end :])
    ]
    numbers = _spread(text, numbers)
    scale, sure = _scale(text)
    smallest = 100 if scale == 1 else 8
    numbers = [number for number in numbers if number.high * max(scale, 1) >= smallest * max(scale, 1)]
    if numbers:
        return _bounded(text, numbers, scale, sure)
    if _OPEN.search(text):
        return Pay(None, None, text)
    if repair:
        likeness = closest(text, _AMOUNTS)
        if likeness:
            amount = int(find_numbers(likeness.candidate)[0].low)
            return Pay(amount, amount, text, round(0.7 - likeness.cost, 2))
    return None


def _scale(text: str) -> tuple[float, float]:
    if _HOURLY.search(text):
        return MONTHLY_HOURS, 0.6
    if _DAILY.search(text):
        return MONTHLY_DAYS, 0.6
    return (1 / 12, 0.7) if _YEARLY.search(text) else (1.0, 1.0)


def _spread(text: str, numbers: list[Number]) -> list[Number]:
    """Give the first of ``三到五千`` the unit of the second."""
    if len(numbers) >= 2 and _JOINED.match(text[numbers[0].end : numbers[1].start]):
        first, second = numbers[0], numbers[1]
        if first.low < 100 <= second.low:
            unit = 10000 if second.low >= 10000 else 1000 if second.low >= 1000 else 100
            first = Number(first.low * unit, first.high * unit, first.start, first.end)
        return [Number(first.low, second.high, first.start, second.end)]
    return numbers


def _bounded(text: str, numbers: list[Number], scale: float, sure: float) -> Pay:
    number = numbers[-1]  # of 不是三千是四千 the last is meant
    low, high = int(number.low * scale), int(number.high * scale)
    rest = text[number.end :]
    if _MORE.match(rest):
        unit = 10000 if number.low >= 10000 else 1000 if number.low >= 1000 else 100
        high = int((number.low + unit - number.low % unit) * scale)
    if _FLOOR.search(text):
        return Pay(low, None, text, sure)
    if _CEILING.search(text):
        return Pay(None, high, text, sure)
    return Pay(low, high, text, sure)
