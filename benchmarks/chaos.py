"""Nothing is lost, whatever is killed: `python -m benchmarks.chaos [--calls N] [--rounds R] [--seed S]`.

Runs two casework processes, two voice workers (calls over simulated media, scripted dialogue) and two
districts' consumers on PostgreSQL and Redis of their own, and kills (SIGKILL) a process at every boundary of
``core.faults``, R times each, and Redis and PostgreSQL in between; Redis once comes back empty. Then
everything runs to its end, and the books are checked: every attempt dialled at most once, every attempt's
result stored, published and taken by its district once. Prints one JSON object; status 1 when a count that
must be 0 is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from benchmarks.chaos_parts import Fault, open_books, run_part
from benchmarks.postgres import Postgres
from casework import schema
from casework.database import Database
from casework.plans import CampaignPlan
from casework.store import open_store
from casework.types import Contact
from core.faults import POINTS
from core.redis_server import RedisServer
from core.settings import Settings
from nuanye.commands.results_upkeep import balance_of

ROLES = ("casework:1", "casework:2", "voice:1", "voice:2", "district:天河区", "district:海珠区")
DISTRICT_POINTS = ("district.stored",)
_LOOK_S = 0.5


def _points(role: str) -> list[str]:
    kinds = {"voice": ("worker.",), "casework": ("dispatcher.", "relay.", "intake.")}
    wanted = kinds.get(role.partition(":")[0])
    return [point for point in POINTS if point.startswith(wanted)] if wanted else list(DISTRICT_POINTS)


@dataclass(slots=True)
class Chaos:
    """One run."""

    settings: Settings
    folder: Path
    redis: RedisServer
    postgres: Postgres
    random: random.Random
    rounds: int
    kills: Counter[str] = field(default_factory=Counter)
    children: dict[int, tuple[str, Fault]] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)

    def start(self) -> None:
        """Start every process, each with its first fault."""
        for role in ROLES:
            often = [
                Fault(point, self.random.randint(1, 4)) for point in _points(role) for _ in range(self.rounds)
            ]
            self.random.shuffle(often)
            self.faults[role] = often
            self._spawn(role)

    def _spawn(self, role: str) -> None:
        fault = self.faults[role].pop() if self.faults[role] else Fault()
        pid = os.fork()
        if pid == 0:
            try:
                run_part(role, self.settings, self.folder, fault)
            finally:
                os._exit(1)
        self.children[pid] = (role, fault)

    def revive(self) -> None:
        """Start again what has died."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid not in self.children:
                continue
            role, fault = self.children.pop(pid)
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            self.kills[fault.point if killed else f"{role} ended by itself"] += 1
            self._spawn(role)

    def kill_redis(self, *, empty: bool) -> None:
        """SIGKILL; comes back with its data, or without any."""
        pid = self.redis.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.redis.wait()
        if empty:
            for path in (self.folder / "redis").glob("appendonly*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        time.sleep(0.3)
        self.redis.start()
        self.kills["redis, came back empty" if empty else "redis"] += 1

    def kill_postgres(self) -> None:
        """SIGKILL of the server; it recovers from its log."""
        self.postgres.kill()
        time.sleep(0.3)
        self.postgres.start()
        self.kills["postgresql"] += 1

    def end(self) -> None:
        """Ask every process to stop, and wait."""
        for pid in self.children:
            os.kill(pid, signal.SIGTERM)
        for pid in self.children:
            os.waitpid(pid, 0)
        self.children.clear()


def prepare(settings: Settings, calls: int) -> None:
    """Make the database and a campaign of ``calls`` invented people in two districts."""

    async def work() -> None:
        database = Database(settings.database)
        await database.migrate()
        await database.close()
        people = [
            Contact("王强", f"138{number:08}", ("天河区", "海珠区")[number % 2]) for number in range(calls)
        ]
        async with await open_store(settings) as store:
            await store.start_campaign("混乱演练", people, ignore_window=True, plan=CampaignPlan(guard=None))

    asyncio.run(work())


def progress(settings: Settings) -> tuple[int, int]:
    """Return how many first attempts have ended, and how many results are stored but not published."""

    async def work() -> tuple[int, int]:
        attempts, outbox = schema.attempts.c, schema.outbox.c
        ended = sa.select(sa.func.count()).where(attempts.number == 1, attempts.state == "ended")
        waiting = sa.select(sa.func.count()).where(outbox.published_at.is_(None))
        async with await open_store(settings) as store, store._db.read() as connection:
            return (
                int((await connection.execute(ended)).scalar_one()),
                int((await connection.execute(waiting)).scalar_one()),
            )

    return asyncio.run(work())


def run(calls: int, rounds: int, seed: int, limit_s: float, folder: Path) -> dict[str, object]:
    """Do the run in ``folder`` and return what was found."""
    postgres = Postgres(Path(tempfile.mkdtemp(prefix="nuanye-chaos-")) / "pg")
    os.chmod(postgres.home.parent, 0o755)
    postgres.start()
    redis = RedisServer(folder)
    redis.start()
    settings = Settings(
        data_dir=folder, database_url=postgres.create("chaos"), redis_url=redis.url, secret_key="chaos" * 10
    )
    began = time.monotonic()
    try:
        prepare(settings, calls)
        chaos = Chaos(settings, folder, redis, postgres, random.Random(seed), rounds)
        chaos.start()
        _drive(chaos, calls, began + limit_s)
        chaos.end()
        found = asyncio.run(judge(settings, folder, calls))
        return found | {"kills": dict(chaos.kills), "seconds": round(time.monotonic() - began, 1)}
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(postgres.home.parent, ignore_errors=True)


def _drive(chaos: Chaos, calls: int, deadline: float) -> None:
    """Kill servers as the work goes on; return when everything has come to its end."""
    at = [(share, deed) for share in range(1, chaos.rounds + 1) for deed in ("redis", "postgres")]
    deeds = [
        (calls * share * (1 + (deed == "postgres")) // (3 * chaos.rounds + 1), deed) for share, deed in at
    ]
    deeds = sorted(deeds)
    middle = next(place for place, (_, deed) in enumerate(deeds) if deed == "redis")
    while time.monotonic() < deadline:
        chaos.revive()
        ended, waiting = progress(chaos.settings)
        if deeds and ended >= deeds[0][0]:
            _, deed = deeds.pop(0)
            if deed == "redis":
                chaos.kill_redis(empty=middle == 0)
                middle -= 1
            else:
                chaos.kill_postgres()
            continue
        done = ended >= calls and not waiting and not deeds
        if done and asyncio.run(all_taken(chaos.settings, chaos.folder)):
            return
        time.sleep(_LOOK_S)
    raise SystemExit(f"not finished in time: {progress(chaos.settings)} of {calls}, see {chaos.folder}")


async def all_taken(settings: Settings, folder: Path) -> bool:
    """Return whether the districts have taken every stored result."""
    results = sa.select(schema.results.c.result_id)
    async with await open_store(settings) as store, store._db.read() as connection:
        stored = set((await connection.execute(results)).scalars())
    books = open_books(folder)
    taken = {row[0] for row in books.execute("SELECT result_id FROM effects")}
    books.close()
    return stored <= taken


async def judge(settings: Settings, folder: Path, calls: int) -> dict[str, object]:
    """Compare attempts, dials, results and effects."""
    report = await balance_of(settings)
    dials = Counter((folder / "dials").read_text().split())
    books = open_books(folder)
    effects = Counter(row[0] for row in books.execute("SELECT result_id FROM effects"))
    repeats = books.execute("SELECT COUNT(*) FROM repeats").fetchone()[0]
    books.close()
    attempts, answers = schema.attempts.c, schema.feedback.c
    async with await open_store(settings) as store, store._db.read() as connection:
        begun = set(
            (
                await connection.execute(sa.select(attempts.id).where(attempts.started_at.isnot(None)))
            ).scalars()
        )
        endings = await connection.execute(
            sa.select(attempts.disposition, sa.func.count())
            .where(attempts.disposition != "")
            .group_by(attempts.disposition)
        )
        by_ending = {row[0]: row[1] for row in endings}
        results = set((await connection.execute(sa.select(schema.results.c.result_id))).scalars())
        feedback = (await connection.execute(sa.select(sa.func.count(answers.feedback_id)))).scalar_one()
    return {
        "calls": calls,
        "dispositions": by_ending,
        "results": len(results),
        "lost_results": len(results - set(effects)) + int(report["lost"]),
        "double_dials": sum(count - 1 for count in dials.values()),
        "dials_without_attempt": len(set(dials) - begun),
        "effects_twice": sum(count - 1 for count in effects.values()),
        "effects_without_result": len(set(effects) - results),
        "duplicates_absorbed": int(repeats),
        "feedback_stored": int(feedback),
        "reconcile": {key: value for key, value in report.items() if key != "differences"},
        "differences": len(report["differences"]),
    }


MUST_BE_ZERO = (
    "lost_results", "double_dials", "dials_without_attempt", "effects_twice", "effects_without_result",
    "differences",
)  # fmt: skip


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5, help="kills per boundary and process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which it counts as stuck")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(options.calls, options.rounds, options.seed, options.limit, Path(folder))
    print(json.dumps(found, ensure_ascii=False))
    return int(any(found[key] for key in MUST_BE_ZERO))


if __name__ == "__main__":
    sys.exit(main())
