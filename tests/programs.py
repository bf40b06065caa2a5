"""Programs of the system that some tests call; where one is missing its tests are left out, never in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Program -> the Debian package that brings it (scripts/setup installs them all).
PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "chromium": "chromium",
    "initdb": "postgresql",
    "netns": "iproute2",
    "docker-compose": "docker-compose",
    "ffmpeg": "ffmpeg",
    "espeak-ng": "espeak-ng",
}

# Fixtures that start such a program.
_FIXTURES = {"chromium_page": "chromium", "postgres": "initdb"}


def find_program(name: str) -> str | None:
    """Return the path of a program; Debian keeps PostgreSQL's outside the search path."""
    if name == "netns":  # only root may make network namespaces
        return shutil.which("ip") if os.geteuid() == 0 else None
    found = shutil.which(name)
    if found is None and name == "initdb":
        versions = sorted(
            Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
        )
        found = str(versions[-1]) if versions else None
    return found


def needed_by(item: pytest.Item) -> set[str]:
    """Return the programs a test needs: ``@pytest.mark.needs("sipp")``, or those of its fixtures."""
    marked = {name for marker in item.iter_markers("needs") for name in marker.args}
    fixtures = getattr(item, "fixturenames", ())
    return marked | {program for fixture, program in _FIXTURES.items() if fixture in fixtures}


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> str:
    """Deselect tests whose program is missing and return what to tell; in CI nothing is left out."""
    missing = {name for name in PACKAGES if find_program(name) is None}
    if not missing or os.environ.get("CI"):
        return ""
    out = [item for item in items if needed_by(item) & missing]
    if not out:
        return ""
    items[:] = [item for item in items if item not in set(out)]
    config.hook.pytest_deselected(items=out)
    packages = " ".join(sorted({PACKAGES[name] for item in out for name in needed_by(item) & missing}))
    return f"left out: {len(out)} tests that need Debian packages which are not installed: {packages}"
