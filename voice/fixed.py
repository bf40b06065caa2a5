"""Which sentences of the dialogue can be rendered before they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigError
from voice.prompts import pieces

_ROOT = Path(__file__).resolve().parent.parent
DOMAIN = _ROOT / "dialogues" / "domain"
POLICIES = _ROOT / "bot" / "knowledge" / "spoken.yaml"


def fixed_sentences(known: Mapping[str, str], *, only: str = "", domain: Path = DOMAIN) -> tuple[str, ...]:
    """Return every clause that the domain's phone responses can need, with ``known`` filled in.

    Clauses with a value that only the conversation brings are left out. ``only`` keeps the
    clauses that hold this value. Raises ``ConfigError`` for a file that is no domain.
    """
    found: dict[str, None] = {}
    for text in _phone_texts(domain):
        if only and f"{{{only}}}" not in text:
            continue
        for clause in pieces(text):
            if only and f"{{{only}}}" not in clause:
                continue
            for key, value in known.items():
                clause = clause.replace(f"{{{key}}}", value)
            if "{" not in clause:
                found[clause] = None
    return tuple(found)


@lru_cache(maxsize=4)
def _phone_texts(domain: Path) -> tuple[str, ...]:
    texts: list[str] = []
    for path in sorted(domain.glob("*.yml")):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
        responses = document.get("responses", {}) if isinstance(document, dict) else {}
        for name, variants in responses.items():
            # Words inside sentences are never said alone.
            if not str(name).startswith("utter_word_"):
                texts += _spoken(variants)
    return tuple(texts)


def _spoken(variants: Any) -> Iterator[str]:
    """The variants that a phone conversation picks from: those for the phone, else those for all.

    One with a condition is for few; it is rendered when it is needed.
    """
    texts = (item for item in variants or () if isinstance(item, dict) and "condition" not in item)
    listed = [item for item in texts if isinstance(item.get("text"), str)]
    for_phone = [item for item in listed if item.get("channel") == "phone"]
    for item in for_phone or [item for item in listed if "channel" not in item]:
        yield item["text"]


def policy_sentences(path: Path = POLICIES) -> tuple[str, ...]:
    """Return the spoken policy answers, the most likely sentences of a call that no plan foresees.

    Raises ``ConfigError`` for a file that is no mapping of texts.
    """
    try:
        spoken = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(spoken, dict):
        raise ConfigError(f"{path.name}: must be a mapping")
    return tuple(str(text) for text in spoken.values())
