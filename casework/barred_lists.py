"""A do-not-call list in a file → entries, with every unusable row named by line and reason.

Columns: a telephone number (needed), 原因 and 到期日期. Reasons for staff never repeat the cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from casework.barring import ListEntry
from casework.cells import clean, read_address, read_day, read_words
from casework.importer import RowProblem
from casework.register.tables import Table
from core.clock import CHINA
from core.errors import BadInput

_TITLES = {
    "address": frozenset({"手机号码", "手机号", "手机", "电话", "电话号码", "联系电话", "号码", "address"}),
    "reason": frozenset({"原因", "备注", "说明", "reason"}),
    "expires": frozenset({"到期日期", "到期日", "有效期至", "expires"}),
}
RESERVED = frozenset({"spoken", "typed"})  # only what residents say themselves is entered there
_LIST_NAME = re.compile(r"[\w.\- ]{1,40}")


@dataclass(frozen=True, slots=True)
class BarredList:
    """The usable entries, and what was wrong with the other rows."""

    entries: tuple[ListEntry, ...]
    problems: tuple[RowProblem, ...]


def check_list_name(name: str) -> str:
    """Return ``name``. Raises ``BadInput`` unless staff may enter addresses under it."""
    if name in RESERVED or not _LIST_NAME.fullmatch(name):
        raise BadInput("this is no name for a list of ours", hint="letters and digits, not spoken or typed")
    return name


def read_expiry(text: str) -> datetime | None:
    """Return the end of the day that ``text`` names, ``None`` for an empty one. Raises ``ValueError``."""
    if not text:
        return None
    day = read_day(text)
    if len(day) != 10:
        raise ValueError("到期日期：需要年月日")
    ends = date.fromisoformat(day) + timedelta(days=1)
    return datetime(ends.year, ends.month, ends.day, tzinfo=CHINA)


def read_barred(table: Table, like: ListEntry) -> BarredList:
    """Read a table. ``like`` gives list and source, and reason and expiry where a row has none.

    Raises ``BadInput`` when there is no column with numbers, or two of a kind.
    """
    places = _places(table.header)
    entries: list[ListEntry] = []
    problems: list[RowProblem] = []
    for line, row in table.rows:
        cells = {key: clean(row[at]) if at < len(row) else "" for key, at in places.items()}
        if not any(cells.values()):
            continue
        try:
            entries.append(_entry(cells, like))
        except ValueError as error:
            problems.append(RowProblem(line, str(error)))
    return BarredList(tuple(entries), tuple(problems))


def _entry(cells: Mapping[str, str], like: ListEntry) -> ListEntry:
    return replace(
        like,
        address=read_address(cells["address"]),
        reason=read_words(cells.get("reason", ""))[:200] or like.reason,
        expires_at=read_expiry(cells.get("expires", "")) or like.expires_at,
    )


def _places(header: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for index, raw in enumerate(header):
        title = clean(raw).lower()
        for key, titles in _TITLES.items():
            if title in titles:
                if key in places:
                    raise BadInput(f"two columns of the list mean the same: {key}")
                places[key] = index
    if "address" not in places:
        raise BadInput("the list has no column 手机号码", hint="the first line must name the columns")
    return places
