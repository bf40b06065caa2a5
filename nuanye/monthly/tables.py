"""Pure: a month's figures as titled tables, which page and workbook show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from casework.keeping.month import Month
from console.texts import Texts

STATUSES = (
    "employed", "self_employed", "flexible", "unemployed", "not_looking", "studying", "retired", "unable",
)  # fmt: skip
_NEEDS = {"training": "愿意参加培训", "wanted_jobs": "有明确求职意向", "contact": "同意继续联系"}
_OUTCOMES = {
    "reviewed": "已复核，无需处理",
    "contacted": "已联系",
    "offered": "已提供岗位或课程",
    "placed": "已就业",
    "refused": "本人不需要",
    "not_found": "联系不上",
}

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` under ``header``; ``chart``: ``bars``, ``stack``, ``days`` or none; ``note`` below it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    chart: str = ""
    note: str = ""


def title_of(month: Month) -> str:
    """Return the report's title."""
    return f"{month.first.year}年{month.first.month}月 就业回访月报"


def tables_of(month: Month, texts: Texts) -> tuple[Table, ...]:
    """Return the report's tables in their order."""
    return (
        _reach(month),
        Table(
            "每日呼叫",
            ("日期", "呼叫", "完成回访"),
            tuple((day.isoformat(), calls, done) for day, (calls, done) in month.days.items()),
            "days",
        ),
        _counts(
            "通话结果",
            month.dispositions,
            {code: texts.name("dispositions", code) for code in month.dispositions},
        ),
        _employment(month, texts),
        _counts(
            "服务需求（人）",
            month.needs,
            {code: _need(code, texts) for code in month.needs},
            month.reach.completed,
        ),
        _waits(month),
        _reviews(month, texts),
        _counts("各区反馈", month.outcomes, _OUTCOMES),
    )


def _reach(month: Month) -> Table:
    reach = month.reach
    base = reach.planned
    rows = (
        ("计划回访人数", base, "100%" if base else "—"),
        ("已拨打人数", reach.called, _share(reach.called, base)),
        ("接通人数", reach.answered, _share(reach.answered, base)),
        ("完成回访人数", reach.completed, _share(reach.completed, base)),
        ("呼叫次数", reach.attempts, ""),
        ("通话时长（分钟）", reach.talk_minutes, ""),
    )
    return Table("触达", ("项目", "数量", "占计划"), rows)


def _counts(title: str, counts: Mapping[str, int], names: Mapping[str, str], base: int = 0) -> Table:
    total = base or sum(counts.values())
    rows = tuple((names.get(code, code), count, _share(count, total)) for code, count in counts.items())
    return Table(title, ("类别", "数量", "占比"), rows, "bars")


def _employment(month: Month, texts: Texts) -> Table:
    seen = [s for s in STATUSES if any(s in counts for counts in month.employment.values())]
    names = [texts.value_name("employment_status", status) for status in seen]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (district, *(counts.get(status, 0) for status in seen), sum(counts.values()))
        for district, counts in month.employment.items()
    )
    return Table(
        "各区就业状况（人）", ("区", *names, "合计"), rows, "stack", "每人取当月最近一次说明的情况。"
    )


def _waits(month: Month) -> Table:
    waits = month.waits
    rows: Sequence[tuple[Cell, ...]] = [
        (f"{days} 天内接通", count, _share(count, waits.people)) for days, count in waits.within.items()
    ]
    median = "—" if waits.median_days is None else f"{waits.median_days:.1f} 天"
    note = f"从首次安排呼叫到首次接通，共 {waits.people} 人，中位数 {median}。"
    return Table("等待时间", ("等待", "人数", "占比"), tuple(rows), "bars", note)


def _reviews(month: Month, texts: Texts) -> Table:
    reviews = month.reviews
    rows: tuple[tuple[Cell, ...], ...] = (
        ("需复核", reviews.wanted, ""),
        ("已复核", reviews.reviewed, _share(reviews.reviewed, reviews.wanted)),
        ("待复核", reviews.open, _share(reviews.open, reviews.wanted)),
        *((f"原因：{texts.reason(code)}", count, "") for code, count in reviews.reasons.items()),
    )
    median = "—" if reviews.median_hours is None else f"{reviews.median_hours:.1f} 小时"
    return Table("复核状态", ("项目", "数量", "占需复核"), rows, "", f"从得出结果到复核，中位数 {median}。")


def _need(code: str, texts: Texts) -> str:
    if code.startswith("hardship:"):
        return f"困难：{texts.value_name('hardship', code.removeprefix('hardship:'))}"
    return _NEEDS.get(code, code)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "—"
