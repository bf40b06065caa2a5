"""The dispatcher on virtual time: due tasks, free lines, fair turns, one decision per contact.

Shares with the real dispatcher what decides (``permission.decide``, ``rules.next_attempt``,
``fairness.FairTurns``); only database, queue and telephones are replaced. Pure and deterministic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from random import Random

from casework.fairness import FairTurns, weight_of
from casework.hours import next_allowed, window_at
from casework.permission import Standing, Verdict, decide
from casework.rules import Ended, next_attempt
from casework.simulation.drives import DISTRICTS, Drive, Setup
from casework.simulation.log import ContactLog
from casework.simulation.world import IMPORTED_BARRED, World
from core.clock import CHINA
from core.types import Disposition

TICK = timedelta(seconds=5)
_EXPIRES_AFTER = timedelta(days=10)
_FOR_GOOD = datetime.max.replace(tzinfo=UTC)

Progress = Callable[[datetime, int, int], None]
# When it is due, person, number, endings of the attempts before.
_Task = tuple[datetime, int, int, tuple[Disposition, ...]]


@dataclass(slots=True)
class _Group:
    """One district of one drive, its tasks as a heap."""

    drive: int
    district: int
    tasks: list[_Task] = field(default_factory=list)

    def waits(self, now: datetime) -> bool:
        return bool(self.tasks) and self.tasks[0][0] <= now


class Simulation:
    """One run; ``run`` may be called once. ``barred`` maps people to when their entry expires."""

    def __init__(self, setup: Setup, drives: Sequence[Drive], lines: int) -> None:
        self._setup, self._drives, self._lines = setup, drives, lines
        rng = Random(setup.seed)  # noqa: S311  # repeatable, not secret
        self._world = World(setup.people, rng)
        self.districts = bytes(
            rng.choices(range(len(DISTRICTS)), weights=list(DISTRICTS.values()), k=setup.people)
        )
        self.barred: dict[int, datetime] = {
            person: setup.begins + _EXPIRES_AFTER if rng.random() < 0.5 else _FOR_GOOD
            for person in range(setup.people)
            if rng.random() < IMPORTED_BARRED
        }
        self.imported = dict(self.barred)
        self._calling: set[int] = set()
        self._earlier: dict[int, list[datetime]] = {}
        # When the call ends, its place (two may end together), drive, task, how it ended.
        self._calls: list[tuple[datetime, int, _Group, _Task, Disposition]] = []
        self._groups = self._plan(rng)
        self._turns = FairTurns(
            {
                index: weight_of(drives[group.drive].priority, len(group.tasks))
                for index, group in enumerate(self._groups)
            }
        )
        self.log = ContactLog()
        self.peak = 0
        self.stops: Counter[str] = Counter()

    def run(self, progress: Progress | None = None) -> ContactLog:
        """Go through all days; return every contact. ``progress`` hears of each new day."""
        now, day, done = self._opens(self._setup.begins), None, 0
        while now < self._setup.ends:
            if progress and (today := now.astimezone(CHINA).date()) != day:
                day = today
                progress(now, len(self.log), done)
            self._end_calls(now)
            done += self._hand_out(now)
            now = self._opens(now + TICK)
        self._end_calls(_FOR_GOOD)
        return self.log

    def _plan(self, rng: Random) -> list[_Group]:
        groups = [
            _Group(drive, district)
            for drive in range(len(self._drives))
            for district in range(len(DISTRICTS))
        ]
        for index, drive in enumerate(self._drives):
            for person in range(self._setup.people):
                if drive.share < 1 and rng.random() >= drive.share:
                    continue
                wait = timedelta(days=rng.randrange(drive.spread_days)) if drive.spread_days else timedelta(0)
                group = groups[index * len(DISTRICTS) + self.districts[person]]
                group.tasks.append((self._setup.begins + wait, person, 1, ()))
        for group in groups:
            heapify(group.tasks)
        return groups

    def _opens(self, at: datetime) -> datetime:
        """Return ``at`` while any drive has its hours, else when the next one opens."""
        return min(next_allowed(at, drive.policy.hours) for drive in self._drives)

    def _end_calls(self, now: datetime) -> None:
        while self._calls and self._calls[0][0] <= now:
            ended, _, group, task, ending = heappop(self._calls)
            _, person, number, before = task
            self._calling.discard(person)
            if ending is Disposition.OPT_OUT:
                self.barred[person] = _FOR_GOOD
            callback = self._world.callback(ended) if ending is Disposition.CALLBACK else None
            over = Ended(ending, number, ended, before.count(ending) + 1, callback)
            due = next_attempt(over, self._drives[group.drive].policy)
            if due is not None and due < self._setup.ends:
                heappush(group.tasks, (due, person, number + 1, (*before, ending)))

    def _hand_out(self, now: datetime) -> int:
        """Fill the free lines; return how many contacts were completed in this tick."""
        running = [self._runs(drive, now) for drive in self._drives]
        waiting = [
            index for index, group in enumerate(self._groups) if running[group.drive] and group.waits(now)
        ]
        completed = 0
        while waiting and len(self._calls) < self._lines:
            index = self._turns.first(waiting)
            group = self._groups[index]
            ending = self._contact(group, heappop(group.tasks), now)
            if ending is not None:
                self._turns.took(index)
                completed += ending is Disposition.COMPLETED
            if not group.waits(now):
                waiting.remove(index)
        self.peak = max(self.peak, len(self._calls))
        return completed

    def _runs(self, drive: Drive, now: datetime) -> bool:
        over = drive.policy.ends_at is not None and now >= drive.policy.ends_at
        return not over and window_at(now, drive.policy.hours) is not None

    def _contact(self, group: _Group, task: _Task, now: datetime) -> Disposition | None:
        """Contact the person if the rules allow it; return how it will end, ``None``: not now."""
        person, drive = task[1], self._drives[group.drive]
        verdict = self._decide(person, drive, now)
        if not verdict.allowed:
            self.stops[verdict.rule] += 1
            if not verdict.final:
                heappush(group.tasks, (verdict.until or now + timedelta(minutes=1), *task[1:]))
            return None
        self._earlier.setdefault(person, []).append(now)
        ending, seconds = Disposition.COMPLETED, 0
        if drive.channel == "phone":
            ending, seconds = self._world.call(person, now, drive.talk_s)
            self._calling.add(person)
            call = (now + timedelta(seconds=seconds), len(self.log), group, task, ending)
            heappush(self._calls, call)
        self.log.add((person, group.drive, task[2]), now, seconds, ending)
        return ending

    def _decide(self, person: int, drive: Drive, now: datetime) -> Verdict:
        expires = self.barred.get(person)
        earlier = self._earlier.get(person, ())
        standing = Standing(expires is not None and now < expires, person in self._calling, earlier)
        return decide(drive.policy, standing, now, self._setup.limits)
