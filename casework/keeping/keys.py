"""Sealed values under a new key: page by page, to be broken off and taken up at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.repository import Repository

_PAGE = 1000
_SUFFIX = "_sealed"


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many values of one column are sealed with which key (``v1``: before keys had names)."""

    table: str
    column: str
    keys: Mapping[str, int]


def sealed_columns() -> dict[sa.Table, tuple[str, ...]]:
    """Return each table's sealed columns. What is in ``x_sealed`` is bound to ``x``, or to ``sealed_as``."""
    found = {
        table: tuple(column.name for column in table.c if column.name.endswith(_SUFFIX))
        for table in schema.metadata.sorted_tables
    }
    return {table: names for table, names in found.items() if names}


class Keys(Repository):
    """Rotation of the data key."""

    async def reseal(self, progress: Callable[[str, int], None] = lambda _table, _done: None) -> int:
        """Seal every value that is not with the newest key anew; return how many rows were changed.

        Each page is a transaction; a row that somebody changes meanwhile is left as they wrote it.
        Raises ``StorageError`` when a value cannot be opened.
        """
        total = 0
        for table, names in sealed_columns().items():
            after: tuple[Any, ...] | None = None
            while True:
                async with self._db.write() as connection:
                    rows = await self._page(connection, table, names, after)
                    changed = await self._reseal(connection, table, names, rows)
                if not rows:
                    break
                after = tuple(rows[-1][column.name] for column in table.primary_key)
                total += changed
                progress(table.name, total)
        return total

    async def key_use(self) -> tuple[KeyUse, ...]:
        """Return which keys seal what."""
        found = []
        async with self._db.read() as connection:
            for table, names in sealed_columns().items():
                for name in names:
                    column = table.c[name]
                    # kNNNNNNNN. has ten characters, v1. three
                    key = sa.case((column.like("v1.%"), "v1"), else_=sa.func.substr(column, 1, 9))
                    keys = sa.select(key.label("key")).where(column != "").subquery()
                    query = sa.select(keys.c.key, sa.func.count()).group_by(keys.c.key)
                    counts = {str(row[0]): int(row[1]) for row in await connection.execute(query)}
                    found.append(KeyUse(table.name, name, counts))
        return tuple(found)

    async def _page(
        self,
        connection: AsyncConnection,
        table: sa.Table,
        names: tuple[str, ...],
        after: tuple[Any, ...] | None,
    ) -> list[dict[str, Any]]:
        key = list(table.primary_key)
        query = sa.select(*key, *(table.c[name] for name in names)).order_by(*key).limit(_PAGE)
        if after is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*after))
        return [dict(row._mapping) for row in await connection.execute(query)]

    async def _reseal(
        self,
        connection: AsyncConnection,
        table: sa.Table,
        names: tuple[str, ...],
        rows: list[dict[str, Any]],
    ) -> int:
        stale = [row for row in rows if not all(self._vault.is_fresh(row[name]) for name in names)]
        if not stale:
            return 0
        mine = [column == sa.bindparam(f"key_{column.name}") for column in table.primary_key]
        same = [table.c[name] == sa.bindparam(f"old_{name}") for name in names]
        statement = (
            table.update().where(*mine, *same).values({name: sa.bindparam(f"new_{name}") for name in names})
        )
        await connection.execute(statement, [self._change(table, names, row) for row in stale])
        return len(stale)

    def _change(self, table: sa.Table, names: tuple[str, ...], row: dict[str, Any]) -> dict[str, Any]:
        values = {f"key_{column.name}": row[column.name] for column in table.primary_key}
        for name in names:
            label = table.c[name].info.get("sealed_as", name.removesuffix(_SUFFIX))
            old = row[name]
            fresh = (
                old if self._vault.is_fresh(old) else self._vault.seal(self._vault.open(old, label), label)
            )
            values |= {f"old_{name}": old, f"new_{name}": fresh}
        return values
