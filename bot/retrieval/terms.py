"""How a normalised text is cut into terms: character n-grams and pinyin n-grams."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, cast

from pypinyin import lazy_pinyin

_RETROFLEX = re.compile(r"^([zcs])h")
_NASAL = re.compile(r"ng$")


def char_grams(text: str) -> list[str]:
    """All runs of one to three characters."""
    packed = text.replace(" ", "")
    return [packed[i : i + size] for size in (1, 2, 3) for i in range(len(packed) - size + 1)]


def near_sounds(text: str) -> list[str]:
    """One syllable a character, as a southern ear may take them: 失业, 十页 and 思夜 are one.

    Toneless, without the differences zh/z, ch/c, sh/s, n/l and -ng/-n.
    """
    return [_near(sound) for sound in lazy_pinyin(text, errors=cast(Any, list))]


def pinyin_grams(text: str) -> list[str]:
    """Runs of one to three near sounds."""
    sounds = near_sounds(text.replace(" ", ""))
    return ["_".join(sounds[i : i + size]) for size in (1, 2, 3) for i in range(len(sounds) - size + 1)]


@lru_cache(maxsize=5000)
def _near(sound: str) -> str:
    near = _NASAL.sub("n", _RETROFLEX.sub(r"\1", sound))
    return f"l{near[1:]}" if near.startswith("n") else near
