"""Rows of a CSV file or a workbook, one after the other, however many there are.

A file is looked through once before its first row is given out: a broken file is refused as a whole,
before anything of it is stored.
"""

from __future__ import annotations

import codecs
import csv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.errors import BadInput, TooLarge

MAX_BYTES = 1_000_000_000
MAX_UNPACKED_BYTES = 3_000_000_000
MAX_ROWS = 1_000_000
_BLOCK = 1 << 20
_ZIP = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_PLAIN = "save it as CSV (UTF-8), or as XLSX without a password"
_ANEW = "open it in a spreadsheet and save it anew"
_ONE_BY_ONE = "split it, by district for instance"


@dataclass(frozen=True, slots=True)
class Table:
    """``header`` and the number of rows after it; ``rows`` gives (line, cells) anew each time."""

    header: tuple[str, ...]
    rows: Iterable[tuple[int, Sequence[str]]]
    count: int


def open_table(path: Path) -> Table:
    """Open a CSV (UTF-8, UTF-16 with BOM, GB18030) or the first sheet of an XLSX workbook.

    Raises:
        BadInput: not to be read, not a table, or broken at a line that is named.
        TooLarge: more than ``MAX_BYTES`` or ``MAX_ROWS``.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise BadInput(f"the list cannot be read ({type(error).__name__})", hint="check the path") from None
    if size > MAX_BYTES:
        raise TooLarge(f"the list is larger than {MAX_BYTES // 1_000_000} MB", hint=_ONE_BY_ONE)
    if start == _OLD_WORKBOOK:
        raise BadInput("the list is an old or encrypted workbook", hint=_PLAIN)
    return _open_workbook(path) if start == _ZIP else _open_csv(path)


@dataclass(frozen=True, slots=True)
class _CsvRows:
    path: Path
    encoding: str
    delimiter: str

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        with self.path.open(encoding=self.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            try:
                for row in reader:
                    yield reader.line_num, row
            except csv.Error as error:
                raise BadInput(
                    f"the list is not CSV at line {reader.line_num}: {error}",
                    hint=_PLAIN,
                ) from None


def _open_csv(path: Path) -> Table:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(100_000)
    rows = _CsvRows(path, encoding, max(",\t;", key=first.count))
    header: list[str] | None = None
    count = 0
    for _, row in rows:
        if header is None:
            header = row
        else:
            count += 1
        if count > MAX_ROWS:
            raise TooLarge(f"the list has more than {MAX_ROWS} rows", hint=_ONE_BY_ONE)
    if header is None:
        raise BadInput("the list is empty")
    return Table(tuple(header), _After(rows), count)


@dataclass(frozen=True, slots=True)
class _After:
    """The rows behind the header."""

    rows: Iterable[tuple[int, Sequence[str]]]

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        rows = iter(self.rows)
        next(rows, None)
        return rows


def _encoding(path: Path) -> str:
    """Return the first encoding in which the whole file is text."""
    with path.open("rb") as file:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030"):
        try:
            if _is_text(path, encoding):
                return encoding
        except UnicodeError:
            continue
    raise BadInput("the list is neither UTF-8 nor GBK text", hint=_PLAIN)


def _is_text(path: Path, encoding: str) -> bool:
    with path.open(encoding=encoding, newline="") as file:
        while block := file.read(_BLOCK):
            if "\0" in block:
                return False
    return True


@dataclass(frozen=True, slots=True)
class _SheetRows:
    sheet: Any

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        first = self.sheet.start[0] + 1 if self.sheet.start else 1
        for line, row in enumerate(self.sheet.iter_rows(), start=first):
            yield line, [_text(value) for value in row]


def _open_workbook(path: Path) -> Table:
    from python_calamine import CalamineWorkbook

    _check_size(path)
    with _named_faults():
        book = CalamineWorkbook.from_path(path)
        sheet = book.get_sheet_by_index(0) if book.sheet_names else None
    if sheet is None or not sheet.height:
        raise BadInput("the first sheet of the workbook is empty", hint="put the list on the first sheet")
    if sheet.height > MAX_ROWS + 1:
        raise TooLarge(f"the list has more than {MAX_ROWS} rows", hint=_ONE_BY_ONE)
    rows = _SheetRows(sheet)
    header = next(iter(rows))[1]
    return Table(tuple(header), _After(rows), sheet.height - 1)


@contextmanager
def _named_faults() -> Iterator[None]:
    """Name what the reader of workbooks raises."""
    from python_calamine import CalamineError

    try:
        yield
    except (CalamineError, ValueError, OSError) as error:
        raise BadInput(
            f"the workbook cannot be read ({type(error).__name__})",
            hint=_ANEW,
        ) from None


def _check_size(path: Path) -> None:
    """Refuse a small file that unpacks to a huge one."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise BadInput("the workbook is damaged", hint=_ANEW) from None
    if unpacked > MAX_UNPACKED_BYTES:
        raise TooLarge("the workbook unpacks to more than 3 GB", hint=_ONE_BY_ONE)


def _text(value: object) -> str:
    """Return a cell as it would be typed: numbers without a point, days as ``2026-03-01``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        # Sixteen digits and more have been rounded: an identity number is no longer itself.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:e}"
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)
