"""Words misheard or mistyped for others of the same sound: 失业斤 → 失业金, 社宝 → 社保. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.retrieval.terms import near_sounds

_SIZES = (4, 3, 2)  # a longer run of sounds is the safer guide
_COMMON = 3  # times that a run stands in the texts before another is taken for it


@dataclass(frozen=True, slots=True)
class Repair:
    """``known``: every run of characters of the texts. ``sounds``: the most usual run of a sound."""

    known: frozenset[str]
    sounds: Mapping[tuple[str, ...], str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Repair:
        """Learn from normalised texts."""
        counts: Counter[str] = Counter()
        for text in texts:
            for part in text.split():
                counts.update(
                    part[place : place + size] for size in _SIZES for place in range(len(part) - size + 1)
                )
        sounds: dict[tuple[str, ...], str] = {}
        for run, count in counts.most_common():
            if count < _COMMON:
                break
            sounds.setdefault(tuple(near_sounds(run)), run)
        return cls(frozenset(counts), sounds)

    def mend(self, query: str) -> str:
        """Replace each run of characters that no text uses by the usual one of its sound, if there is one."""
        chars = list(query)
        sounds = near_sounds(query)
        if len(sounds) != len(chars):
            return query
        for size in _SIZES:
            for place in range(len(chars) - size + 1):
                usual = self.sounds.get(tuple(sounds[place : place + size]))
                if usual is not None and "".join(chars[place : place + size]) not in self.known:
                    chars[place : place + size] = usual
        return "".join(chars)
