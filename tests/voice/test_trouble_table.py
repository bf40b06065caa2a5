"""docs/phone.md says where each trouble is tested: what it names must be there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "phone.md"
_FILE = re.compile(r"`((?:transport/)?test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)")


def test_every_trouble_names_tests_that_exist() -> None:
    """Each row of the table names at least one test, and each named test is defined in its file."""
    section = PAGE.read_text(encoding="utf-8").split("where it is tested\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 16
    for row in rows:
        named = _FILE.findall(row)
        assert named, row
        for file, tests in named:
            source = (HERE / file).read_text(encoding="utf-8")
            for test in re.findall(r"`(test_\w+)`", tests):
                assert f"def {test}(" in source, f"{file}: {test}"
