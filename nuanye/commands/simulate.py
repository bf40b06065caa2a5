"""`nuanye simulate`: a month of campaigns on virtual time."""

from __future__ import annotations

import dataclasses
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from nuanye.commands._common import print_json

if TYPE_CHECKING:
    from casework.simulation.report import Report

MAX_PEOPLE = 3_000_000
MAX_DAYS = 365


def simulate(
    people: Annotated[int, typer.Option(help="人数 · how many people")] = 340_000,
    days: Annotated[int, typer.Option(help="天数 · how many days")] = 30,
    seed: Annotated[int, typer.Option(help="随机种子，相同则结果相同 · same seed, same result")] = 1,
    lines: Annotated[int, typer.Option(help="线路数，0 为自动估算 · lines; 0: estimated")] = 0,
    start: Annotated[str, typer.Option(metavar="DATE", help="第一天，如 2026-11-01 · the first day")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """用真实的调度规则，在虚拟时间里模拟一个月的外呼，并由独立的检查程序核对是否违规。"""
    from casework.simulation.drives import START, Setup
    from casework.simulation.report import simulate as run

    if not 1 <= people <= MAX_PEOPLE or not 1 <= days <= MAX_DAYS or lines < 0:
        raise BadInput(
            "people, days or lines out of range", hint=f"1 to {MAX_PEOPLE} people, 1 to {MAX_DAYS} days"
        )
    try:
        first = datetime.strptime(start, "%Y-%m-%d").date() if start else START
    except ValueError:
        raise BadInput("start: not a date", hint="write it like 2026-11-01") from None
    started = time.monotonic()
    report = run(Setup(people, days, seed, first, lines), _tell)
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        print_json({**dataclasses.asdict(report), "seconds": seconds})
    else:
        _show(report, seconds)
    if report.violations:
        raise SystemExit(1)


def _tell(now: datetime, contacts: int, completed: int) -> None:
    from core.clock import CHINA

    day = now.astimezone(CHINA).date()
    print(f"{day}  已联系 {contacts} 次，完成 {completed}", file=sys.stderr)


def _show(report: Report, seconds: float) -> None:
    print(f"{report.people} 人，{report.days} 天：呼叫 {report.attempts} 次，消息 {report.messages} 条")
    print(f"完成 {report.completed}  线路最多同时用 {report.lines_peak} 条（共 {report.lines} 条）")
    print(f"线路利用率 {report.line_use:.1%}  违规 {report.violations} 次  用时 {seconds} 秒")
    print("每人被呼叫次数：" + "  ".join(f"{n}次 {c}人" for n, c in report.attempts_per_person.items()))
    for day, completed in report.completed_by_day.items():
        if completed:
            print(f"  {day}  完成 {completed}")
    for rule, count in report.violations_by_rule.items():
        if count:
            print(f"违规 {rule}\t{count}")
