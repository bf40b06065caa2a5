"""Results on their way to the stream: what is waiting, what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from casework import schema
from casework.repository import Repository
from casework.types import AttemptState, Reconciliation
from core.codec import from_json
from core.types import Result


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A stored result that is not known to be published."""

    row_id: int
    result: Result


class Outbox(Repository):
    """The relay's side of the outbox, and the counts that prove nothing is lost."""

    async def waiting_results(self, limit: int = 100) -> tuple[OutboxRow, ...]:
        """Return what has not been published, in the order it was stored."""
        outbox, results = schema.outbox, schema.results
        query = (
            sa.select(outbox.c.id, results.c.document)
            .join(results, results.c.result_id == outbox.c.result_id)
            .where(outbox.c.published_at.is_(None))
            .order_by(outbox.c.id)
            .limit(limit)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(OutboxRow(row.id, from_json(row.document, Result)) for row in rows)

    async def mark_published(self, row_id: int, entry_id: str) -> None:
        """Note under which stream entry a row was published."""
        outbox = schema.outbox
        async with self._db.write() as connection:
            await connection.execute(
                outbox.update()
                .where(outbox.c.id == row_id, outbox.c.published_at.is_(None))
                .values(published_at=self._clock.now(), entry_id=entry_id)
            )

    async def published_after(self, last_id: str, limit: int = 10_000) -> tuple[int, ...]:
        """Return the newest published rows whose stream entries lie after ``last_id``.

        There are none unless the stream lost its end (Redis came back older, or empty).
        """
        outbox = schema.outbox
        query = (
            sa.select(outbox.c.id, outbox.c.entry_id)
            .where(outbox.c.published_at.isnot(None))
            .order_by(outbox.c.published_at.desc(), outbox.c.id.desc())
            .limit(limit)
        )
        last = _entry_key(last_id)
        lost = []
        async with self._db.read() as connection:
            for row in await connection.execute(query):
                if _entry_key(row.entry_id) <= last:
                    break
                lost.append(row.id)
        return tuple(lost)

    async def publish_again(self, row_ids: Sequence[int]) -> None:
        """Put published rows back among those that wait."""
        outbox = schema.outbox
        async with self._db.write() as connection:
            for start in range(0, len(row_ids), 500):
                await connection.execute(
                    outbox.update()
                    .where(outbox.c.id.in_(row_ids[start : start + 500]))
                    .values(published_at=None, entry_id="")
                )

    async def entry_of(self, result_id: str) -> str:
        """Return the stream entry of a published result; empty while it waits."""
        outbox = schema.outbox
        query = sa.select(outbox.c.entry_id).where(outbox.c.result_id == result_id)
        async with self._db.read() as connection:
            return str((await connection.execute(query)).scalar() or "")

    async def reconcile(self, campaign_id: str = "") -> Reconciliation:
        """Count attempts, calls, results and publications, of one campaign or of all."""
        attempts, calls, results, outbox = schema.attempts, schema.calls, schema.results, schema.outbox
        mine = [attempts.c.campaign_id == campaign_id] if campaign_id else []
        called = [calls.c.campaign_id == campaign_id] if campaign_id else []
        of_calls = sa.select(calls.c.call_id).where(*called)
        about = [results.c.source.in_(of_calls)] if campaign_id else []
        has_call = sa.select(calls.c.call_id).where(calls.c.call_id == attempts.c.id).exists()

        def count(table: sa.Table, *conditions: Any) -> Any:
            return sa.select(sa.func.count()).select_from(table).where(*conditions).scalar_subquery()

        def state(value: AttemptState, *conditions: Any) -> Any:
            return count(attempts, attempts.c.state == value, *mine, *conditions)

        published = outbox.join(results, results.c.result_id == outbox.c.result_id)
        dialled = attempts.c.started_at.isnot(None)
        columns = {
            "planned": state(AttemptState.PLANNED),
            "queued": state(AttemptState.QUEUED),
            "running": state(AttemptState.RUNNING),
            "dialled": count(attempts, dialled, *mine),
            "ended": state(AttemptState.ENDED, attempts.c.disposition != ""),
            "cancelled": state(AttemptState.ENDED, attempts.c.disposition == ""),
            "calls_stored": count(calls, *called),
            "results_stored": count(results, *about),
            "published": count(published, outbox.c.published_at.isnot(None), *about),
            "waiting": count(published, outbox.c.published_at.is_(None), *about),
            "unaccounted": state(AttemptState.ENDED, dialled, ~has_call),
        }
        async with self._db.read() as connection:
            row = (
                await connection.execute(sa.select(*(value.label(key) for key, value in columns.items())))
            ).one()
        return Reconciliation(**{key: int(getattr(row, key)) for key in columns})


def _entry_key(entry_id: str) -> tuple[int, int]:
    """Make ``1732312312312-0`` comparable."""
    time_ms, _, sequence = entry_id.partition("-")
    return int(time_ms or 0), int(sequence or 0)
