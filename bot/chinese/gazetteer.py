"""Find known names in text, spelt right or only sounding right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.chinese.pinyin import Syllable, syllable_cost, syllables

EXACT = 1.0
MAX_COST = 0.2  # mean cost per syllable up to which a longer word counts as misheard
_MIN_REPAIR = 2


@dataclass(frozen=True, slots=True)
class Found:
    """``text[start:end]`` names ``value`` (its usual form) of ``kind``."""

    kind: str
    value: str
    start: int
    end: int
    confidence: float = EXACT


@dataclass(frozen=True, slots=True)
class _Word:
    spelling: str
    kind: str
    value: str
    sounds: tuple[Syllable, ...]


@dataclass(slots=True)
class Gazetteer:
    """``kinds``: kind → spelling → usual form. ``repair_kinds`` are also looked for by sound."""

    kinds: Mapping[str, Mapping[str, str]]
    repair_kinds: tuple[str, ...] = ()
    _by_first: dict[str, list[_Word]] = field(init=False, default_factory=dict)
    _by_sound: dict[str, list[_Word]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for kind, spellings in self.kinds.items():
            for spelling, value in spellings.items():
                # Only a name's own parts are mended: by sound alone, streets are found in any sentence.
                by_sound = kind in self.repair_kinds and spelling in value
                word = _Word(spelling, kind, value, syllables(spelling) if by_sound else ())
                self._by_first.setdefault(spelling[0], []).append(word)
                if len(word.sounds) >= _MIN_REPAIR:
                    self._by_sound.setdefault(word.sounds[-1].final[:1], []).append(word)
        for words in self._by_first.values():
            words.sort(key=lambda word: -len(word.spelling))

    def find(self, text: str, *, repair: bool = True) -> list[Found]:
        """Return names in order, longest first where they overlap; repairs only where none is."""
        found = self._exact(text)
        if repair and self.repair_kinds:
            found += self._alike(text, found)
        return sorted(found, key=lambda item: item.start)

    def _exact(self, text: str) -> list[Found]:
        found: list[Found] = []
        position = 0
        while position < len(text):
            word = next(
                (w for w in self._by_first.get(text[position], ()) if text.startswith(w.spelling, position)),
                None,
            )
            if word is None:
                position += 1
                continue
            end = position + len(word.spelling)
            found.append(Found(word.kind, word.value, position, end))
            position = end
        return found

    def _alike(self, text: str, taken: Iterable[Found]) -> list[Found]:
        busy = {index for item in taken for index in range(item.start, item.end)}
        sounds = syllables(text)
        hits: list[tuple[float, int, Found]] = []
        for end in range(_MIN_REPAIR, len(text) + 1):
            for word in self._by_sound.get(sounds[end - 1].final[:1], ()):
                start = end - len(word.sounds)
                if start < 0 or any(index in busy for index in range(start, end)):
                    continue
                cost = sum(syllable_cost(a, b) for a, b in zip(sounds[start:end], word.sounds, strict=True))
                cost /= len(word.sounds)
                if cost <= MAX_COST:
                    found = Found(word.kind, word.value, start, end, round(0.8 - cost, 2))
                    hits.append((cost, -len(word.sounds), found))
        chosen: list[Found] = []
        for _, _, found in sorted(hits, key=lambda hit: hit[:2]):
            if all(found.end <= other.start or found.start >= other.end for other in chosen):
                chosen.append(found)
        return chosen
