"""Runs a simulation, has it audited, and adds it up."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.hours import windows_of
from casework.simulation.checker import check
from casework.simulation.drives import DISTRICTS, Drive, Setup, drives_of
from casework.simulation.engine import Progress, Simulation
from casework.simulation.log import ENDINGS, ContactLog
from core.types import Disposition

_SAMPLE = 2_000
_BUSY_SHARE = 0.8  # planned use of the lines; the rest is for people who are tried again late
_COMPLETED = ENDINGS.index(Disposition.COMPLETED)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run. ``completed`` counts (person, campaign) pairs that were finished with success.

    ``lines_peak``: most calls at once; ``lines``: how many there were. ``line_use``: share of the
    open time that the lines were in use. ``stops``: how often a rule said no, by rule.
    """

    people: int
    days: int
    attempts: int
    completed: int
    violations: int
    lines_peak: int
    lines: int
    line_use: float
    messages: int
    completed_by_day: dict[str, int]
    completed_by_campaign: dict[str, int]
    completed_share_by_district: dict[str, float]
    attempts_per_person: dict[str, int]
    violations_by_rule: dict[str, int]
    stops: dict[str, int]
    dispositions: dict[str, int]


def simulate(setup: Setup, progress: Progress | None = None) -> Report:
    """Run, check and add up. The same setup gives the same report."""
    drives = drives_of(setup)
    lines = setup.lines or lines_needed(setup, drives)
    run = Simulation(setup, drives, lines)
    log = run.run(progress)
    barred = {person: _seconds(until) for person, until in run.imported.items()}
    violations = check(log, setup, drives, barred, lines)
    calls = [row for row in range(len(log)) if drives[log.drive[row]].channel == "phone"]
    return Report(
        people=setup.people,
        days=setup.days,
        attempts=len(calls),
        completed=log.ending.count(_COMPLETED),
        violations=sum(violations.values()),
        lines_peak=run.peak,
        lines=lines,
        line_use=round(
            sum(log.ended[row] - log.begun[row] for row in calls) / _line_seconds(setup, lines), 3
        ),
        messages=len(log) - len(calls),
        completed_by_day=_by_day(log, setup),
        completed_by_campaign=_by_campaign(log, drives),
        completed_share_by_district=_by_district(log, run.districts),
        attempts_per_person=_per_person(log, setup.people, calls),
        violations_by_rule=violations,
        stops=dict(sorted(run.stops.items())),
        dispositions=dict(sorted(Counter(ENDINGS[log.ending[row]].value for row in calls).items())),
    )


def lines_needed(setup: Setup, drives: Sequence[Drive]) -> int:
    """Estimate the lines from a sample of the people who are called without any want of lines."""
    sample = dataclasses.replace(setup, people=min(setup.people, _SAMPLE))
    log = Simulation(sample, drives, lines=sample.people * len(drives)).run()
    seconds = sum(log.ended) - sum(log.begun)
    return max(1, math.ceil(seconds * setup.people / sample.people / _line_seconds(setup, 1) / _BUSY_SHARE))


def _line_seconds(setup: Setup, lines: int) -> float:
    """How many seconds of office hours ``lines`` lines have; at least one second."""
    windows = [w for day in range(setup.days) for w in windows_of(setup.start + timedelta(days=day))]
    return max(1.0, lines * sum((window.closes - window.opens).total_seconds() for window in windows))


def _seconds(until: datetime) -> float:
    return float("inf") if until.year == datetime.max.year else until.timestamp()


def _by_day(log: ContactLog, setup: Setup) -> dict[str, int]:
    first = setup.begins.timestamp()
    days = Counter(
        int(log.begun[row] - first) // 86_400 for row in range(len(log)) if log.ending[row] == _COMPLETED
    )
    return {(setup.start + timedelta(days=day)).isoformat(): days[day] for day in range(setup.days)}


def _by_campaign(log: ContactLog, drives: Sequence[Drive]) -> dict[str, int]:
    counts = Counter(log.drive[row] for row in range(len(log)) if log.ending[row] == _COMPLETED)
    return {drive.name: counts[index] for index, drive in enumerate(drives)}


def _by_district(log: ContactLog, districts: bytes) -> dict[str, float]:
    """Share of each district's people with whom at least one contact was completed."""
    reached = {log.person[row] for row in range(len(log)) if log.ending[row] == _COMPLETED}
    people, done = Counter(districts), Counter(districts[person] for person in reached)
    return {name: round(done[i] / people[i], 3) if people[i] else 0.0 for i, name in enumerate(DISTRICTS)}


def _per_person(log: ContactLog, people: int, calls: Sequence[int]) -> dict[str, int]:
    each = Counter(log.person[row] for row in calls)
    counts = Counter(each.values())
    return {"0": people - len(each), **{str(number): counts[number] for number in sorted(counts)}}
