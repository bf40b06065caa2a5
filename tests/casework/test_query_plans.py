"""The queries that run all day use an index, on both databases, whatever they look like next year.

What is explained is what the store really sends: statements are taken off the connection.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from casework.partitions import Partitions, months_from
from casework.reading import CallFilter
from casework.register.types import RegisteredPerson
from casework.store import Store
from casework.types import Contact
from core.clock import VirtualClock
from tests.casework.samples import finished, intention

# Tables that grow with people and calls; a scan of one of them takes seconds in a city.
BIG = ("attempts", "persons", "registrations", "calls", "results", "outbox", "contacts", "do_not_call")


@pytest.fixture
async def sent(store: Store) -> AsyncIterator[list[tuple[str, Any]]]:
    """What the store sends from now on: statement and parameters."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        if not many and re.match(r"(SELECT|UPDATE|DELETE|WITH)", statement.lstrip()):
            found.append((statement, parameters))

    sa.event.listen(store._db.engine.sync_engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(store._db.engine.sync_engine, "before_cursor_execute", note)


async def _a_day(store: Store, clock: VirtualClock) -> None:
    """What happens all day: hand out, begin, store, relay, take back, look at, import."""
    fence = await store.take_fence()
    tasks = await store.hand_out(fence, 5)
    assert len(tasks) == 5
    assert await store.begin_attempt(tasks[0], "w", lease_ms=60_000)
    await store.extend_lease(tasks[0].task_id, "w", lease_ms=60_000)
    await store.save_call(*finished(tasks[0], clock.now()))
    await store.lost_tasks(fence, older_than_ms=15_000)
    await store.reap(fence)
    rows = await store.waiting_results()
    await store.mark_published({row.row_id: "1-1" for row in rows})
    await store.is_do_not_call("13800138001")
    await store.get_call(tasks[0].task_id)
    await store.search_calls(CallFilter())
    await store.upsert_people([RegisteredPerson("赵甲", "13800138001", "440106198001010010")])


async def _plan(store: Store, statement: str, parameters: Any) -> str:
    async with store._db.write() as connection:
        if store._db.is_sqlite:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(row[3] for row in rows)
        # On a small table a scan is right; what counts is whether an index can serve.
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        marks = (f"${number}" for number in itertools.count(1))
        text = re.sub(r"%s", lambda _: next(marks), statement).replace("%%", "%")
        driver = (await connection.get_raw_connection()).dbapi_connection._connection
        return "\n".join(row[0] for row in await driver.fetch(f"EXPLAIN {text}", *parameters))


def _scanned(plan: str) -> list[str]:
    """Return the big tables that a plan reads from end to end."""
    found = re.findall(r"SCAN (\w+)(?! USING)", plan)
    found += re.findall(r"Seq Scan on (?:nuanye_parts\.)?(\w+)", plan)
    return [name for name in found if any(re.fullmatch(rf"{big}(_\w+)?", name) for big in BIG)]


async def test_what_runs_all_day_uses_an_index(
    store: Store, clock: VirtualClock, sent: list[tuple[str, Any]]
) -> None:
    """No statement of a day's work reads one of the big tables from end to end."""
    contacts = [Contact(f"赵{'甲乙丙丁'[n % 4]}", f"138{n:08d}", "天河区") for n in range(3000)]
    await store.start_campaign("测试", contacts, ignore_window=True)
    await store.save_result(intention("web_1", clock.now()))
    if not store._db.is_sqlite:
        async with store._db.write() as connection:
            await connection.exec_driver_sql("ANALYZE")
    sent.clear()
    await _a_day(store, clock)
    bad = {}
    for statement, parameters in list(sent):
        if scanned := _scanned(await _plan(store, statement, parameters)):
            bad[" ".join(statement.split())[:300]] = scanned
    assert len(sent) > 20
    assert bad == {}


async def test_partitions_are_made_and_take_over_what_came_early(store: Store, clock: VirtualClock) -> None:
    """Attempts go to their month's partition; rows that had none move there; a repeat makes nothing."""
    await store.start_campaign("测试", [Contact("赵甲", "13800138001", "天河区")], ignore_window=True)
    part = store.part(Partitions)
    made = await part.ensure(2)
    if store._db.is_sqlite:
        assert made == await part.months() == ()
        return
    expected = months_from(clock.now().date(), 3)
    assert set(made) | set(await part.months()) >= set(expected)
    assert await part.ensure(2) == ()
    month = expected[0].replace("-", "_")
    async with store._db.read() as connection:
        there = await connection.exec_driver_sql(f"SELECT count(*) FROM nuanye_parts.attempts_{month}")
        assert there.scalar() == 1
        rest = await connection.exec_driver_sql("SELECT count(*) FROM nuanye_parts.attempts_rest")
        assert rest.scalar() == 0
    await store.start_campaign("再次", [Contact("赵甲", "13800138001", "天河区")], ignore_window=True)
    fence = await store.take_fence()
    assert len(await store.hand_out(fence, 5)) == 1


def test_months_run_over_the_end_of_a_year() -> None:
    """Four months from November on."""
    from datetime import date

    assert months_from(date(2026, 11, 30), 4) == ("2026-11", "2026-12", "2027-01", "2027-02")
