"""Find test lines that are almost training lines: a score on those measures memory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from bot.retrieval.normalise import normalise

NEAR = 90.0  # per cent of equal characters, as rapidfuzz counts insertions and deletions
LIMIT = 0.02
_MIN_CHARS = 6  # shorter lines (好的, 天河区) are alike by necessity


@dataclass(frozen=True, slots=True)
class Twin:
    """A test line, the known line it resembles, and how much (0 to 1)."""

    line: str
    known: str
    likeness: float


def twins(lines: Sequence[str], known: Iterable[str]) -> tuple[Twin, ...]:
    """Return the lines of six or more characters that resemble a known one."""
    plain = {normalise(text).replace(" ", ""): text for text in known}
    names = list(plain)
    found = []
    for line in lines:
        short = normalise(line).replace(" ", "")
        if len(short) < _MIN_CHARS:
            continue
        best = process.extractOne(short, names, scorer=fuzz.ratio, score_cutoff=NEAR)
        if best is not None:
            found.append(Twin(line, plain[best[0]], round(best[1] / 100, 2)))
    return tuple(found)
