"""Which numbers does a text state? Used to prove that an answer invents none.

Arabic and Chinese numerals are read alike: 2,412元, 2412, 两千四百一十二 and 二四一二 share a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "幺": 1}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_SCALES = {"万": Decimal(10_000), "亿": Decimal(100_000_000)}
_ARABIC = re.compile(r"(\d+(?:,\d{3})+|\d+)(\.\d+)?\s*([百千]?[万亿]?)")
_CHINESE = re.compile(r"[零〇幺一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+[万亿]*)?")
# A lone 一 and the words below count nothing.
_WORDS = re.compile(
    r"一般|一次性|一次|一律|一样|一定|一起|一直|一并|一些|一下|统一|进一步|第一|万一|一旦|唯一|一致|之一|百分之|分之"
)


def stated(text: str) -> frozenset[Decimal]:
    """Every value that ``text`` may be said to state, generously read."""
    return frozenset(value for values in _tokens(text) for value in values[1])


def unsupported(text: str, allowed: frozenset[Decimal]) -> list[str]:
    """The numerals in ``text`` none of whose readings is in ``allowed``."""
    return [token for token, values in _tokens(text) if not values & allowed]


def _tokens(text: str) -> Iterable[tuple[str, frozenset[Decimal]]]:
    for match in _ARABIC.finditer(text):
        base = Decimal(match[1].replace(",", "") + (match[2] or ""))
        scaled = base
        for char in match[3]:
            scaled *= _SCALES.get(char, Decimal(_UNITS.get(char, 1)))
        yield match[0].strip(), frozenset({base, scaled})
    for match in _CHINESE.finditer(_WORDS.sub("，", text)):
        # 万 after a digit belongs to the Arabic number above.
        if match[0].strip("万亿千百") and match[0] not in {"一", "零"}:
            yield match[0], _readings(match[0])


def _readings(token: str) -> frozenset[Decimal]:
    whole, _, fraction = token.partition("点")
    if not fraction and len(whole) > 1 and all(char in _DIGITS for char in whole):
        return frozenset({Decimal("".join(str(_DIGITS[char]) for char in whole))})
    scale = Decimal(1)
    while fraction and fraction[-1] in _SCALES:
        scale *= _SCALES[fraction[-1]]
        fraction = fraction[:-1]
    tail = Decimal("0." + "".join(str(_DIGITS[char]) for char in fraction)) if fraction else Decimal(0)
    if fraction:
        return frozenset({_whole(whole) + tail, (_whole(whole) + tail) * scale})
    while whole and whole[-1] in _SCALES:
        scale *= _SCALES[whole[-1]]
        whole = whole[:-1]
    base = _whole(whole)
    return frozenset({base, base * scale})


def _whole(text: str) -> Decimal:
    total = section = Decimal(0)
    digit: int | None = None
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _UNITS:
            section += (1 if digit is None else digit) * _UNITS[char]
            digit = None
        else:
            total = (total + section + (digit or 0)) * _SCALES[char]
            section, digit = Decimal(0), None
    return total + section + (digit or 0)
