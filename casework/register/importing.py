"""A whole file into the register: read, sort out, enter chunk by chunk, and say how far it has come."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import date
from pathlib import Path
from typing import Protocol

from casework.register.columns import Columns
from casework.register.preparing import Prepared
from casework.register.rows import RowReader
from casework.register.store import CHUNK
from casework.register.tables import Table
from casework.register.types import ImportCount, RowProblem
from casework.register.workers import prepared_parts, worker_count
from core.errors import StorageError
from core.secret import KeyRing

REPORT_HEADER = ("行号", "列", "问题")


class RegisterLedger(Protocol):
    """Where people are entered."""

    @property
    def ring(self) -> KeyRing:
        """The secrets that rows are sealed with."""
        ...

    async def enter_prepared(self, people: Sequence[Prepared]) -> tuple[int, int]:
        """Enter or replace; return how many were (new, known)."""
        ...


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
    count = ImportCount()
    repeats = _Repeats()
    parts = prepared_parts(
        iter(table.rows),
        ledger.ring,
        RowReader(columns, today),
        workers=worker_count(table.count),
        chunk=CHUNK,
    )
    async with aclosing(parts):
        async for part in parts:
            sorted_out = [repeats.check(each) for each in part]
            people = [each for each in sorted_out if isinstance(each, Prepared)]
            new, known = await ledger.enter_prepared(people)
            for problem in sorted_out:
                if isinstance(problem, RowProblem):
                    report.add(problem)
            count = ImportCount(
                count.rows + len(part), count.imported + new, count.updated + known, report.count
            )
            progress(count)
    return count


class _Repeats:
    """Finds a person's second row in the same list: a problem of that row."""

    def __init__(self) -> None:
        # Sixty bits of a fingerprint instead of texts: a million of those would take hundreds of megabytes.
        self._numbers: dict[int, int] = {}
        self._persons: dict[int, int] = {}

    def check(self, found: Prepared | RowProblem) -> Prepared | RowProblem:
        """Return what was given, or why it is left out."""
        if isinstance(found, RowProblem):
            return found
        if found.id_print is not None:
            first = self._numbers.setdefault(int(found.id_print[:15], 16), found.line)
            if first != found.line:
                return RowProblem(found.line, "身份证号", f"与第 {first} 行相同")
        first = self._persons.setdefault(int(found.person_id[4:19], 16), found.line)
        if first != found.line:
            return RowProblem(found.line, "手机号码", f"姓名和号码与第 {first} 行相同")
        return found
