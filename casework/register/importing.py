"""A whole file into the register: read, sort out, enter chunk by chunk, and say how far it has come."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Protocol

from casework.register.columns import Columns
from casework.register.rows import RowReader
from casework.register.store import CHUNK
from casework.register.tables import Table
from casework.register.types import ImportCount, RegisteredPerson, RowProblem
from casework.vault import normal_address
from core.errors import StorageError

REPORT_HEADER = ("行号", "列", "问题")


class RegisterLedger(Protocol):
    """Where people are entered."""

    async def upsert_people(self, people: Sequence[RegisteredPerson]) -> tuple[int, int]:
        """Enter or replace; return how many were (new, known)."""


class ProblemReport:
    """A CSV of row problems, made with the first of them. It holds line, column and reason, no cell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._write: Callable[[Sequence[object]], object] | None = None
        self._close: Callable[[], None] = lambda: None

    def add(self, problem: RowProblem) -> None:
        """Write one line. Raises ``StorageError`` when the file cannot be written."""
        try:
            if self._write is None:
                # Spreadsheet programs take UTF-8 for GBK without the mark.
                file = self.path.open("w", encoding="utf-8-sig", newline="")
                self._close = file.close
                self._write = csv.writer(file).writerow
                self._write(REPORT_HEADER)
            self._write((problem.line, problem.column, problem.reason))
        except OSError as error:
            raise StorageError(
                f"the report of problems cannot be written ({type(error).__name__})",
                hint="name another file: --report",
            ) from None
        self.count += 1

    def close(self) -> None:
        """Finish the file."""
        self._close()


@contextmanager
def reporting(path: Path) -> Iterator[ProblemReport]:
    """A report that is closed whatever happens."""
    report = ProblemReport(path)
    try:
        yield report
    finally:
        report.close()


async def import_people(
    table: Table,
    columns: Columns,
    ledger: RegisterLedger,
    report: ProblemReport,
    *,
    today: date,
    progress: Callable[[ImportCount], None],
) -> ImportCount:
    """Enter every usable row; the others go to ``report``. Doing it again changes nothing.

    Raises ``StorageError``; what was entered before stays entered.
    """
    found = _usable(table, RowReader(columns, today))
    count = ImportCount()
    part = await asyncio.to_thread(_take, found)
    while part:
        people = [each for each in part if isinstance(each, RegisteredPerson)]
        # The next rows are read while these are being written.
        (new, known), following = await asyncio.gather(
            ledger.upsert_people(people), asyncio.to_thread(_take, found)
        )
        for problem in part:
            if isinstance(problem, RowProblem):
                report.add(problem)
        count = ImportCount(count.rows + len(part), count.imported + new, count.updated + known, report.count)
        progress(count)
        part = following
    return count


def _take(found: Iterator[RegisteredPerson | RowProblem]) -> list[RegisteredPerson | RowProblem]:
    return list(islice(found, CHUNK))


def _usable(table: Table, reader: RowReader) -> Iterator[RegisteredPerson | RowProblem]:
    """Give each filled row's person or problem; a person's second row is a problem."""
    # Hashes instead of texts: a million identity numbers would take hundreds of megabytes.
    numbers: dict[int, int] = {}
    contacts: dict[int, int] = {}
    for line, row in table.rows:
        found = reader.read(line, row)
        if isinstance(found, RegisteredPerson):
            first = numbers.setdefault(hash(found.id_number), line) if found.id_number else line
            if first != line:
                found = RowProblem(line, "身份证号", f"与第 {first} 行相同")
            else:
                key = hash((found.name, normal_address(found.address)))
                first = contacts.setdefault(key, line)
                if first != line:
                    found = RowProblem(line, "手机号码", f"姓名和号码与第 {first} 行相同")
        if found is not None:
            yield found
