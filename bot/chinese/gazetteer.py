"""Find known names in text, spelt right or only sounding right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bot.chinese.pinyin import Syllable, readings, syllable, syllable_cost, syllables

EXACT = 1.0
MAX_COST = 0.2  # mean cost per syllable up to which a longer word counts as misheard
_MIN_REPAIR = 2
_LONGEST_ALIKE = 3  # a longer word that sounds like a name by accident is hardly ever said


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
    """``kinds``: kind → spelling → usual form. Names of ``repair_kinds`` are also looked for by sound.

    By sound only names with everyday variants are looked for; ``words`` that merely sound like one
    (宝安 like 保安) are themselves.
    """

    kinds: Mapping[str, Mapping[str, str]]
    repair_kinds: tuple[str, ...] = ()
    words: Collection[str] = ()
    _by_first: dict[str, list[_Word]] = field(init=False, default_factory=dict)
    _by_sound: dict[str, list[_Word]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for kind, spellings in self.kinds.items():
            usual = self._varied(kind)
            for spelling, value in spellings.items():
                self._by_first.setdefault(spelling[0], []).append(_Word(spelling, kind, value, ()))
                # Only a name's own parts are mended: by sound alone, streets are found in any sentence.
                if len(spelling) < _MIN_REPAIR or value not in usual or spelling not in value:
                    continue
                for sounds in readings(spelling):
                    word = _Word(spelling, kind, value, sounds)
                    self._by_sound.setdefault(sounds[-1].final[:1], []).append(word)
        for words in self._by_first.values():
            words.sort(key=lambda word: -len(word.spelling))

    def find(
        self, text: str, *, repair: bool = True, boundaries: Collection[int] | None = None
    ) -> list[Found]:
        """Return names in order, longest first where they overlap; repairs only where none is.

        ``boundaries`` are the offsets where words of ``text`` begin or end: what begins within one
        word and ends within another (家电 in 一家电子厂) is no name.
        """
        found = self._exact(text, boundaries)
        if repair and self.repair_kinds:
            found += [
                item
                for item in self._alike(text, found)
                if text[item.start : item.end] not in self.words and not _cuts(item, boundaries)
            ]
        return sorted(found, key=lambda item: item.start)

    def sounds_alike(self, words: Iterable[str]) -> list[str]:
        """Return the ``words`` that would be taken for a name by sound; names are not among them."""
        spelt = {spelling for spellings in self.kinds.values() for spelling in spellings}
        last: dict[tuple[int, Syllable], list[_Word]] = {}  # names by length, and what a last syllable may be
        found = []
        for word in words:
            if not _MIN_REPAIR <= len(word) <= _LONGEST_ALIKE or word in spelt:
                continue
            key = (len(word), syllable(word[-1]))
            if key not in last:
                group = self._by_sound.get(key[1].final[:1], ())
                last[key] = [w for w in group if len(w.sounds) == key[0] and _near_end(w, key[1])]
            if last[key] and any(_cost(syllables(word), name) <= MAX_COST for name in last[key]):
                found.append(word)
        return found

    def _varied(self, kind: str) -> set[str]:
        """Return the usual forms of a kind to repair that have other spellings."""
        if kind not in self.repair_kinds:
            return set()
        return {value for spelling, value in self.kinds[kind].items() if spelling != value}

    def _exact(self, text: str, boundaries: Collection[int] | None) -> list[Found]:
        found: list[Found] = []
        position = 0
        while position < len(text):
            word = next(
                (w for w in self._by_first.get(text[position], ()) if text.startswith(w.spelling, position)),
                None,
            )
            hit = word and Found(word.kind, word.value, position, position + len(word.spelling))
            if not hit or _cuts(hit, boundaries):
                position += 1
                continue
            found.append(hit)
            position = hit.end
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
                cost = _cost(sounds[start:end], word)
                if cost <= MAX_COST:
                    found = Found(word.kind, word.value, start, end, round(0.8 - cost, 2))
                    hits.append((cost, -len(word.sounds), found))
        chosen: list[Found] = []
        for _, _, found in sorted(hits, key=lambda hit: hit[:2]):
            if all(found.end <= other.start or found.start >= other.end for other in chosen):
                chosen.append(found)
        return chosen


def _cost(sounds: tuple[Syllable, ...], word: _Word) -> float:
    return sum(syllable_cost(a, b) for a, b in zip(sounds, word.sounds, strict=True)) / len(word.sounds)


def _near_end(word: _Word, sound: Syllable) -> bool:
    return syllable_cost(sound, word.sounds[-1]) <= MAX_COST * len(word.sounds)


def _cuts(found: Found, boundaries: Collection[int] | None) -> bool:
    return boundaries is not None and found.start not in boundaries and found.end not in boundaries
