"""Rows of a list → rows of the database: read, checked, fingerprinted, sealed. No database, no event loop.

This is most of an import's work, so it runs in processes of its own (``casework.register.workers``).
What it returns is plain tuples: they cross between processes, and go into the database as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from casework.register.rows import RowReader
from casework.register.types import RegisteredPerson, RowProblem
from casework.vault import Vault, person_id
from core.codec import to_json

PERSON = ("id", "name_sealed", "address_sealed", "address_print", "district")
DETAILS = (
    "id_number_print",
    "id_number_sealed",
    "street",
    "registered_on",
    "birth_year",
    "graduate_year",
    "education",
    "skills",
    "hardship",
    "note_sealed",
)

Row = tuple[int, Sequence[str]]


class Prepared(NamedTuple):
    """One person, ready to be entered: values of ``PERSON`` and of ``DETAILS``."""

    line: int
    person: tuple[str, ...]
    details: tuple[str | int | date | None, ...]

    @property
    def person_id(self) -> str:
        """Who it is by name and address."""
        return self.person[0]

    @property
    def id_print(self) -> str | None:
        """Who it is by identity number; ``None``: the office gave none."""
        value = self.details[0]
        return value if isinstance(value, str) else None


class Preparer:
    """Prepares rows of one file, or people who are known already."""

    def __init__(self, vault: Vault, reader: RowReader | None = None) -> None:
        self._vault = vault
        self._reader = reader

    def rows(self, rows: Iterable[Row]) -> list[Prepared | RowProblem]:
        """Return each filled row's person or problem."""
        reader = self._reader
        if reader is None:
            raise ValueError("no columns: only people can be prepared")
        found = []
        for line, row in rows:
            read = reader.read(line, row)
            if read is not None:
                found.append(read if isinstance(read, RowProblem) else self.person(read, line))
        return found

    def person(self, person: RegisteredPerson, line: int = 0) -> Prepared:
        """Fingerprint and seal one."""
        vault = self._vault
        address_print = vault.address_print(person.address)
        return Prepared(
            line,
            (
                person_id(vault, person.name, address_print),
                vault.seal(person.name, "name"),
                vault.seal(person.address, "address"),
                address_print,
                person.district[:40],
            ),
            (
                vault.fingerprint(person.id_number) if person.id_number else None,
                self._sealed(person.id_number, "id_number"),
                person.street,
                person.registered_on,
                person.birth_year,
                person.graduate_year,
                person.education,
                to_json(person.skills).decode(),
                person.hardship,
                self._sealed(person.note, "note"),
            ),
        )

    def _sealed(self, text: str, column: str) -> str:
        """Nothing needs no sealing: most notes are empty."""
        return self._vault.seal(text, column) if text else ""
