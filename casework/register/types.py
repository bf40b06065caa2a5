"""What one row of the register says, and what came of a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class RegisteredPerson:
    """One registered unemployed person. ``id_number`` and ``note`` may be empty; both are sealed at rest."""

    name: str
    address: str
    id_number: str = ""
    district: str = ""
    street: str = ""
    registered_on: date | None = None
    birth_year: int | None = None
    graduate_year: int | None = None
    education: str = ""
    skills: tuple[str, ...] = ()
    hardship: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was left out. ``line`` counts from 1, the header included; the reason repeats no cell."""

    line: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportCount:
    """``rows`` = ``imported`` (new) + ``updated`` (known before) + ``rejected``."""

    rows: int = 0
    imported: int = 0
    updated: int = 0
    rejected: int = 0
