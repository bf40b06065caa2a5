"""One call and its results, and how a page of calls is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from casework import schema
from casework.campaigns import campaign_from
from casework.repository import Repository
from casework.types import CallPage, CallRecord, CallSummary, StoredCall
from casework.vault import with_name
from core.codec import from_json
from core.errors import BadInput
from core.types import Disposition, Result

MAX_PAGE = 200


class Calls(Repository):
    """Readers of finished calls and results."""

    async def get_call(self, call_id: str) -> StoredCall | None:
        """Return a finished call with its campaign and the ids of its results."""
        calls, campaigns, results = schema.calls, schema.campaigns, schema.results
        async with self._db.read() as connection:
            row = (await connection.execute(sa.select(calls).where(calls.c.call_id == call_id))).first()
            if row is None:
                return None
            campaign = (
                await connection.execute(sa.select(campaigns).where(campaigns.c.id == row.campaign_id))
            ).first()
            result_ids = (
                await connection.execute(
                    sa.select(results.c.result_id)
                    .where(results.c.source == call_id)
                    .order_by(results.c.at, results.c.result_id)
                )
            ).scalars()
            return StoredCall(
                self._record(row), campaign_from(campaign) if campaign else None, tuple(result_ids)
            )

    async def get_result(self, result_id: str) -> Result | None:
        """Return one result."""
        results = schema.results
        query = sa.select(results.c.document).where(results.c.result_id == result_id)
        async with self._db.read() as connection:
            document = (await connection.execute(query)).scalar()
        return None if document is None else from_json(document, Result)

    async def results_of(self, source: str) -> tuple[Result, ...]:
        """Return the results of one call or conversation, oldest first."""
        results = schema.results
        query = sa.select(results.c.document).where(results.c.source == source).order_by(results.c.at)
        async with self._db.read() as connection:
            return tuple(from_json(item, Result) for item in (await connection.execute(query)).scalars())

    async def _page(self, conditions: Sequence[Any], limit: int, before: str) -> CallPage:
        limit = max(1, min(limit, MAX_PAGE))
        calls = schema.calls.c
        query = (
            sa.select(schema.calls)
            .where(*conditions)
            .order_by(calls.started_at.desc(), calls.call_id.desc())
            .limit(limit + 1)
        )
        if before:
            at, call_id = parse_cursor(before)
            query = query.where(
                sa.or_(calls.started_at < at, sa.and_(calls.started_at == at, calls.call_id < call_id))
            )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        page = tuple(self._summary(row) for row in rows[:limit])
        last = page[-1] if len(rows) > limit else None
        return CallPage(page, f"{last.started_at.isoformat()}|{last.call_id}" if last else "")

    def _summary(self, row: Any) -> CallSummary:
        return CallSummary(
            call_id=row.call_id,
            campaign_id=row.campaign_id,
            person_id=row.person_id,
            callee_name=self._vault.open(row.name_sealed, "name"),
            callee_address=self._vault.open(row.address_sealed, "address"),
            district=row.district,
            attempt=row.attempt,
            started_at=row.started_at,
            duration_ms=(row.ended_at - row.started_at) // timedelta(milliseconds=1),
            disposition=Disposition(row.disposition),
            needs_review=tuple(filter(None, row.needs_review.split(","))),
            has_recording=bool(row.recording),
        )

    def _record(self, row: Any) -> CallRecord:
        name = self._vault.open(row.name_sealed, "name")
        record = from_json(with_name(row.record, name), CallRecord)
        return dataclasses.replace(
            record, callee_name=name, callee_address=self._vault.open(row.address_sealed, "address")
        )


def parse_cursor(before: str) -> tuple[datetime, str]:
    """Read the end of a page: its last time and id. Raises ``BadInput``."""
    """Read where a page ended: time and id. Raises ``BadInput``."""
    at, _, call_id = before.partition("|")
    try:
        parsed = datetime.fromisoformat(at)
    except ValueError:
        raise BadInput("before: not the end of a page") from None
    if parsed.tzinfo is None or not call_id:
        raise BadInput("before: not the end of a page")
    return parsed, call_id
