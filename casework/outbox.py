"""Results on their way to the stream: what is waiting, what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from casework import schema
from casework.balance import Balance
from casework.feedback import Feedbacks
from core.codec import from_json
from core.types import Result


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A stored result that is not known to be published."""

    row_id: int
    result: Result
    document: str  # its JSON, as stored


class Outbox(Balance, Feedbacks):
    """The relay's side of the outbox."""

    async def waiting_results(self, limit: int = 1000) -> tuple[OutboxRow, ...]:
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
        return tuple(OutboxRow(row.id, from_json(row.document, Result), row.document) for row in rows)

    async def mark_published(self, entries: Mapping[int, str]) -> None:
        """Note under which stream entries rows (id → entry) were published, in one transaction."""
        outbox = schema.outbox
        if not entries:
            return
        change = (
            outbox.update()
            .where(outbox.c.id == sa.bindparam("row"), outbox.c.published_at.is_(None))
            .values(published_at=self._clock.now(), entry_id=sa.bindparam("entry"))
        )
        rows = [{"row": row, "entry": entry} for row, entry in entries.items()]
        async with self._db.write() as connection:
            await connection.execute(change, rows)

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

    async def results_between(
        self, since: datetime, until: datetime, *, after: str = "", limit: int = 1000
    ) -> tuple[Result, ...]:
        """Return stored results of a span of time, oldest first; ``after``: an id at ``since`` itself."""
        results = schema.results
        beyond = sa.and_(results.c.at == since, results.c.result_id > after)
        query = (
            sa.select(results.c.document)
            .where(sa.or_(results.c.at > since, beyond), results.c.at < until)
            .order_by(results.c.at, results.c.result_id)
            .limit(limit)
        )
        async with self._db.read() as connection:
            documents = (await connection.execute(query)).scalars().all()
        return tuple(from_json(document, Result) for document in documents)

    async def entry_of(self, result_id: str) -> str:
        """Return the stream entry of a published result; empty while it waits."""
        outbox = schema.outbox
        query = sa.select(outbox.c.entry_id).where(outbox.c.result_id == result_id)
        async with self._db.read() as connection:
            return str((await connection.execute(query)).scalar() or "")


def _entry_key(entry_id: str) -> tuple[int, int]:
    """Make ``1732312312312-0`` comparable."""
    time_ms, _, sequence = entry_id.partition("-")
    return int(time_ms or 0), int(sequence or 0)
