"""How long the dispatcher thinks: `python -m benchmarks.hand_out [--people N] [--lines L] [--database URL]`.

Registers invented people in a database of its own, freezes two campaigns of all of them, and hands out
until every line is taken, then line by line as calls end. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from casework.dispatcher import AT_ONCE
from casework.plans import Audience, CampaignPlan
from casework.register.types import RegisteredPerson
from casework.results import call_result
from casework.simulation.drives import DISTRICTS
from casework.store import Store, open_store
from casework.types import CallRecord
from core.clock import VirtualClock
from core.types import CallTask, Disposition

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
_CHUNK = 2000


async def _register(store: Store, people: int) -> None:
    districts = list(DISTRICTS)
    for start in range(0, people, _CHUNK):
        await store.upsert_people(
            [
                RegisteredPerson("王强", f"138{number:08}", district=districts[number % len(districts)])
                for number in range(start, min(start + _CHUNK, people))
            ]
        )


async def _talk(store: Store, task: CallTask, at: datetime) -> None:
    """A call that nobody answered: it is planned anew."""
    await store.begin_attempt(task, "w1", lease_ms=60_000)
    record = CallRecord(
        call_id=task.task_id,
        campaign_id=task.campaign_id,
        person_id=task.callee.person_id,
        callee_name=task.callee.name,
        callee_address=task.callee.address,
        district=task.callee.district,
        attempt=task.attempt,
        started_at=at,
        ended_at=at + timedelta(seconds=30),
        disposition=Disposition.NO_ANSWER,
    )
    await store.save_call(record, call_result(record, {}))


async def _measure(url: str, people: int, lines: int, ticks: int) -> dict[str, object]:
    clock = VirtualClock(start=MONDAY)
    async with await open_store(url, secret=b"benchmark-only" * 4, clock=clock) as store:
        await _register(store, people)
        started = time.perf_counter()
        for name, priority in (("回访", 5), ("通知", 6)):
            plan = CampaignPlan(audience=Audience(), priority=priority, guard=None)
            campaign = await store.prepare_campaign(name, plan)
            await store.launch(campaign.campaign_id)
        frozen = time.perf_counter() - started
        fence = await store.take_fence()
        taken, upkeep = [], []
        tasks: list[CallTask] = []
        for _ in range(ticks):
            begun = time.perf_counter()
            tasks += await store.hand_out(fence, min(AT_ONCE, lines - len(tasks)))
            taken.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            await store.pause_failing(fence)
            await store.finish_campaigns(fence)
            upkeep.append(time.perf_counter() - begun)
            ended, tasks = tasks[:5], tasks[5:]
            for task in ended:
                await _talk(store, task, clock.now())
            clock.advance_ms(250)
    return {
        "candidates": 2 * people,
        "lines": lines,
        "freeze_s": round(frozen, 1),
        "first_tick_ms": round(taken[0] * 1000, 1),
        "tick_p50_ms": round(statistics.median(taken) * 1000, 1),
        "tick_max_ms": round(max(taken) * 1000, 1),
        "upkeep_p50_ms": round(statistics.median(upkeep) * 1000, 1),
        "upkeep_max_ms": round(max(upkeep) * 1000, 1),
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=170_000)
    parser.add_argument("--lines", type=int, default=120)
    parser.add_argument("--ticks", type=int, default=100)
    parser.add_argument("--database", default="", help="an empty, migrated database; default: an SQLite file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.database or f"sqlite+aiosqlite:///{Path(folder) / 'nuanye.db'}"
        found = asyncio.run(_measure(url, arguments.people, arguments.lines, arguments.ticks))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
