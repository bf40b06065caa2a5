"""The short form of the chaos run: one kill per boundary and process, Redis and PostgreSQL too."""

from __future__ import annotations

import subprocess
import sys
from json import loads
from pathlib import Path

import pytest

from benchmarks.chaos import MUST_BE_ZERO
from core.faults import POINTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.net
@pytest.mark.needs("initdb")
@pytest.mark.timeout(300)
def test_nothing_is_lost_dialled_twice_or_done_twice() -> None:
    """A process of its own: the run forks, which a test's threads would not survive."""
    command = [sys.executable, "-m", "benchmarks.chaos", "--calls", "80", "--rounds", "1", "--limit", "240"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.stdout, done.stderr[-2000:]
    found = loads(done.stdout)
    assert {key: found[key] for key in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0)
    assert done.returncode == 0
    assert found["results"] >= 80
    assert found["reconcile"]["lost"] == 0
    killed_at = {point for point in found["kills"] if point in POINTS}
    assert {"worker.claimed", "worker.stored", "relay.published"} <= killed_at
    assert found["kills"]["postgresql"] == found["kills"]["redis, came back empty"] == 1
