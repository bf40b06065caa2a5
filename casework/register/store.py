"""The register in the database: who is new, who was known, all in a few statements per chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.register.types import RegisteredPerson
from casework.repository import Repository
from core.codec import to_json

CHUNK = 2000  # people per transaction: a long list must not keep everybody else from writing


class Register(Repository):
    """Registered unemployed people. Identity number and note are sealed, as name and address are."""

    async def upsert_people(self, people: Sequence[RegisteredPerson]) -> tuple[int, int]:
        """Enter people or replace what is known of them; return how many were (new, known).

        Somebody is known by the identity number, else by name and address. Raises ``StorageError``.
        """
        if not people:
            return 0, 0
        now = self._clock.now()
        persons = [self._person_row(each.name, each.address, each.district, now) for each in people]
        prints = [self._vault.fingerprint(each.id_number) if each.id_number else None for each in people]
        async with self._db.write() as connection:
            owners, known = await self._known(connection, persons, prints)
            rows: dict[str, dict[str, Any]] = {}
            for each, person, id_print in zip(people, persons, prints, strict=True):
                person["id"] = owners.get(id_print, person["id"])
                rows[person["id"]] = {
                    "person_id": person["id"],
                    "id_number_print": id_print,
                    "updated_at": now,
                    **self._details(each),
                }
            await self._db.upsert(connection, schema.persons, persons, keep=("id", "created_at"))
            await self._db.upsert(connection, schema.registrations, list(rows.values()), keep=("person_id",))
        updated = sum(person["id"] in known for person in persons)
        return len(people) - updated, updated

    async def _known(
        self, connection: AsyncConnection, persons: Sequence[dict[str, Any]], prints: Sequence[str | None]
    ) -> tuple[dict[str | None, str], set[str]]:
        """Return identity number → person, and everybody of the chunk who is registered already."""
        mine = schema.registrations.c
        query = sa.select(mine.person_id, mine.id_number_print).where(
            sa.or_(
                mine.id_number_print.in_([each for each in prints if each]),
                mine.person_id.in_([person["id"] for person in persons]),
            )
        )
        rows = (await connection.execute(query)).all()
        return (
            {row.id_number_print: row.person_id for row in rows if row.id_number_print},
            {row.person_id for row in rows},
        )

    def _details(self, person: RegisteredPerson) -> dict[str, Any]:
        return {
            "id_number_sealed": self._sealed(person.id_number, "id_number"),
            "street": person.street,
            "registered_on": person.registered_on,
            "birth_year": person.birth_year,
            "graduate_year": person.graduate_year,
            "education": person.education,
            "skills": to_json(person.skills).decode(),
            "hardship": person.hardship,
            "note_sealed": self._sealed(person.note, "note"),
        }

    def _sealed(self, text: str, column: str) -> str:
        """Nothing needs no sealing: most notes are empty."""
        return self._vault.seal(text, column) if text else ""
