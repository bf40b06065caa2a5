"""The access log in the database: every playback, look and export, chained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.keeping.chain import Entry, Finding, Head, check, digest_of
from casework.repository import Repository
from core.codec import from_json, to_json

_HEAD = "access_log_head"
_CHAIN_LOCK = 0x61636373  # any number that nobody else in this database locks
_PAGE = 5000


class AccessLog(Repository):
    """Who did what with whose data. Entries are only ever added, and removed when their time is over."""

    async def log_access(self, username: str, action: str, object_id: str) -> None:
        """Note that a member of staff did ``action`` (``view_call``, ``play_recording`` …)."""
        entry = Entry(self._clock.now(), username[:64], action[:40], object_id[:128])
        async with self._db.write() as connection:
            await self._append(connection, entry)

    async def verify_access_log(self, expected: str = "") -> Finding:
        """Check every entry against the chain; ``expected``: a head that was noted earlier."""
        async with self._db.read() as connection:
            head = await self._head(connection)
            return check(self._chain_key, await self._entries(connection), head, expected)

    async def read_access_log(
        self, *, since: datetime | None = None, username: str = "", object_id: str = "", limit: int = 1000
    ) -> tuple[Entry, ...]:
        """Return entries that match, newest first."""
        log = schema.access_log.c
        conditions = [] if since is None else [log.at >= since]
        conditions += [log.username == username] if username else []
        conditions += [log.object_id == object_id] if object_id else []
        query = sa.select(schema.access_log).where(*conditions).order_by(log.id.desc()).limit(limit)
        async with self._db.read() as connection:
            return tuple(_entry(row) for row in await connection.execute(query))

    async def _append(self, connection: AsyncConnection, entry: Entry) -> None:
        """Add an entry within the caller's transaction."""
        await self._lock_chain(connection)
        head = await self._head(connection)
        if head.count == 0 and head.base == Head().base:
            head = await self._adopt(connection, head)
        digest = digest_of(self._chain_key, head.last, entry)
        await connection.execute(schema.access_log.insert().values(**{**asdict(entry), "digest": digest}))
        await self._put_head(connection, Head(head.base, head.removed, digest, head.count + 1))

    async def _prune_access_log(self, connection: AsyncConnection, before: datetime) -> int:
        """Remove what is older; the chain then begins at the last removed entry's digest."""
        await self._lock_chain(connection)
        log = schema.access_log.c
        head = await self._head(connection)
        if head.count == 0:
            head = await self._adopt(connection, head)
        # The first that stays: times may stand slightly out of order, positions do not.
        first = (await connection.execute(sa.select(sa.func.min(log.id)).where(log.at >= before))).scalar()
        old = log.id < first if first is not None else sa.true()
        query = sa.select(log.digest).where(old).order_by(log.id.desc()).limit(1)
        last = (await connection.execute(query)).scalar()
        if last is None:
            return 0
        removed = int((await connection.execute(schema.access_log.delete().where(old))).rowcount)
        await self._put_head(connection, Head(last, head.removed + removed, head.last, head.count - removed))
        return removed

    @property
    def _chain_key(self) -> bytes:
        return self._vault.key_for("access-log")

    async def _lock_chain(self, connection: AsyncConnection) -> None:
        """Writers of the chain come one after the other; SQLite has one writer anyway."""
        if not self._db.is_sqlite:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))

    async def _head(self, connection: AsyncConnection) -> Head:
        query = sa.select(schema.meta.c.value).where(schema.meta.c.key == _HEAD)
        value = (await connection.execute(query)).scalar()
        return Head() if value is None else from_json(value, Head)

    async def _put_head(self, connection: AsyncConnection, head: Head) -> None:
        row = {"key": _HEAD, "value": to_json(head.signed(self._chain_key)).decode()}
        await self._db.upsert(connection, schema.meta, [row], keep=("key",))

    async def _adopt(self, connection: AsyncConnection, head: Head) -> Head:
        """Chain the entries of a log that was begun before there were digests."""
        last, count = head.last, 0
        rows = (await connection.execute(sa.select(schema.access_log).order_by(schema.access_log.c.id))).all()
        for row in rows:
            last, count = digest_of(self._chain_key, last, _entry(row)), count + 1
            await connection.execute(
                schema.access_log.update().where(schema.access_log.c.id == row.id).values(digest=last)
            )
        return Head(head.base, head.removed, last, count)

    async def _entries(self, connection: AsyncConnection) -> Sequence[Entry]:
        entries: list[Entry] = []
        after = 0
        while True:
            log = schema.access_log
            query = sa.select(log).where(log.c.id > after).order_by(log.c.id).limit(_PAGE)
            rows = (await connection.execute(query)).all()
            if not rows:
                return entries
            entries += [_entry(row) for row in rows]
            after = rows[-1].id


def _entry(row: Any) -> Entry:
    return Entry(row.at, row.username, row.action, row.object_id, row.digest)
