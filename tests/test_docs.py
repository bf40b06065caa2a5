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
    for path in [*ROOT.glob("*/frontend/package-lock.json"), *ROOT.glob("*/miniprogram/package-lock.json")]:
        packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
        assert not [name for name, item in packages.items() if "resolved" in item], path
    assert "://" not in (ROOT / "requirements" / "pinned.txt").read_text(encoding="utf-8")


def test_the_error_page_lists_the_errors_of_every_package() -> None:
    """An error that a package raises on purpose has its code on the page, and a sentence that says when."""
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    packages = {row.split("`")[5].partition(".")[0] for row in page.splitlines() if row.startswith("| `")}

    assert packages >= {"core", "casework", "connectors", "voice", "nuanye"}
    assert not re.search(r"\| *\|$", page, re.MULTILINE)


def test_the_glossary_names_dispositions_as_the_screens_do() -> None:
    """Each disposition has in the glossary the Chinese name that staff see; terms are in order, once."""
    from core.titles import DISPOSITIONS

    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|$", page, re.MULTILINE))
    terms = [row.split("|")[1].strip().lower() for row in page.splitlines() if row.count("|") == 4]

    assert listed == {code.value: name for code, name in DISPOSITIONS.items()}
    assert len(terms) == len(set(terms))
