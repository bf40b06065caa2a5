"""The monthly report counts what is there, on both databases, and shows it without harm."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from casework.keeping.month import Month, Months, Reach, Reviews, Waits, span_of
from casework.results import call_result
from casework.store import Store
from casework.types import CallRecord
from console.texts import load_texts
from core.clock import VirtualClock
from core.types import Disposition, Feedback, FeedbackOutcome, FieldValue
from nuanye.monthly.book import write_book
from nuanye.monthly.page import page_of
from nuanye.monthly.tables import tables_of, title_of
from tests.casework.conftest import (  # noqa: F401 - fixtures
    clock,
    database_url,
    postgres,
    postgres_url,
    store,
)
from tests.casework.samples import CHEN, finished, one_task

DISTRICTS = ("天河区", "荔湾区", "白云区", "海珠区", "越秀区")
STATUSES = ("employed", "unemployed", "unemployed", "flexible", "not_looking")


async def fill_month(store: Store, first: date, people: int, seed: int = 1) -> None:  # noqa: F811
    """Invented calls of a month: every person once or twice."""
    chance = random.Random(seed)
    since, _ = span_of(first)
    for number in range(people):
        at = since + timedelta(days=chance.randrange(28), hours=9 + chance.randrange(9))
        ending = chance.choice([Disposition.COMPLETED] * 3 + [Disposition.NO_ANSWER, Disposition.REFUSED])
        talked = ending is not Disposition.NO_ANSWER
        fields = {}
        if ending is Disposition.COMPLETED:
            fields = {
                "employment_status": FieldValue(chance.choice(STATUSES), "", "m", 0.9),
                "training_wish": FieldValue(chance.random() < 0.3, "", "m", 0.9),
                "hardship": FieldValue(["illness"] if chance.random() < 0.1 else [], "", "m", 0.9),
            }
        record = CallRecord(
            call_id=f"att_{first}_{number}",
            campaign_id="cmp_1",
            person_id=f"per_{number}",
            callee_name="",
            callee_address="",
            district=chance.choice(DISTRICTS),
            attempt=1,
            started_at=at,
            answered_at=at + timedelta(seconds=8) if talked else None,
            ended_at=at + timedelta(seconds=98 if talked else 45),
            disposition=ending,
            fields=fields,
            needs_review=("hardship_signal",) if fields.get("hardship") and fields["hardship"].value else (),
        )
        await store.save_call(record, call_result(record, {}))


async def test_a_month_is_counted_and_its_edges_are_sharp(store: Store, clock: VirtualClock) -> None:  # noqa: F811
    """Calls of the month before and after do not count; waits and reviews are measured."""
    await fill_month(store, date(2026, 11, 1), 40)
    await fill_month(store, date(2026, 10, 1), 7)
    _, task, _ = await one_task(store, CHEN, ignore_window=True)
    await store.begin_attempt(task, "w", lease_ms=60_000)
    clock.advance_ms(timedelta(days=2).total_seconds() * 1000)
    record, result = finished(
        task, clock.now(), Disposition.PARTIAL, employment_status="retired", hardship=["illness"]
    )
    await store.save_call(record, result)
    clock.advance_ms(timedelta(hours=3).total_seconds() * 1000)
    seen = Feedback("f1", result.result_id, FeedbackOutcome.PLACED, "天河区", clock.now())
    await store.save_feedback(seen)
    month = await store.part(Months).month(date(2026, 11, 1))
    assert (month.reach.attempts, month.reach.called) == (41, 41)
    assert sum(calls for calls, _ in month.days.values()) == sum(month.dispositions.values()) == 41
    assert month.reach.completed == month.dispositions["completed"] <= month.reach.answered
    assert month.employment["天河区"]["retired"] == 1
    assert month.waits.people == 1
    assert month.waits.median_days == pytest.approx(2.0, abs=0.01)
    assert dict(month.waits.within) == {1: 0, 3: 1, 7: 1, 14: 1, 30: 1}
    assert month.reviews.reviewed == 1
    assert month.reviews.median_hours == pytest.approx(3.0)
    assert month.reviews.wanted - 1 == month.reviews.open == month.needs["hardship:illness"] - 1
    assert month.outcomes == {"placed": 1}


async def test_a_month_without_anything_is_a_report_too(store: Store, tmp_path: Path) -> None:  # noqa: F811
    """Nothing happened: the page says so, the workbook opens."""
    month = await store.part(Months).month(date(2026, 2, 1))
    tables = tables_of(month, load_texts())
    assert "本月没有数据" in page_of(title_of(month), "广州", "2026-03-01", tables)
    write_book(tmp_path / "report.xlsx", title_of(month), tables)
    assert "触达" in load_workbook(tmp_path / "report.xlsx").sheetnames


def test_names_from_data_run_nowhere(tmp_path: Path) -> None:
    """A district that is markup or a formula stays a text on the page and in the workbook."""
    evil = {'<script>alert("1")</script>': {"employed": 2}, '=HYPERLINK("http://x","y")': {"employed": 1}}
    month = Month(
        date(2026, 11, 1), Reach(3, 3, 3, 3, 3, 9), {date(2026, 11, 2): (3, 3)}, {"completed": 3}, evil, {},
        Waits(0, {}, None), Reviews(0, 0, {}, None),
    )  # fmt: skip
    tables = tables_of(month, load_texts())
    page = page_of(title_of(month), "<b>广州</b>", "2026-12-01", tables)
    assert "<script" not in page
    assert "<b>广州" not in page
    assert "http" not in page.replace("=HYPERLINK(&quot;http", "")
    write_book(tmp_path / "report.xlsx", title_of(month), tables)
    sheet = load_workbook(tmp_path / "report.xlsx")["各区就业状况人"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    assert any(str(cell.value).startswith("=HYPERLINK") for cell in cells)


def test_months_end_where_china_says() -> None:
    """December ends in the next year; the edges are midnights of China's time."""
    since, until = span_of(date(2026, 12, 1))
    assert (since.isoformat(), until.isoformat()) == (
        "2026-12-01T00:00:00+08:00",
        "2027-01-01T00:00:00+08:00",
    )
