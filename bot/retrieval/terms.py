"""How a normalised text is cut into terms: character n-grams and pinyin n-grams."""

from __future__ import annotations

from typing import Any, cast

from pypinyin import lazy_pinyin


def char_grams(text: str) -> list[str]:
    """All runs of one to three characters."""
    packed = text.replace(" ", "")
    return [packed[i : i + size] for size in (1, 2, 3) for i in range(len(packed) - size + 1)]


def pinyin_grams(text: str) -> list[str]:
    """Runs of two and three toneless syllables: a homophone (失业, 十页) leaves them as they are."""
    sounds = lazy_pinyin(text.replace(" ", ""), errors=cast(Any, list))
    return ["_".join(sounds[i : i + size]) for size in (2, 3) for i in range(len(sounds) - size + 1)]
