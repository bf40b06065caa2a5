"""What the console's lists ask beyond ``Calls``: filters by day, districts in use, job intentions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from casework import schema
from casework.calls import MAX_PAGE, Calls, parse_cursor
from casework.types import CallPage
from core.codec import from_json
from core.types import Disposition, Result


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list. ``since`` is included, ``until`` is not; ``None`` and ``""`` mean any.

    ``text`` is looked for in transcript and fields.
    """

    disposition: Disposition | None = None
    district: str = ""
    needs_review: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    campaign_id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class IntentionPage:
    """A page of job intentions, newest first; ``before`` fetches the next one."""

    results: tuple[Result, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class CallCounts:
    """How many calls began in a span of time, and how many of them want a look."""

    total: int
    completed: int
    needs_review: int


class Reading(Calls):
    """Readers for the console's pages."""

    async def search_calls(self, wanted: CallFilter, limit: int = 50, before: str = "") -> CallPage:
        """Return a page of matching calls, newest first. Raises ``BadInput`` for a bad ``before``."""
        return await self._page(_conditions(wanted), limit, before)

    async def list_calls(
        self,
        limit: int = 50,
        before: str = "",
        *,
        disposition: Disposition | None = None,
        district: str = "",
        needs_review: bool | None = None,
        text: str = "",
    ) -> CallPage:
        """Do as ``search_calls`` does, for the most common filters."""
        wanted = CallFilter(disposition, district, needs_review, text=text)
        return await self.search_calls(wanted, limit, before)

    async def count_calls(self, since: datetime, span: timedelta) -> CallCounts:
        """Count the calls that began in ``span`` from ``since`` on."""
        calls = schema.calls.c
        query = sa.select(
            sa.func.count(),
            sa.func.sum(sa.case((calls.disposition == Disposition.COMPLETED, 1), else_=0)),
            sa.func.sum(sa.case((calls.needs_review != "", 1), else_=0)),
        ).where(calls.started_at >= since, calls.started_at < since + span)
        async with self._db.read() as connection:
            row = (await connection.execute(query)).one()
        return CallCounts(*(int(value or 0) for value in row))

    async def call_districts(self) -> tuple[str, ...]:
        """Return the districts that occur among the calls."""
        calls = schema.calls.c
        query = sa.select(calls.district).where(calls.district != "").distinct().order_by(calls.district)
        async with self._db.read() as connection:
            return tuple((await connection.execute(query)).scalars())

    async def list_intentions(self, limit: int = 50, before: str = "", district: str = "") -> IntentionPage:
        """Return a page of job intentions, newest first. Raises ``BadInput`` for a bad ``before``."""
        limit = max(1, min(limit, MAX_PAGE))
        intentions, results = schema.intentions.c, schema.results.c
        conditions: list[Any] = [intentions.district == district] if district else []
        if before:
            at, result_id = parse_cursor(before)
            conditions.append(
                sa.or_(intentions.at < at, sa.and_(intentions.at == at, intentions.result_id < result_id))
            )
        query = (
            sa.select(results.document)
            .join(schema.intentions, intentions.result_id == results.result_id)
            .where(*conditions)
            .order_by(intentions.at.desc(), intentions.result_id.desc())
            .limit(limit + 1)
        )
        async with self._db.read() as connection:
            documents = (await connection.execute(query)).scalars().all()
        page = tuple(from_json(item, Result) for item in documents[:limit])
        last = page[-1] if len(documents) > limit else None
        return IntentionPage(page, f"{last.at.isoformat()}|{last.result_id}" if last else "")


def _conditions(wanted: CallFilter) -> list[Any]:
    calls = schema.calls.c
    conditions: list[Any] = []
    if wanted.disposition is not None:
        conditions.append(calls.disposition == wanted.disposition)
    if wanted.district:
        conditions.append(calls.district == wanted.district)
    if wanted.needs_review is not None:
        conditions.append(calls.needs_review != "" if wanted.needs_review else calls.needs_review == "")
    if wanted.campaign_id:
        conditions.append(calls.campaign_id == wanted.campaign_id)
    if wanted.text:
        conditions.append(calls.record.contains(wanted.text, autoescape=True))
    if wanted.since is not None:
        conditions.append(calls.started_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(calls.started_at < wanted.until)
    return conditions
