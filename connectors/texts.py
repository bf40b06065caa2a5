"""The doors' own sentences, read once at start from ``dialogues/doors.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import KnowledgeError

DOORS_FILE = Path(__file__).resolve().parent.parent / "dialogues" / "doors.yml"

NOTICES = frozenset(
    {
        "slow", "unavailable", "gave_up", "failed", "too_large", "empty", "invalid", "rate_limited",
        "crowded", "busy", "storage", "session", "too_many_sessions", "voice_long", "voice_unclear",
        "voice_away",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Texts:
    """``notices`` by code, what the chat page shows around the conversation, and where Cantonese differs."""

    notices: Mapping[str, str]
    page: Mapping[str, Any]
    cantonese: Mapping[str, Any]

    def notice(self, code: str) -> str:
        """Return the sentence for ``code``, one of ``NOTICES``."""
        return self.notices[code]


def load_texts(names: Mapping[str, str], path: Path = DOORS_FILE) -> Texts:
    """Read the file and fill ``{agency}`` and ``{hotline}`` in.

    Raises:
        KnowledgeError: the file is missing, malformed, or lacks a sentence.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    if not isinstance(raw, dict) or set(raw) != {"notices", "page", "cantonese"}:
        raise KnowledgeError(f"{path.name}: must hold exactly notices, page and cantonese")
    filled = fill_names(raw, names, path.name)
    notices, page = filled["notices"], filled["page"]
    if not isinstance(notices, dict) or set(notices) != NOTICES:
        odd = NOTICES ^ set(notices or ())
        raise KnowledgeError(f"{path.name}: notices missing or unknown: {', '.join(sorted(odd))}")
    cantonese = filled["cantonese"]
    unknown = set(cantonese) - set(page)
    if unknown:
        raise KnowledgeError(f"{path.name}: cantonese: unknown: {', '.join(sorted(unknown))}")
    return Texts(notices=notices, page=page, cantonese=cantonese)


def fill_names(value: Any, names: Mapping[str, str], where: str) -> Any:
    """Replace ``{name}`` in every text of a YAML tree. Raises ``KnowledgeError`` for what is not text."""
    if isinstance(value, dict):
        return {key: fill_names(item, names, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [fill_names(item, names, where) for item in value]
    if not isinstance(value, str) or not value.strip():
        raise KnowledgeError(f"{where}: must be text")
    for name, text in names.items():
        value = value.replace(f"{{{name}}}", text)
    return value
