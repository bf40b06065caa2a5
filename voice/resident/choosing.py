"""Pure: which line a resident uses for what the bot was heard to say.

The bot's question comes through a telephone and a recogniser, so words are compared by their
sound (toneless pinyin), where 立湾 and 荔湾 are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from voice.resident.persona import Line


@lru_cache(maxsize=4096)
def sounds(text: str) -> tuple[str, ...]:
    """Toneless syllables of ``text``; nasal endings and retroflexes that recognisers mix up are merged."""
    from pypinyin import lazy_pinyin

    return tuple(_merge(syllable) for char in text if char.isalnum() for syllable in lazy_pinyin(char))


def _merge(syllable: str) -> str:
    for retroflex, flat in (("zh", "z"), ("ch", "c"), ("sh", "s")):
        if syllable.startswith(retroflex):
            syllable = flat + syllable[2:]
    return syllable.removesuffix("g") if syllable.endswith("ng") else syllable


def last_position(heard: Sequence[str], words: Sequence[str]) -> int:
    """Where ``words`` last end within ``heard``; -1: nowhere."""
    width = len(words)
    if not width:
        return -1
    for start in range(len(heard) - width, -1, -1):
        if tuple(heard[start : start + width]) == tuple(words):
            return start + width
    return -1


class LineChooser:
    """Keeps account of which lines were used."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)
        self._used = [0] * len(self._lines)

    def interruption(self) -> Line | None:
        """The first line that was not used yet, when it is meant to be said over the bot's speech."""
        for index, line in enumerate(self._lines):
            if not self._used[index]:
                return self._lines[index] if line.interrupt_after_ms else None
        return None

    def take(self, line: Line) -> Line:
        """Count a use of ``line``."""
        self._used[self._lines.index(line)] += 1
        return line

    def give_back(self, line: Line) -> None:
        """Uncount a use: it was not said after all."""
        self._used[self._lines.index(line)] -= 1

    def by_words(self, heard: str) -> Line | None:
        """The line whose word is heard last (the question ends the turn); longer words win a tie."""
        syllables = sounds(heard)
        best: tuple[int, int] = (-1, 0)
        chosen: int | None = None
        for index, line in enumerate(self._lines):
            if self._used[index] >= line.times or line.interrupt_after_ms:
                continue
            for word in line.when:
                spoken = sounds(word)
                rank = (last_position(syllables, spoken), len(spoken))
                if rank[0] >= 0 and rank > best:
                    best, chosen = rank, index
        return None if chosen is None else self.take(self._lines[chosen])

    def next_unused(self) -> Line | None:
        """The first line that was never used."""
        for index, line in enumerate(self._lines):
            if not self._used[index] and not line.interrupt_after_ms:
                return self.take(line)
        return None
