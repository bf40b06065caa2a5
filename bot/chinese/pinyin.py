"""How alike two words sound: for mending what a recogniser misheard (``立湾`` → ``荔湾``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")
# Pairs that Cantonese speakers of Mandarin and recognisers mix up.
_NEAR_INITIALS = frozenset(
    frozenset(pair.split())
    for pair in (
        "z zh",
        "c ch",
        "s sh",
        "n l",
        "f h",
        "l r",
        "x s",
        "x sh",
        "q x",
        "j zh",
        "q ch",
        "j q",
        "b p",
        "d t",
        "g k",
    )
)
_NEAR_FINALS = frozenset(
    frozenset(pair.split())
    for pair in (
        "an ang",
        "en eng",
        "in ing",
        "ian iang",
        "uan uang",
        "en ei",
        "e eng",
        "e en",
        "ie ian",
        "ou uo",
        "i ei",
        "un ong",
    )
)


class Syllable(NamedTuple):
    """A toneless syllable in two halves."""

    initial: str
    final: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """``candidate`` sounds like ``text[start:end]``; ``cost`` is 0 (same sound) to 1."""

    candidate: str
    start: int
    end: int
    cost: float


@lru_cache(maxsize=65536)
def syllable(char: str) -> Syllable:
    """Return the most usual reading of one character."""
    from pypinyin import Style, lazy_pinyin

    return _halves(lazy_pinyin(char, style=Style.NORMAL)[0] if char else "")


def _halves(reading: str) -> Syllable:
    for initial in _INITIALS:
        if reading.startswith(initial):
            return Syllable(initial, reading[len(initial) :])
    return Syllable("", reading)


def syllables(text: str) -> tuple[Syllable, ...]:
    """Return one syllable per character."""
    return tuple(syllable(char) for char in text)


def readings(word: str) -> tuple[tuple[Syllable, ...], ...]:
    """Return how a word may be read: as a whole (番禺 is pan yu) and character by character (fan yu)."""
    from pypinyin import Style, lazy_pinyin

    whole = tuple(_halves(sound) for sound in lazy_pinyin(word, style=Style.NORMAL))
    single = syllables(word)
    return (single,) if whole == single or len(whole) != len(single) else (whole, single)


def syllable_cost(one: Syllable, other: Syllable) -> float:
    """Return 0 for the same sound, 1 for unlike ones, quarters and halves between."""
    if one == other:
        return 0.0
    first = one.initial == other.initial or frozenset((one.initial, other.initial)) in _NEAR_INITIALS
    last = one.final == other.final or frozenset((one.final, other.final)) in _NEAR_FINALS
    if not (first and last):
        return 1.0
    return 0.25 * (one.initial != other.initial) + 0.5 * (one.final != other.final)


def closest(text: str, candidates: Iterable[str], *, max_cost: float = 0.3) -> Likeness | None:
    """Return the candidate that sounds most like a stretch of ``text`` of its own length.

    Words of one character must have exactly the same sound. Ties go to the longer candidate.
    """
    sounds = syllables(text)
    best: Likeness | None = None
    for candidate in candidates:
        wanted = syllables(candidate)
        limit = max_cost if len(wanted) > 1 else 0.0
        for start in range(len(sounds) - len(wanted) + 1):
            cost = _window_cost(sounds, wanted, start)
            if cost <= limit and (best is None or _rank(cost, candidate) < _rank(best.cost, best.candidate)):
                best = Likeness(candidate, start, start + len(wanted), cost)
    return best


def _window_cost(sounds: tuple[Syllable, ...], wanted: tuple[Syllable, ...], start: int) -> float:
    budget = 0.5 * len(wanted)
    cost = 0.0
    for offset, sound in enumerate(wanted):
        cost += syllable_cost(sounds[start + offset], sound)
        if cost > budget:
            return 1.0
    return cost / len(wanted)


def _rank(cost: float, candidate: str) -> tuple[float, int]:
    return (cost, -len(candidate))
