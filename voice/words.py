"""The phone door's own sentences and word lists, read from ``dialogues/voice.yml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigError
from voice.endings import EndingModel

DEFAULT_PATH = Path(__file__).resolve().parent.parent / "dialogues" / "voice.yml"

# Longer chains of listening noises are talk.
_LISTENING_CHARS = 8
_NOISE = re.compile(r"[\W_]+")


def bare(text: str) -> str:
    """Drop spaces and punctuation, so that ``好的。`` equals ``好的``."""
    return _NOISE.sub("", text)


@dataclass(frozen=True, slots=True)
class VoiceWords:
    """Lists of ``dialogues/voice.yml``, ready for look-up."""

    emergency: Mapping[str, str] = field(default_factory=dict)
    key_pressed: str = "{digit}"
    briefing: str = "{summary}"
    putting_through: str = ""
    back_channel: frozenset[str] = frozenset()
    complete: frozenset[str] = frozenset()
    unfinished: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    hints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    likely: Mapping[str, str] = field(default_factory=dict)
    endings: EndingModel | None = None  # what the lists do not know about the end of a turn

    def is_back_channel(self, text: str) -> bool:
        """Whether ``text`` only says "I am listening", once or several times: 嗯, 系系系, 哦好的."""
        said = bare(text)
        if said in self.back_channel:
            return True
        reach = {0}
        for end in range(1, len(said) + 1 if len(said) <= _LISTENING_CHARS else 0):
            if any(said[start:end] in self.back_channel for start in reach):
                reach.add(end)
        return bool(said) and len(said) in reach

    def hints_for(self, open_question: str, name: str) -> tuple[str, ...]:
        """Words to expect as the answer to ``open_question``."""
        words = self.hints.get(open_question, ()) + self.hints.get("always", ())
        return tuple(word for word in (item.replace("{name}", name) for item in words) if word)


EMERGENCIES = ("dialogue_down", "cannot_hear", "shutting_down", "too_long", "transfer_failed")


def load_words(path: Path = DEFAULT_PATH) -> VoiceWords:
    """Read the file. Raises ``ConfigError`` naming the first key that does not fit."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: must be a mapping")
    emergency = {str(key): str(text) for key, text in _mapping(raw, "emergency").items()}
    missing = [key for key in EMERGENCIES if not emergency.get(key)]
    if missing:
        raise ConfigError(f"{path.name}: emergency lacks {', '.join(missing)}")
    return VoiceWords(
        emergency=emergency,
        key_pressed=str(raw.get("key_pressed", "{digit}")),
        briefing=str(raw.get("briefing", "{summary}")),
        putting_through=str(raw.get("putting_through", "")),
        back_channel=frozenset(_strings(raw, "back_channel")),
        complete=frozenset(_strings(raw, "complete")),
        unfinished=_strings(raw, "unfinished"),
        wait=_strings(raw, "wait"),
        likely={str(key): str(text) for key, text in _mapping(raw, "likely").items()},
        hints={str(key): _strings(_mapping(raw, "hints"), key) for key in _mapping(raw, "hints")},
    )


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"voice.yml: {key} must be a mapping")
    return value


def _strings(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = raw.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"voice.yml: {key} must be a list of texts (quote yes, no and numbers)")
    return tuple(value)
