"""The do-not-call lists: entries with reason and expiry, lifted and never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.decisions import Contacted, Decisions, decision
from casework.permission import Rule, Verdict
from casework.types import AttemptState
from core.ids import mask_phone

_OPEN = (AttemptState.PLANNED, AttemptState.QUEUED)
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One address to be left alone. ``list_name``: ``spoken``, ``typed``, ``staff`` or a name of its own.

    ``source``: the call in which it was said, or who entered it. ``expires_at`` ``None``: for good.
    """

    address: str
    list_name: str
    source: str
    person_id: str = ""
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry as staff see it; ``address`` is masked, empty when it was never kept."""

    list_name: str
    address: str
    person_id: str
    at: datetime
    source: str
    reason: str
    expires_at: datetime | None
    lifted_at: datetime | None
    lifted_by: str
    in_force: bool


def in_force(now: datetime) -> Any:
    """Return the condition that an entry counts at ``now``."""
    entries = schema.do_not_call.c
    return sa.and_(
        entries.lifted_at.is_(None), sa.or_(entries.expires_at.is_(None), entries.expires_at > now)
    )


def barred(person_id: str, address_print: str, now: datetime) -> Any:
    """Return the query for entries in force about a person or an address."""
    entries = schema.do_not_call.c
    mine = entries.address_print == address_print
    if person_id:
        mine = sa.or_(mine, entries.person_id == person_id)
    return sa.select(entries.list_name).where(mine, in_force(now))


class Barring(Decisions):
    """Who must not be contacted, by any campaign and channel."""

    async def add_do_not_call(
        self,
        address: str,
        *,
        source: str,
        person_id: str = "",
        list_name: str = "staff",
        reason: str = "",
        expires_at: datetime | None = None,
    ) -> bool:
        """Enter an address and cancel what is planned for it; ``False`` if that list had it already."""
        entry = ListEntry(address, list_name, source, person_id, reason, expires_at)
        return await self.bar([entry]) == 1

    async def bar(self, entries: Sequence[ListEntry]) -> int:
        """Enter addresses, in chunks; return how many were not in force on their list before.

        An entry that is there keeps its reason and source; its time becomes the longer of both.
        """
        added = 0
        for start in range(0, len(entries), _CHUNK):
            async with self._db.write() as connection:
                added += await self._bar(connection, entries[start : start + _CHUNK])
        return added

    async def lift(self, address: str, *, by: str, list_name: str = "") -> int:
        """Take an address off one list, or off all; return off how many. Nothing is planned by this."""
        entries = schema.do_not_call
        now = self._clock.now()
        mine = [entries.c.address_print == self._vault.address_print(address), in_force(now)]
        if list_name:
            mine.append(entries.c.list_name == list_name)
        async with self._db.write() as connection:
            done = await connection.execute(
                entries.update().where(*mine).values(lifted_at=now, lifted_by=by[:64])
            )
        return int(done.rowcount)

    async def is_do_not_call(self, address: str) -> bool:
        """Return whether the address must not be dialled."""
        query = barred("", self._vault.address_print(address), self._clock.now())
        async with self._db.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def list_do_not_call(
        self, *, list_name: str = "", address: str = "", everything: bool = False, limit: int = 1000
    ) -> tuple[ListedEntry, ...]:
        """Return entries in force (``everything``: also others), newest first."""
        entries = schema.do_not_call.c
        now = self._clock.now()
        conditions = [] if everything else [in_force(now)]
        if list_name:
            conditions.append(entries.list_name == list_name)
        if address:
            conditions.append(entries.address_print == self._vault.address_print(address))
        query = sa.select(schema.do_not_call).where(*conditions).order_by(entries.at.desc()).limit(limit)
        async with self._db.read() as connection:
            return tuple(self._listed(row, now) for row in await connection.execute(query))

    def _listed(self, row: Any, now: datetime) -> ListedEntry:
        address = mask_phone(self._vault.open(row.address_sealed, "address")) if row.address_sealed else ""
        return ListedEntry(
            row.list_name,
            address,
            row.person_id,
            row.at,
            row.source,
            row.reason,
            row.expires_at,
            row.lifted_at,
            row.lifted_by,
            row.lifted_at is None and (row.expires_at is None or row.expires_at > now),
        )

    async def _barred_of(
        self, connection: AsyncConnection, persons: Sequence[dict[str, Any]], now: datetime
    ) -> set[str]:
        """Return the ids of those rows of ``persons`` that are on a list."""
        entries = schema.do_not_call.c
        query = sa.select(entries.address_print, entries.person_id).where(
            in_force(now),
            sa.or_(
                entries.address_print.in_([person["address_print"] for person in persons]),
                entries.person_id.in_([person["id"] for person in persons]),
            ),
        )
        listed = {value for row in await connection.execute(query) for value in row}
        return {p["id"] for p in persons if p["id"] in listed or p["address_print"] in listed}

    async def _bar(self, connection: AsyncConnection, entries: Sequence[ListEntry]) -> int:
        now, table = self._clock.now(), schema.do_not_call
        rows = {(entry.list_name, self._vault.address_print(entry.address)): entry for entry in entries}
        query = sa.select(table).where(
            table.c.list_name.in_({name for name, _ in rows}),
            table.c.address_print.in_([print_ for _, print_ in rows]),
        )
        known = {(row.list_name, row.address_print): row for row in await connection.execute(query)}
        fresh = [self._entry_row(entry, key[1], now) for key, entry in rows.items() if key not in known]
        if fresh:
            await self._db.insert_new(connection, table, fresh)
        added = len(fresh)
        for key, old in known.items():
            if key in rows:
                added += await self._renew(connection, old, self._entry_row(rows[key], key[1], now), now)
        people = [entry.person_id for entry in entries if entry.person_id]
        await self._cancel(connection, [print_ for _, print_ in rows], people)
        return added

    def _entry_row(self, entry: ListEntry, address_print: str, now: datetime) -> dict[str, Any]:
        return {
            "list_name": entry.list_name[:40],
            "address_print": address_print,
            "person_id": entry.person_id,
            "address_sealed": self._vault.seal(entry.address, "address"),
            "at": now,
            "source": entry.source[:64],
            "reason": entry.reason[:200],
            "expires_at": entry.expires_at,
            "lifted_at": None,
            "lifted_by": "",
        }

    async def _renew(self, connection: AsyncConnection, old: Any, row: dict[str, Any], now: datetime) -> bool:
        """Bring an entry into force again, or lengthen it; return whether it was out of force."""
        ended = old.lifted_at is not None or (old.expires_at is not None and old.expires_at <= now)
        changes: dict[str, Any] = row
        if not ended:
            until = row["expires_at"]
            longer = old.expires_at and (until is None or until > old.expires_at)
            changes = {"expires_at": until} if longer else {}
        if changes:
            table = schema.do_not_call
            this = (table.c.list_name == old.list_name, table.c.address_print == old.address_print)
            await connection.execute(table.update().where(*this).values(**changes))
        return ended

    async def _cancel(
        self, connection: AsyncConnection, prints: Sequence[str], people: Sequence[str]
    ) -> None:
        """End what is planned for these addresses and people, and keep why."""
        persons = schema.persons
        mine = sa.or_(persons.c.address_print.in_(prints), persons.c.id.in_(people))
        await self._end(connection, mine, Rule.DO_NOT_CALL)

    async def _end_planned(self, connection: AsyncConnection, campaign_id: str, rule: Rule) -> None:
        """End everything of a campaign that no worker has begun."""
        await self._end(connection, schema.attempts.c.campaign_id == campaign_id, rule)

    async def _end(self, connection: AsyncConnection, which: Any, rule: Rule) -> None:
        """End attempts that no worker has begun, and keep why."""
        attempts, persons = schema.attempts, schema.persons
        now = self._clock.now()
        query = (
            sa.select(attempts.c.id, attempts.c.person_id, attempts.c.campaign_id, persons.c.address_print)
            .join(persons, persons.c.id == attempts.c.person_id)
            .where(which, attempts.c.state.in_(_OPEN))
            .with_for_update(of=attempts)
        )
        rows = (await connection.execute(query)).all()
        verdict = Verdict(rule)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            await connection.execute(
                attempts.update()
                .where(attempts.c.id.in_([row.id for row in part]), attempts.c.state.in_(_OPEN))
                .values(state=AttemptState.ENDED, ended_at=now, reason=rule)
            )
            whos = (Contacted(row.person_id, row.address_print, row.campaign_id, row.id) for row in part)
            await self._note(connection, [decision(who, verdict, now) for who in whos])
