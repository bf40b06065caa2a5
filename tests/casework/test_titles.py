"""Codes that staff see have Chinese names, the same ones as in the glossary."""

from __future__ import annotations

import re
from pathlib import Path

from core.titles import DISPOSITIONS
from core.types import Disposition


def test_every_disposition_is_named_as_in_the_glossary() -> None:
    """No disposition without a name, and no name that differs from docs/glossary.md."""
    glossary = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|$", glossary, re.MULTILINE))
    assert {str(code): name for code, name in DISPOSITIONS.items()} == {
        code: name for code, name in rows.items() if code in set(Disposition)
    }
    assert set(DISPOSITIONS) == set(Disposition)
