"""Write docs/settings.md and docs/errors.md from the code; tests/test_docs.py fails when they lag behind."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from core import errors
from core.settings import ENV_PREFIX, Settings

_HIDDEN = " **secret**"
DOCS = Path(__file__).resolve().parent.parent / "docs"


def settings_page() -> str:
    """Return the table of settings."""
    hints = get_type_hints(Settings)
    rows = [
        f"| `{item.name}` | `{ENV_PREFIX}{item.name.upper()}` | {hints[item.name].__name__} "
        f"| {_shown(item.default)} | {item.metadata['help']}{_HIDDEN if item.metadata['secret'] else ''} |"
        for item in fields(Settings)
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables win over the TOML file that `NUANYE_CONFIG` names, which wins over the",
            "defaults. All bad keys are reported at once. This page is written by `scripts/make_docs.py`.",
            "",
            "| TOML key | environment | type | default | what it does |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def errors_page() -> str:
    """Return the table of error codes."""
    rows = [
        f"| `{kind.code}` | `{kind.__name__}` | {(kind.__doc__ or '').strip().splitlines()[0]} |"
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.NuanyeError)
    ]
    return "\n".join(
        [
            "# Error codes",
            "",
            'An HTTP error body is `{"error": {"code", "message", "hint"}}`; a command prints',
            "`错误 [code] message`, then the hint, and ends with status 1. Messages carry no personal data.",
            "This page is written by `scripts/make_docs.py`.",
            "",
            "| code | class | when |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _shown(value: object) -> str:
    return f"`{value}`" if str(value) else "–"


PAGES = {"settings.md": settings_page, "errors.md": errors_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
