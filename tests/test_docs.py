"""The documentation keeps its promises."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def _make_docs() -> dict[str, object]:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.PAGES)


@pytest.mark.parametrize("name", ["settings.md", "errors.md"])
def test_generated_pages_match_the_code(name: str) -> None:
    """Each setting and each error code stands in its page as the code has it."""
    page = _make_docs()[name]
    assert callable(page)

    assert page() == (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_links_between_pages_resolve(path: Path) -> None:
    """A relative link or picture in a page names a file that exists."""
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_command_is_in_the_guide() -> None:
    """The guide mentions each command of the command line."""
    from nuanye.cli import _GROUPS

    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")

    assert [] == [name for name in _GROUPS if f"nuanye {name}" not in guide]


def test_every_direct_dependency_has_its_licence_listed() -> None:
    """docs/licences.md names each package that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(x for extra in project["optional-dependencies"].values() for x in extra),
    ]
    listed = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8").lower()

    names = [re.split(r"[<>=\[; ]", line)[0].lower() for line in wanted]
    assert [] == [name for name in names if f"`{name}`" not in listed]


def test_lock_files_record_no_download_address() -> None:
    """Where packages come from is the installer's setting, not the project's."""
    for path in ROOT.glob("*/frontend/package-lock.json"):
        packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
        assert not [name for name, item in packages.items() if "resolved" in item], path
    assert "://" not in (ROOT / "requirements" / "pinned.txt").read_text(encoding="utf-8")
