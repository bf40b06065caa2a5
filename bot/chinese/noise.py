"""Make text look misheard: homophones, near homophones, dropped and merged characters. Pure, seeded."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from functools import cache

from bot.chinese.pinyin import Syllable, syllable, syllable_cost

RATE = 0.15  # share of the characters that change
_COMMON = range(0x4E00, 0x9FA6)
_SMALL = "的了吗呢啊吧我你那就"  # what recognisers swallow
_PUNCTUATION = re.compile(r"[^\w\u3400-\u9fff]+")


def noisy(text: str, *, seed: int, rate: float = RATE) -> str:
    """Return ``text`` as a recogniser might have heard it; the same seed gives the same result.

    At least one character changes if any is Chinese. Punctuation goes: recognisers write none.
    """
    source = random.Random(f"{seed}:{text}")  # noqa: S311 - noise, not a secret
    chars = list(_PUNCTUATION.sub("", text))
    places = [place for place, char in enumerate(chars) if ord(char) in _COMMON]
    count = min(len(places), max(1, round(len(places) * rate)))
    for place in source.sample(places, count):
        chars[place] = _misheard(chars, place, source)
    return "".join(chars)


def _misheard(chars: list[str], place: int, source: random.Random) -> str:
    char = chars[place]
    kind = source.random()
    if kind < 0.12 and char in _SMALL and len(chars) > 3:
        return ""
    # Two alike neighbours run together in fast speech.
    if kind < 0.3 and place and len(chars) > 4 and _same_start(chars[place - 1], char):
        return ""
    choices = alike(char) if kind < 0.85 else near(char)
    return source.choice(choices) if choices else char


def _same_start(one: str, other: str) -> bool:
    return bool(one) and syllable(one).final == syllable(other).final


def alike(char: str) -> tuple[str, ...]:
    """Return common characters of the same sound, itself excepted."""
    return tuple(item for item in _by_sound().get(syllable(char), ()) if item != char)


@cache
def near(char: str) -> tuple[str, ...]:
    """Return common characters of almost the same sound (zh and z, n and l, in and ing)."""
    sound = syllable(char)
    return tuple(
        item
        for other, items in _by_sound().items()
        if other != sound and syllable_cost(sound, other) <= 0.5
        for item in items
    )


@cache
def _by_sound() -> dict[Syllable, tuple[str, ...]]:
    # GB2312's first level holds the 3,755 characters in common use, ordered by sound.
    sounds: dict[Syllable, list[str]] = defaultdict(list)
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                char = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            sounds[syllable(char)].append(char)
    return {sound: tuple(chars) for sound, chars in sounds.items()}
