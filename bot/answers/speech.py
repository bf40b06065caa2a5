"""Written text as it is said on the telephone: numbers in words, no brackets, no links."""

from __future__ import annotations

import re
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
_TELEPHONE = str.maketrans("0123456789", "零幺二三四五六七八九")
_COUNTED = "个年天次倍种类项家人名份岁场条步档笔届"
_SYMBOLS = {
    **{
        "≤": "不超过",
        "≥": "不低于",
        "＝": "等于",
        "=": "等于",
        "＋": "加",
        "+": "加",
        "×": "乘以",
        "÷": "除以",
    },
    **{
        "/月": "每月",
        "/天": "每天",
        "/小时": "每小时",
        "/年": "每年",
        "/人": "每人",
        "/个": "每个",
        "/": "或",
    },
    **{"→": "，", "：": "，", ":": "，", "；": "，", ";": "，", "。": "，", "·": ""},
}

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

# Before symbols become words: what a symbol belongs to.
_FIRST: tuple[_Rule, ...] = (
    (re.compile(r"https?://\S+"), lambda _: ""),
    (re.compile(r"〔(\d{4})〕(\d+)号"), lambda m: f"{_one_by_one(m[1])}年第{number_words(m[2])}号"),
    (re.compile(r"[（(【\[][^（()）【】\[\]]*[）)】\]]"), lambda _: ""),
    (re.compile(r"[《》“”‘’「」\"'（）()\[\]【】]"), lambda _: ""),
    (re.compile(r"(\d{4})-(\d{2})-(\d{2})"), lambda m: f"{m[1]}年{int(m[2])}月{int(m[3])}日"),
    (re.compile(r"(\d{4})-(\d{2})(?!\d)"), lambda m: f"{m[1]}年{int(m[2])}月"),
    (re.compile(r"(?<=[\d%年月日岁万亿元])\s*[—~～-]+\s*(?=\d)"), lambda _: "到"),
    (re.compile(r"(\d{4})(?=年(?!限)|届)"), lambda m: _one_by_one(m[1])),
    (re.compile(r"(\d+)/(\d+)"), lambda m: f"{number_words(m[2])}分之{number_words(m[1])}"),
    (re.compile(r"([\d.]+)[%％]"), lambda m: f"百分之{number_words(m[1])}"),
    (re.compile(r"(?<!\d)12[345]\d\d(?![\d元人个万亿])"), lambda m: m[0].translate(_TELEPHONE)),
)
_LAST: tuple[_Rule, ...] = (
    (re.compile(rf"(?<![\d.])2(?=[{_COUNTED}])(?!年[度底初])"), lambda _: "两"),
    (re.compile(r"\d[\d,]*(?:\.\d+)?"), lambda m: number_words(m[0].replace(",", ""))),
    (re.compile(r"[—–-]+"), lambda _: "，"),
    (re.compile(r"\s+"), lambda _: ""),
    (re.compile(r"[，、]*，[，、]*"), lambda _: "，"),
)


def to_speech(text: str) -> str:
    """``text`` for a voice: one flowing line without brackets, links, symbols or digits."""
    for pattern, replace in _FIRST:
        text = pattern.sub(replace, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    for pattern, replace in _LAST:
        text = pattern.sub(replace, text)
    return text.strip("，、 ")


def telephone_words(number: str) -> str:
    """A telephone number digit by digit: 12333 is 幺二三三三."""
    return number.translate(_TELEPHONE)


def number_words(digits: str) -> str:
    """A decimal number in words: ``2070`` is 两千零七十, ``2.49`` is 二点四九."""
    whole, _, fraction = digits.partition(".")
    words = _integer(int(whole or "0"))
    return words + ("点" + _one_by_one(fraction) if fraction else "")


def _one_by_one(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _integer(value: int) -> str:
    if value < 10:
        return _DIGITS[value]
    words = ""
    for scale, name in ((10**8, "亿"), (10**4, "万"), (1, "")):
        part, value = divmod(value, scale)
        if part == 0:
            continue
        if words and part < 1000:
            words += "零"
        section = "两" if part == 2 and name else _below_ten_thousand(part)
        words += section + name
    # 15 is 十五, but 115 is 一百一十五.
    return words.removeprefix("一") if words.startswith("一十") else words


def _below_ten_thousand(value: int) -> str:
    words, gap = "", False
    for scale, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, scale)
        if digit == 0:
            gap = bool(words)
            continue
        words += "零" if gap else ""
        words += ("两" if digit == 2 and scale >= 1000 else _DIGITS[digit]) + name
        gap = False
    return words
