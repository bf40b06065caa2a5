"""Who answered: a person, a machine in a person's place, or only the network? Pure; judged by the words.

A live person must never be hung up on, so everything that is not surely a machine is a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pypinyin import Style, lazy_pinyin

from core.errors import ConfigError
from core.types import Disposition
from voice.likeness import Syllables, likeness, syllables
from voice.words import bare

DEFAULT_PATH = Path(__file__).resolve().parent.parent / "dialogues" / "answering.yml"

_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_HAN = re.compile(r"[\u4e00-\u9fff]")
# What recognisers confuse at 8 kHz.
_CONFUSED = ((r"^([zcs])h", r"\1"), (r"^l", "n"), (r"ng$", "n"))
_FIRST_SYLLABLE = 0xE000  # the private use area: one character per syllable
# An announcement that is only alike: long enough, and short enough to be compared quickly.
_LEAST_SYLLABLES, _MOST_SYLLABLES = 6, 60
_ALIKE = 0.55
_CLEARLY = 0.06  # more alike than to any other disposition's wording
_SYLLABLES: dict[str, str] = {}


class AnsweredBy(StrEnum):
    """Who or what is on the line."""

    PERSON = "person"
    VOICEMAIL = "voicemail"
    ASSISTANT = "assistant"  # a call-assistant robot or a secretary desk
    MENU = "menu"  # a switchboard or a service line
    FAX = "fax"
    FORWARDING = "forwarding"  # being passed on: somebody may still come
    NETWORK = "network"  # an announcement about the number


MACHINES = frozenset({AnsweredBy.VOICEMAIL, AnsweredBy.ASSISTANT, AnsweredBy.MENU, AnsweredBy.FAX})


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who answered, and what the attempt is stored as when nobody else comes (``None``: go on)."""

    by: AnsweredBy
    disposition: Disposition | None = None


PERSON = Judgement(AnsweredBy.PERSON)
FAX = Judgement(AnsweredBy.FAX, Disposition.VOICEMAIL)

# One entry: all of its patterns must be found.
_Entry = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Answering:
    """The lists of ``dialogues/answering.yml``."""

    ringing_signs: tuple[_Entry, ...]
    answered_signs: tuple[_Entry, ...]
    network: Mapping[Disposition, tuple[_Entry, ...]]
    forwarding: tuple[_Entry, ...]
    machines: Mapping[AnsweredBy, tuple[_Entry, ...]]
    person_signs: tuple[_Entry, ...]
    person_words: tuple[_Entry, ...]
    wording: tuple[tuple[Disposition, Syllables], ...]

    def judge(self, text: str, *, answered: bool) -> Judgement:
        """Judge what was heard first, or before the call was answered (``answered`` false)."""
        spelling = bare(text).lower().translate(_DIGITS)
        if answered and _found(self.person_signs, spelling):
            return PERSON
        for by, entries in self.machines.items():
            if _found(entries, spelling):
                return Judgement(by, Disposition.VOICEMAIL)
        said_by_a_person = answered and _found(self.person_words, spelling)
        if said_by_a_person:
            return PERSON
        if _found(self.forwarding, spelling):
            return Judgement(AnsweredBy.FORWARDING)
        disposition = self._announced(spelling + "\n" + sound(spelling), answered=answered)
        if disposition is None and not answered:
            disposition = self._worded_like(syllables(spelling))
        return Judgement(AnsweredBy.NETWORK, disposition) if disposition else PERSON

    def _announced(self, heard: str, *, answered: bool) -> Disposition | None:
        if not _found(self.answered_signs if answered else self.ringing_signs, heard):
            return None
        return next((each for each, entries in self.network.items() if _found(entries, heard)), None)

    def _worded_like(self, heard: Syllables) -> Disposition | None:
        if not _LEAST_SYLLABLES <= len(heard) <= _MOST_SYLLABLES:
            return None
        best: dict[Disposition, float] = {}
        for each, wording in self.wording:
            best[each] = max(best.get(each, 0.0), likeness(heard, wording))
        first, second = sorted(best, key=lambda each: -best[each])[:2]
        sure = best[first] >= _ALIKE and best[first] - best[second] >= _CLEARLY
        return first if sure else None


@lru_cache(maxsize=4)
def load_answering(path: Path = DEFAULT_PATH) -> Answering:
    """Read the file. Raises ``ConfigError`` naming what does not fit."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    try:
        return Answering(
            ringing_signs=_entries(raw["ringing_signs"], by_sound=True),
            answered_signs=_entries(raw["answered_signs"], by_sound=True),
            network={
                Disposition(key): _entries(value, by_sound=True) for key, value in raw["network"].items()
            },
            forwarding=_entries(raw["forwarding"]),
            machines={AnsweredBy(key): _entries(value) for key, value in raw["machines"].items()},
            person_signs=_entries(raw["person_signs"]),
            person_words=_entries(raw["person_words"]),
            wording=tuple(
                (Disposition(key), syllables(text)) for key, texts in raw["wording"].items() for text in texts
            ),
        )
    except (KeyError, ValueError, TypeError, AttributeError, re.error) as error:
        raise ConfigError(f"{path.name}: {type(error).__name__}: {error}") from None


def sound(text: str) -> str:
    """Write one character per syllable, so that what sounds alike looks alike; the rest stays."""
    return "".join(_syllable(char) if _HAN.match(char) else char for char in text)


def _found(entries: tuple[_Entry, ...], text: str) -> bool:
    return any(all(pattern.search(text) for pattern in entry) for entry in entries)


def _entries(value: Any, *, by_sound: bool = False) -> tuple[_Entry, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("each key must hold a list")
    return tuple(
        tuple(_pattern(part, by_sound) for part in (item if isinstance(item, list) else [item]))
        for item in value
    )


def _pattern(source: str, by_sound: bool) -> re.Pattern[str]:
    return re.compile(f"(?:{source})|(?:{sound(source)})" if by_sound else source)


@lru_cache(maxsize=8192)
def _syllable(char: str) -> str:
    spoken = lazy_pinyin(char, style=Style.NORMAL)[0]
    for confused, plain in _CONFUSED:
        spoken = re.sub(confused, plain, spoken)
    return _SYLLABLES.setdefault(spoken, chr(_FIRST_SYLLABLE + len(_SYLLABLES)))
