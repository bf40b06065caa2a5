"""Lists of labelled lines: JSON objects, one a line. Read whole or refused by file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.errors import BadInput

MAX_BYTES = 50_000_000


def read_rows(paths: Sequence[Path], needs: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of ``paths`` with the place each stands at; empty lines are passed over.

    ``needs`` says in an error what a line must hold.

    Raises:
        BadInput: a file that cannot be read, is too large or holds no line, or a line that is no object.
    """
    for path in paths:
        found = False
        for number, row in enumerate(_text(path).splitlines(), start=1):
            if not row.strip():
                continue
            where = f"{path.name}, line {number}"
            try:
                value = json.loads(row)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise BadInput(f"{where}: not an object with {needs}")
            found = True
            yield where, value
        if not found:
            raise BadInput(f"{path.name}: no lines")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path.name}: larger than {MAX_BYTES // 1_000_000} MB", hint="split it")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read ({type(error).__name__})") from None
