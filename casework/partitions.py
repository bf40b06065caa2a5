"""PostgreSQL's partitions of ``attempts``: one a month, made before the month begins.

Attempts lie in the partition of their campaign's month, so that a month's campaigns are read together and
can be detached together when their time is over. What has no partition yet lies in ``attempts_rest``.
SQLite has no partitions; there this does nothing.
"""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework.repository import Repository

SCHEMA = "nuanye_parts"
MONTHS_AHEAD = 3
_LOCK = 0x70617274  # any number that nobody else in this database locks


class Partitions(Repository):
    """Makes partitions and lists them."""

    async def ensure(self, ahead: int = MONTHS_AHEAD) -> tuple[str, ...]:
        """Make the partitions of this month and the next ``ahead``; return the months that are new."""
        if self._db.is_sqlite:
            return ()
        made = []
        async with self._db.write() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            have = await _months(connection)
            for month in months_from(self._clock.now().date(), ahead + 1):
                if month not in have:
                    await _make(connection, month)
                    made.append(month)
        return tuple(made)

    async def months(self) -> tuple[str, ...]:
        """Return the months that have a partition, oldest first."""
        if self._db.is_sqlite:
            return ()
        async with self._db.read() as connection:
            return tuple(sorted(await _months(connection)))


def months_from(day: date, count: int) -> tuple[str, ...]:
    """Return ``count`` months from the one of ``day`` on, as ``2026-11``."""
    start = day.year * 12 + day.month - 1
    return tuple(f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(start, start + count))


async def _months(connection: AsyncConnection) -> set[str]:
    query = sa.text("SELECT tablename FROM pg_tables WHERE schemaname = :schema")
    names = (await connection.execute(query, {"schema": SCHEMA})).scalars()
    return {name.removeprefix("attempts_").replace("_", "-") for name in names if name != "attempts_rest"}


async def _make(connection: AsyncConnection, month: str) -> None:
    """Make one, with the rows that had to lie among the rest until now."""
    name, rest = f"{SCHEMA}.attempts_{month.replace('-', '_')}", f"{SCHEMA}.attempts_rest"
    for statement in (
        f"CREATE TABLE {name} (LIKE attempts INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"WITH moved AS (DELETE FROM {rest} WHERE month = '{month}' RETURNING *)"  # noqa: S608 - a month
        f" INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE attempts ATTACH PARTITION {name} FOR VALUES IN ('{month}')",
    ):
        await connection.execute(sa.text(statement))
