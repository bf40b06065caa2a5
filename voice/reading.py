"""Pure: how written Chinese is said. Digits become words, symbols become speech or pauses.

Nothing here knows an engine; ``voice.pronounce`` turns the result into syllables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_DIGITS = "零一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_SECTIONS = ("", "万", "亿", "万亿")
# Telephone style: 1 is said yao, and runs of digits are said one by one.
_SPELLED = str.maketrans("0123456789", "零幺二三四五六七八九")

PAUSE_FULL_MS = 320
PAUSE_SHORT_MS = 150
_LONGEST_CLAUSE = 40


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch that is said in one breath, and the pause after it in ms."""

    text: str
    pause_ms: int


def number(value: int) -> str:
    """Say a non-negative whole number: 5000 → 五千, 12 → 十二, 10086 → 一万零八十六, 2500 → 两千五百."""
    if value == 0:
        return "零"
    sections: list[str] = []
    rest, index = value, 0
    while rest:
        rest, section = divmod(rest, 10_000)
        if section:
            said = _section(section)
            gap = rest and section < 1000
            sections.append(("零" if gap else "") + said + _SECTIONS[index])
        elif sections and rest % 10 and not sections[-1].startswith("零"):
            sections[-1] = "零" + sections[-1]
        index += 1
    said = "".join(reversed(sections))
    said = said.removeprefix("一") if said.startswith("一十") else said
    return re.sub(r"二(?=千|万|亿)(?<!十二)(?<!百二)", "两", said)


def _section(value: int) -> str:
    said, zero = "", False
    for power in range(3, -1, -1):
        digit = value // 10**power % 10
        if digit:
            said += ("零" if zero and said else "") + _DIGITS[digit] + _UNITS[power]
            zero = False
        else:
            zero = True
    return said


def decimal(text: str) -> str:
    """Say digits with an optional decimal point: "0.5" → 零点五."""
    whole, _, fraction = text.partition(".")
    said = number(int(whole)) if len(whole) <= 12 else spelled(whole)
    return said + ("点" + "".join(_DIGITS[int(digit)] for digit in fraction) if fraction else "")


def spelled(digits: str) -> str:
    """Say digits one by one, as in telephone numbers: 12333 → 幺二三三三."""
    return digits.translate(_SPELLED)


def _phone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match.group())
    groups = (digits[:3], digits[3:7], digits[7:]) if digits[0] == "1" else match.group().split("-")
    return "，".join(spelled(group) for group in groups)


def _year(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _date(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    return f"{_year(year)}年{number(int(month))}月{number(int(day))}日"


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match.group(1)), int(match.group(2))
    if minute == 0:
        return f"{_counted(hour)}点"
    if minute == 30:
        return f"{_counted(hour)}点半"
    return f"{_counted(hour)}点{'零' if minute < 10 else ''}{number(minute)}分"


def _counted(value: int) -> str:
    return "两" if value == 2 else number(value)


def _counted_match(match: re.Match[str]) -> str:
    return ("两" if match.group(1) == "2" else decimal(match.group(1))) + match.group(2)


def _money(match: re.Match[str]) -> str:
    amount = match.group(1).replace(",", "").replace("，", "")
    return decimal(amount) + "元"


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<!\d)1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)"), _phone),
    (re.compile(r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"), _phone),
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(r"(?<!\d)(\d{4})(?=年)"), lambda m: _year(m.group(1))),
    (re.compile(r"(?<!\d)(\d{1,2})[:：]([0-5]\d)(?!\d)"), _clock),
    (re.compile(r"[¥￥]\s?(\d[\d,，]*(?:\.\d+)?)(?:元)?"), _money),
    (re.compile(r"(?<=\d)[,，](?=\d{3}(?!\d))"), ""),
    (re.compile(r"(\d+(?:\.\d+)?)[%％]"), lambda m: "百分之" + decimal(m.group(1))),
    (re.compile(r"(?<=\d)\s?[-~～—至到]+\s?(?=\d)"), "到"),
    (
        re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(?=[万亿])"),
        lambda m: decimal(m.group(1)).replace("二", "两", 1) if m.group(1) == "2" else decimal(m.group(1)),
    ),
    (re.compile(r"(?<!\d)([012]?\d)([个位次家份岁项条种点天周])"), _counted_match),
    # Hotlines and other codes: known shapes with no unit after them, a leading zero, or very long.
    (
        re.compile(
            r"(?<![\d.])(?:123\d\d|100\d\d|9[56]\d{3}|1(?:1\d|2[02])|0\d+|\d{8,})(?![\d.]|[元块万亿岁个人天小年月日分份名家次条])"
        ),
        lambda m: spelled(m.group()),
    ),
    (re.compile(r"\d+(?:\.\d+)?"), lambda m: decimal(m.group())),
)
_SYMBOLS = {
    "+": "加",
    "=": "等于",
    "&": "和",
    "@": "艾特",
    "℃": "摄氏度",
    "㎡": "平方米",
    "/": "或",
    "#": "井号键",
}
_SILENT = re.compile(r"[《》〈〉“”‘’\"'【】\[\]{}<>*_`~^|\\·•]")
_PAUSES = str.maketrans(
    {
        ",": "，",
        "；": "。",
        ";": "。",
        "：": "，",
        ":": "，",
        "?": "？",
        "!": "！",
        "、": "，",
        "…": "。",
        "—": "，",
        "（": "，",
        "）": "，",
        "(": "，",
        ")": "，",
        "\n": "。",
    }
)


def speakable(text: str) -> str:
    """Return ``text`` as it is said: no digits, no symbols, pauses only as ，。？！."""
    said = text
    for pattern, replacement in _RULES:
        said = pattern.sub(replacement, said)
    said = _SILENT.sub("", said)
    for symbol, word in _SYMBOLS.items():
        said = said.replace(symbol, word)
    said = said.translate(_PAUSES)
    said = re.sub(r"\s+", "", said)
    return re.sub(r"，*([。？！])[，。]*", r"\1", re.sub(r"，{2,}", "，", said)).lstrip("，。？！")


def clauses(text: str) -> tuple[Clause, ...]:
    """Cut spoken text at its pauses. Very long clauses are cut so that speech starts early."""
    found: list[Clause] = []
    for match in re.finditer(r"([^，。？！]+)([，。？！]*)", text):
        body, marks = match.groups()
        pause = PAUSE_SHORT_MS if not marks or marks[0] == "，" else PAUSE_FULL_MS
        while len(body) > _LONGEST_CLAUSE:
            found.append(Clause(body[:_LONGEST_CLAUSE], 0))
            body = body[_LONGEST_CLAUSE:]
        found.append(Clause(body, pause))
    return tuple(found)
