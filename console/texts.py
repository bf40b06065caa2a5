"""Chinese names for codes, from ``texts.zh.yaml`` and ``core.titles``; an unnamed code is shown as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from core.titles import DISPOSITIONS

_FILE = Path(__file__).with_name("texts.zh.yaml")


@dataclass(frozen=True, slots=True)
class Texts:
    """What staff read in place of codes; ``tree`` is the file with the shared names added."""

    tree: Mapping[str, Any]

    def name(self, group: str, code: str) -> str:
        """Return the name of ``code`` in ``group`` (``dispositions``, ``fields``, ``channels`` …)."""
        return str(self.tree[group].get(code, code))

    def value_name(self, field: str, code: str) -> str:
        """Return the name of one coded value of a field."""
        return str(self.tree["values"].get(field, {}).get(code, code))

    def reason(self, code: str) -> str:
        """Return why something is to be reviewed, also for a reason this console does not know."""
        known = self.tree["reasons"].get(code)
        return str(known) if known else f"{self.tree['other_reason']}：{code}"

    def tone(self, disposition: str) -> str:
        """Return the colour family of a disposition."""
        for tone, members in self.tree["tones"].items():
            if disposition in members:
                return str(tone)
        return "quiet"

    def message(self, key: str) -> str:
        """Return a sentence of the interface."""
        return str(self.tree["messages"][key])


@cache
def load_texts() -> Texts:
    """Read the file once."""
    tree = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return Texts({**tree, "dispositions": {code.value: name for code, name in DISPOSITIONS.items()}})
