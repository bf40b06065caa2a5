"""A simulated month: nothing forbidden happens, the sums add up, and a seed repeats itself."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import date

import pytest

from casework.permission import Rule, Verdict
from casework.simulation import engine
from casework.simulation.drives import DISTRICTS, Setup, drives_of
from casework.simulation.report import Report, lines_needed, simulate
from nuanye.cli import main

SMALL = Setup(people=400, days=6, seed=7, lines=3)


@pytest.fixture(scope="module")
def report() -> Report:
    """A small run."""
    return simulate(SMALL)


def test_a_small_month_is_clean_and_adds_up(report: Report) -> None:
    """No violation; attempts, people, days and campaigns are counted once each."""
    assert (report.violations, report.lines_peak) == (0, 3)
    assert sum(report.violations_by_rule.values()) == 0
    assert sum(report.attempts_per_person.values()) == report.people == 400
    per_person = sum(int(number) * count for number, count in report.attempts_per_person.items())
    assert per_person == sum(report.dispositions.values()) == report.attempts > 400
    assert sum(report.completed_by_day.values()) == sum(report.completed_by_campaign.values())
    assert report.completed == sum(report.completed_by_day.values()) > 100
    assert set(report.completed_share_by_district) == set(DISTRICTS)
    assert report.stops["do_not_call"] > 0


def test_the_same_seed_gives_the_same_report(report: Report) -> None:
    """Determinism: everything is equal; another seed gives another month."""
    assert simulate(SMALL) == report
    assert simulate(dataclasses.replace(SMALL, seed=8)) != report


def test_a_rule_that_is_switched_off_is_found_by_the_auditor(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the decision allows everything, the independent check sees it: it does not share the rules."""
    monkeypatch.setattr(engine, "decide", lambda *_: Verdict(Rule.ALLOWED))
    broken = simulate(dataclasses.replace(SMALL, people=1000, lines=40))
    assert broken.violations_by_rule["do_not_call"] > 0
    assert broken.violations_by_rule["budget_day"] > 0
    assert broken.violations > 10


def test_days_off_stay_empty() -> None:
    """Over the holiday and its make-up Saturday, contacts fall on workdays only."""
    report = simulate(Setup(people=2500, days=11, seed=1, start=date(2026, 9, 30), lines=1))
    assert report.violations == 0
    idle = {day for day, completed in report.completed_by_day.items() if completed == 0}
    assert {f"2026-10-0{day}" for day in range(1, 8)} <= idle
    assert report.completed_by_day["2026-10-10"] > 0


def test_districts_are_served_alike_when_lines_are_short() -> None:
    """With too few lines for everybody, no district is finished while another one waits."""
    report = simulate(Setup(people=6000, days=2, seed=3, lines=4))
    shares = report.completed_share_by_district.values()
    assert max(shares) < 0.45
    assert max(shares) - min(shares) < 0.2


def test_more_people_need_more_lines() -> None:
    """The estimate grows with the work and is never nothing."""
    few, many = (Setup(people=people, days=5) for people in (1, 20_000))
    assert lines_needed(few, drives_of(few)) == 1
    assert lines_needed(many, drives_of(many)) > 10


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nuanye", "simulate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_prints_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The promised keys stand on stdout, the progress on stderr."""
    arguments = ("--people", "200", "--days", "3", "--seed", "5", "--lines", "2", "--json")
    assert _run(monkeypatch, *arguments) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    wanted = {"people", "days", "attempts", "completed", "violations", "lines_peak", "seconds"}
    assert wanted <= set(found)
    assert (found["people"], found["days"], found["violations"]) == (200, 3, 0)
    assert "2026-09-15" in captured.err


@pytest.mark.parametrize(
    "arguments",
    [("--people", "0"), ("--days", "0"), ("--days", "9999"), ("--lines", "-1"), ("--start", "morgen")],
)
def test_impossible_wishes_are_refused(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody, no days, a date that is none: status 1 and a code."""
    assert _run(monkeypatch, *arguments) == 1
    assert "input.invalid" in capsys.readouterr().err
