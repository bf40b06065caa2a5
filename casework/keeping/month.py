"""What a month came to: counted in one pass over the month's calls and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from casework import schema
from casework.repository import Repository
from core.clock import CHINA
from core.types import Disposition, FeedbackOutcome

_PAGE = 5000
_WAITS = (1, 3, 7, 14, 30)  # days
UNASSIGNED = "区不详"


@dataclass(frozen=True, slots=True)
class Reach:
    """People by how far they were reached; ``attempts`` and ``talk_minutes`` of all calls."""

    planned: int
    called: int
    answered: int
    completed: int
    attempts: int
    talk_minutes: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Days from a person's first planned attempt to the first call that was answered.

    ``within``: cumulated people by days (1, 3, 7, 14, 30); ``median_days`` ``None``: nobody was reached.
    """

    people: int
    within: Mapping[int, int]
    median_days: float | None


@dataclass(frozen=True, slots=True)
class Reviews:
    """Results that a person should look at: all, looked at, open; reasons; hours until looked at."""

    wanted: int
    reviewed: int
    reasons: Mapping[str, int]
    median_hours: float | None

    @property
    def open(self) -> int:
        """How many nobody has looked at."""
        return self.wanted - self.reviewed


@dataclass(frozen=True, slots=True)
class Month:
    """The figures of one month of China's time. ``employment``: district → status → people.

    ``needs``: ``hardship:illness``, ``training``, ``wanted_jobs``, ``contact`` → people.
    """

    first: date
    reach: Reach
    days: Mapping[date, tuple[int, int]]
    dispositions: Mapping[str, int]
    employment: Mapping[str, Mapping[str, int]]
    needs: Mapping[str, int]
    waits: Waits
    reviews: Reviews
    outcomes: Mapping[str, int] = field(default_factory=dict)


class _Field(msgspec.Struct):
    value: Any = None


class _Detail(msgspec.Struct):
    district: str = ""


class _Document(msgspec.Struct):
    """Only what the report counts: reading the whole of 340,000 results would take minutes."""

    fields: dict[str, _Field]
    needs_review: list[str]
    detail: _Detail


_READ = msgspec.json.Decoder(_Document)


def span_of(first: date) -> tuple[datetime, datetime]:
    """Return the month's beginning and end in China's time."""
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return (
        datetime(first.year, first.month, 1, tzinfo=CHINA),
        datetime(following.year, following.month, 1, tzinfo=CHINA),
    )


class _Calls:
    """Counts calls as they come, oldest first."""

    def __init__(self) -> None:
        self.days: dict[date, list[int]] = {}
        self.dispositions: Counter[str] = Counter()
        self.answered: dict[str, datetime] = {}
        self._called: set[str] = set()
        self._completed: set[str] = set()
        self._talk = timedelta()

    def add(self, row: Any) -> None:
        """Count one."""
        self._called.add(row.person_id)
        self.dispositions[row.disposition] += 1
        day = self.days.setdefault(row.started_at.astimezone(CHINA).date(), [0, 0])
        day[0] += 1
        if row.answered_at is not None:
            self.answered.setdefault(row.person_id, row.answered_at)
            self._talk += row.ended_at - row.answered_at
        if row.disposition == Disposition.COMPLETED:
            self._completed.add(row.person_id)
            day[1] += 1

    def reach(self, planned: set[str]) -> Reach:
        """Return how far people were reached; whoever was called was planned."""
        return Reach(
            len(planned | self._called),
            len(self._called),
            len(self.answered),
            len(self._completed),
            self.dispositions.total(),
            round(self._talk / timedelta(minutes=1)),
        )


