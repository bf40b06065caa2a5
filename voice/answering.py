"""Who answered: a person, a machine in a person's place, or only the network? Pure; judged by the words.

A live person must never be hung up on, so everything that is not surely a machine is a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pypinyin import Style, lazy_pinyin

from core.errors import ConfigError
from core.types import Disposition
from voice.words import bare

DEFAULT_PATH = Path(__file__).resolve().parent.parent / "dialogues" / "answering.yml"

_GAP = "…"
_GAP_CHARS = 10
# Shorter phrases sound like too many others, unless a network's sign stands beside them.
_BY_SOUND_CHARS = 3
_BESIDE_A_SIGN_CHARS = 2
_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_HAN = re.compile(r"[\u4e00-\u9fff]")
# What recognisers confuse at 8 kHz.
_CONFUSED = ((r"^([zcs])h", r"\1"), (r"^l", "n"), (r"ng$", "n"))
_FIRST_SYLLABLE = 0xE000  # the private use area: one character per syllable


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


class _Phrases:
    """Phrases as two patterns: by characters, and by sound."""

    def __init__(self, phrases: Iterable[str], by_sound_chars: int = _BY_SOUND_CHARS) -> None:
        spelt = [_spelling(phrase) for phrase in phrases]
        long = [phrase for phrase in spelt if _long_enough(phrase, by_sound_chars)]
        self._spelt = _pattern(spelt)
        self._sounding = _pattern([_sound(phrase) for phrase in long])

    def found(self, spelling: str, sound: str) -> bool:
        """Whether one of the phrases is in the text, given both ways."""
        return bool(self._spelt.search(spelling) or self._sounding.search(sound))


@dataclass(frozen=True, slots=True)
class Answering:
    """The lists of ``dialogues/answering.yml``."""

    signs: _Phrases
    network: Mapping[Disposition, _Phrases]
    forwarding: _Phrases
    machines: Mapping[AnsweredBy, _Phrases]
    person: _Phrases

    def judge(self, text: str, *, answered: bool) -> Judgement:
        """Judge what was heard first, or before the call was answered (``answered`` false)."""
        heard = _spelling(text), _sound(_spelling(text))
        if answered and self.person.found(*heard):
            return PERSON
        for by, phrases in self.machines.items():
            if phrases.found(*heard):
                return Judgement(by, Disposition.VOICEMAIL)
        if self.signs.found(*heard):
            for disposition, phrases in self.network.items():
                if phrases.found(*heard):
                    return Judgement(AnsweredBy.NETWORK, disposition)
        if self.forwarding.found(*heard):
            return Judgement(AnsweredBy.FORWARDING)
        return PERSON


@lru_cache(maxsize=4)
def load_answering(path: Path = DEFAULT_PATH) -> Answering:
    """Read the file. Raises ``ConfigError`` naming the key that does not fit."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: must be a mapping")
    try:
        return Answering(
            signs=_phrases(raw, "network_signs"),
            network={
                Disposition(key): _phrases(raw["network"], key, _BESIDE_A_SIGN_CHARS)
                for key in _keys(raw, "network")
            },
            forwarding=_phrases(raw, "forwarding"),
            machines={AnsweredBy(key): _phrases(raw["machines"], key) for key in _keys(raw, "machines")},
            person=_phrases(raw, "person_signs"),
        )
    except ValueError as error:
        raise ConfigError(f"{path.name}: {error}") from None


def _keys(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = raw.get(key)
    if not isinstance(value, dict) or not value:
        raise ConfigError(f"answering.yml: {key} must be a mapping")
    return tuple(value)


def _phrases(raw: Mapping[str, Any], key: str, by_sound_chars: int = _BY_SOUND_CHARS) -> _Phrases:
    value = raw.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"answering.yml: {key} must be a list of texts")
    return _Phrases(value, by_sound_chars)


def _spelling(text: str) -> str:
    """Simplify what may differ between two writings of the same words; gaps stay."""
    return _GAP.join(bare(part) for part in text.split(_GAP)).lower().translate(_DIGITS)


def _long_enough(phrase: str, chars: int) -> bool:
    return all(len(part) >= chars and _HAN.match(part) for part in phrase.split(_GAP))


def _sound(spelling: str) -> str:
    return "".join(_syllable(char) if _HAN.match(char) else char for char in spelling)


@lru_cache(maxsize=8192)
def _syllable(char: str) -> str:
    sound = lazy_pinyin(char, style=Style.NORMAL)[0]
    for confused, plain in _CONFUSED:
        sound = re.sub(confused, plain, sound)
    return _SYLLABLES.setdefault(sound, chr(_FIRST_SYLLABLE + len(_SYLLABLES)))


_SYLLABLES: dict[str, str] = {}


def _pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    gap = f".{{0,{_GAP_CHARS}}}"
    parts = [gap.join(re.escape(part) for part in phrase.split(_GAP)) for phrase in phrases]
    return re.compile("|".join(parts) or r"(?!)")
