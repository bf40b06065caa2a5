"""The sentences of ``dialogues/domain`` as they stand now: changed without training, chosen by condition.

The model knows that a sentence is due, never how it reads; so the texts are read from the files when a
core starts or reloads. A variant is chosen by the channel and by conditions on slots (``language``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigError

DOMAIN_DIR = Path(__file__).resolve().parent.parent / "dialogues" / "domain"

Responses = Mapping[str, list[dict[str, Any]]]


def load_responses(folder: Path = DOMAIN_DIR) -> Responses:
    """Return response name → variants.

    Raises:
        ConfigError: a file is no YAML, a variant has no text, or two files hold one name.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.yml")):
        try:
            raw = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
        responses = raw.get("responses") or {} if isinstance(raw, dict) else {}
        for name, variants in responses.items():
            if name in found:
                raise ConfigError(f"{path.name}: {name}: already in another file")
            if not variants or not all(
                isinstance(v, dict) and str(v.get("text") or "").strip() for v in variants
            ):
                raise ConfigError(f"{path.name}: {name}: every variant needs a text")
            found[name] = variants
    return found