class Months(Repository):
    """Reads a month."""

    async def month(self, first: date) -> Month:
        """Count the month that begins on ``first``. Raises ``StorageError``."""
        since, until = span_of(first)
        calls = _Calls()
        async for row in self._calls(since, until):
            calls.add(row)
        employment, needs, reasons = await self._learnt(since, until)
        return Month(
            first,
            calls.reach(await self._planned(since, until)),
            {day: (counts[0], counts[1]) for day, counts in sorted(calls.days.items())},
            dict(calls.dispositions.most_common()),
            employment,
            dict(needs.most_common()),
            await self._waits(calls.answered, since, until),
            await self._reviews(since, until, reasons),
            await self._outcomes(since, until),
        )

    async def _calls(self, since: datetime, until: datetime) -> AsyncIterator[Any]:
        calls = schema.calls.c
        query = sa.select(
            calls.person_id, calls.started_at, calls.answered_at, calls.ended_at, calls.disposition
        ).where(calls.started_at >= since, calls.started_at < until)
        async with self._db.read() as connection:
            async for row in await connection.stream(query.order_by(calls.started_at, calls.call_id)):
                yield row

    async def _planned(self, since: datetime, until: datetime) -> set[str]:
        attempts = schema.attempts.c
        query = (
            sa.select(attempts.person_id).where(attempts.due_at >= since, attempts.due_at < until).distinct()
        )
        async with self._db.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def _learnt(
        self, since: datetime, until: datetime
    ) -> tuple[dict[str, dict[str, int]], Counter[str], Counter[str]]:
        """Return employment by district, needs and review reasons; of each person the newest word counts."""
        status: dict[str, tuple[str, str]] = {}
        needs: dict[str, set[str]] = {}
        reasons: Counter[str] = Counter()
        results = schema.results.c
        query = (
            sa.select(results.subject, results.document)
            .where(results.at >= since, results.at < until)
            .order_by(results.at, results.result_id)
        )
        async with self._db.read() as connection:
            async for row in await connection.stream(query):
                document = _READ.decode(row.document)
                reasons.update(set(document.needs_review))
                found = document.fields.get("employment_status")
                if found is not None and isinstance(found.value, str):
                    status[row.subject] = (document.detail.district or UNASSIGNED, found.value)
                for need in _needs(document):
                    needs.setdefault(need, set()).add(row.subject)
        employment: dict[str, Counter[str]] = {}
        for district, value in status.values():
            employment.setdefault(district, Counter())[value] += 1
        counted = Counter({need: len(people) for need, people in needs.items()})
        return {name: dict(counts) for name, counts in sorted(employment.items())}, counted, reasons

    async def _waits(self, answered: Mapping[str, datetime], since: datetime, until: datetime) -> Waits:
        """Only people whose first attempt of the month is known can have waited."""
        attempts = schema.attempts.c
        query = (
            sa.select(attempts.person_id, sa.func.min(attempts.due_at).label("due"))
            .where(attempts.due_at >= since, attempts.due_at < until, attempts.number == 1)
            .group_by(attempts.person_id)
        )
        waited: list[float] = []
        async with self._db.read() as connection:
            for row in await connection.execute(query):
                if row.person_id in answered:
                    due = _utc(row.due)
                    waited.append(max(0.0, (answered[row.person_id] - due) / timedelta(days=1)))
        within = {days: sum(each <= days for each in waited) for days in _WAITS}
        return Waits(len(waited), within, _median(waited))

    async def _reviews(self, since: datetime, until: datetime, reasons: Counter[str]) -> Reviews:
        results, feedback = schema.results.c, schema.feedback.c
        query = (
            sa.select(results.result_id, results.at, sa.func.min(feedback.received_at).label("seen"))
            .outerjoin(schema.feedback, feedback.result_id == results.result_id)
            .where(results.at >= since, results.at < until, results.needs_review.is_(True))
            .group_by(results.result_id, results.at)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        hours = [(_utc(row.seen) - row.at) / timedelta(hours=1) for row in rows if row.seen is not None]
        return Reviews(len(rows), len(hours), dict(reasons.most_common()), _median(hours))

    async def _outcomes(self, since: datetime, until: datetime) -> dict[str, int]:
        feedback = schema.feedback.c
        query = (
            sa.select(feedback.outcome, sa.func.count())
            .where(feedback.at >= since, feedback.at < until)
            .group_by(feedback.outcome)
        )
        async with self._db.read() as connection:
            counts = {row[0]: int(row[1]) for row in await connection.execute(query)}
        return {each.value: counts[each.value] for each in FeedbackOutcome if each.value in counts}


def _needs(document: _Document) -> list[str]:
    fields = document.fields
    found = []
    hardship = fields.get("hardship")
    if hardship is not None and isinstance(hardship.value, list):
        found += [f"hardship:{each}" for each in hardship.value if isinstance(each, str)]
    if (wish := fields.get("training_wish")) is not None and wish.value is True:
        found.append("training")
    if (jobs := fields.get("wanted_jobs")) is not None and jobs.value:
        found.append("wanted_jobs")
    if (consent := fields.get("contact_consent")) is not None and consent.value is True:
        found.append("contact")
    return found


def _utc(value: datetime | str) -> datetime:
    """Aggregates lose the column's type on SQLite."""
    return schema.UtcTime().process_result_value(
        datetime.fromisoformat(value) if isinstance(value, str) else value, None
    )  # type: ignore[return-value]  # never None here


def _median(values: list[float]) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
