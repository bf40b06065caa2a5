"""The short form of the run on three hosts: one is cut off for seconds while it calls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos import MUST_BE_ZERO

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.net
@pytest.mark.needs("initdb", "netns")
@pytest.mark.timeout(420)
def test_a_host_that_is_cut_off_loses_nothing() -> None:
    """Every attempt has its one result, whichever host held it."""
    command = [sys.executable, "-m", "benchmarks.namespaces", "--calls", "60", "--cut", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.stdout, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert {key: found[key] for key in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0)
    assert done.returncode == 0
    assert found["results"] >= 60
