"""The register in the database: who is new, who was known, all in a few statements per chunk."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.register.preparing import DETAILS, PERSON, Prepared, Preparer
from casework.register.types import RegisteredPerson
from casework.repository import Repository
from core.secret import KeyRing

CHUNK = 2000  # people per transaction: a long list must not keep everybody else from writing

_PERSONS = (*PERSON, "created_at", "updated_at")
_DETAILS = ("person_id", *DETAILS, "updated_at")


class Register(Repository):
    """Registered unemployed people. Identity number and note are sealed, as name and address are."""

    @property
    def ring(self) -> KeyRing:
        """The secrets, for processes that seal rows on this store's behalf."""
        return self._vault.ring

    async def upsert_people(self, people: Sequence[RegisteredPerson]) -> tuple[int, int]:
        """Enter people or replace what is known of them; return how many were (new, known).

        Somebody is known by the identity number, else by name and address. Raises ``StorageError``.
        """
        preparer = Preparer(self._vault)
        return await self.enter_prepared([preparer.person(each) for each in people])

    async def enter_prepared(self, people: Sequence[Prepared]) -> tuple[int, int]:
        """``upsert_people`` for what is sealed already."""
        if not people:
            return 0, 0
        now = self._clock.now()
        async with self._db.write() as connection:
            owners, known = await self._known(connection, people)
            persons, details = {}, {}
            for each in people:
                person_id = owners.get(each.id_print or "", each.person_id)
                persons[person_id] = (person_id, *each.person[1:], now, now)
                details[person_id] = (person_id, *each.details, now)
            await self._db.upsert_rows(
                connection, schema.persons, _PERSONS, list(persons.values()), keep=("id", "created_at")
            )
            await self._db.upsert_rows(
                connection, schema.registrations, _DETAILS, list(details.values()), keep=("person_id",)
            )
        updated = sum(person_id in known for person_id in persons)
        return len(people) - updated, updated

    async def _known(
        self, connection: AsyncConnection, people: Sequence[Prepared]
    ) -> tuple[dict[str, str], set[str]]:
        """Return identity number → person, and everybody of the chunk who is registered already."""
        mine = schema.registrations.c
        columns = sa.select(mine.person_id, mine.id_number_print)
        prints = [each.id_print for each in people if each.id_print]
        by_number = columns.where(self._db.among(mine.id_number_print, prints))
        by_name = columns.where(self._db.among(mine.person_id, [each.person_id for each in people]))
        rows = (await connection.execute(by_number)).all() + (await connection.execute(by_name)).all()
        return (
            {row.id_number_print: row.person_id for row in rows if row.id_number_print},
            {row.person_id for row in rows},
        )
