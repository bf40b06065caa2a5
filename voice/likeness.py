"""How alike two sentences sound, syllable for syllable. Pure; about a tenth of a millisecond a pair."""

from __future__ import annotations

import re
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

_HAN = re.compile(r"[\u4e00-\u9fff]")
_INITIAL = re.compile(r"^(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(.*)$")
_HALF = 0.5  # the price of a syllable of which one half is right

Syllables = tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def syllables(text: str) -> Syllables:
    """Return (initial, final) of every Chinese character of ``text``, toneless."""
    spoken = lazy_pinyin("".join(_HAN.findall(text)), style=Style.NORMAL)
    halves = (_INITIAL.match(sound) for sound in spoken)
    return tuple((half.group(1) or "", half.group(2)) for half in halves if half)


def likeness(one: Syllables, other: Syllables) -> float:
    """Return 1.0 for the same sounds, 0.0 for nothing in common; what follows ``other`` costs nothing."""
    if not one or not other:
        return 0.0
    row = [float(place) for place in range(len(other) + 1)]
    best = row[-1]
    for number, syllable in enumerate(one, start=1):
        before, row[0] = row[0], float(number)
        for place, counterpart in enumerate(other, start=1):
            changed = before + _price(syllable, counterpart)
            before = row[place]
            row[place] = min(changed, row[place] + 1.0, row[place - 1] + 1.0)
        best = min(best, row[-1])
    return max(0.0, 1.0 - best / len(other))


def _price(one: tuple[str, str], other: tuple[str, str]) -> float:
    return 0.0 if one == other else _HALF if one[0] == other[0] or one[1] == other[1] else 1.0
