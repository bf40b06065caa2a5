"""Write docs/settings.md and docs/errors.md from the code; tests/test_docs.py fails when they lag behind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

from core.errors import NuanyeError
from core.settings import ENV_PREFIX, Settings

_HIDDEN = " **secret**"
ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGES = ("core", "casework", "bot", "connectors", "voice", "console", "nuanye")


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
        f"| `{kind.code}` | `{kind.__name__}` | `{kind.__module__}` "
        f"| {(kind.__doc__ or '').strip().splitlines()[0]} |"
        for kind in error_classes()
    ]
    return "\n".join(
        [
            "# Error codes",
            "",
            'An HTTP error body is `{"error": {"code", "message", "hint"}}`; a command prints',
            "`错误 [code] message`, then the hint, and ends with status 1. Messages carry no personal data.",
            "This page is written by `scripts/make_docs.py`.",
            "",
            "| code | class | module | when |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def error_classes() -> list[type[NuanyeError]]:
    """Return every error of every package: those of core first, then by module.

    Only modules that define one are imported, so that this needs neither Rasa nor a model.
    """
    names, found = {NuanyeError.__name__}, {NuanyeError: None}
    modules = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in _sources()]
    grown = True
    while grown:
        grown = False
        for path, tree in modules:
            for name in [item.name for item in _subclasses(tree, names) if item.name not in names]:
                names.add(name)
                found[getattr(import_module(_module(path)), name)] = None
                grown = True
    kinds = [kind for kind in found if issubclass(kind, NuanyeError)]
    return sorted(kinds, key=_place)


def _place(kind: type[NuanyeError]) -> tuple[bool, str, int]:
    module = kind.__module__
    return module != "core.errors", module, list(vars(import_module(module))).index(kind.__name__)


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _subclasses(tree: ast.Module, names: set[str]) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and names & {
            ast.unparse(base).rpartition(".")[2] for base in node.bases
        }:
            yield node


def _shown(value: object) -> str:
    return f"`{value}`" if str(value) else "–"


PAGES = {"settings.md": settings_page, "errors.md": errors_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
