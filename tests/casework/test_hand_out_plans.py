"""The hand-out's queries go through indexes: none of them reads a whole table, however long the list is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from casework.store import Store
from core.clock import VirtualClock
from core.types import Disposition
from tests.casework.samples import CHEN, LI, WANG, finished

# Tables that grow with people and calls.
LONG = {"attempts", "persons", "contacts", "do_not_call", "results", "calls", "outbox", "cases", "check_ins"}


async def test_no_query_of_a_tick_scans_a_long_table(sqlite_store: Store, clock: VirtualClock) -> None:
    """Every statement of hand-out, upkeep, relay and cases is explained by SQLite itself."""
    store, said = sqlite_store, []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    await store.start_campaign("测试", [CHEN, LI, WANG])
    fence = await store.take_fence()
    engine = store._db.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    for task in await store.hand_out(fence, 5):
        await store.begin_attempt(task, "w1", lease_ms=60_000)
        await store.save_call(*finished(task, clock.now(), Disposition.NO_ANSWER))
    await store.count_busy()
    await store.reap(fence)
    await store.lost_tasks(fence, older_than_ms=1000)
    await store.waiting_results()
    await store.raise_overdue(fence)
    await store.plan_check_ins(fence)
    await store.urgent_cases()
    sa.event.remove(engine, "before_cursor_execute", note)
    scans = set()
    async with store._db.read() as connection:
        for statement, parameters in said:
            if statement.split()[0] in {"SELECT", "UPDATE", "DELETE"} and not isinstance(parameters, list):
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                for row in plan:
                    words = row.detail.split()
                    if words[0] == "SCAN" and words[1] in LONG and "INDEX" not in words:
                        scans.add((words[1], statement))
    assert len(said) > 40
    assert not scans
