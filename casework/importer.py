"""A short list of people (CSV) → contacts, with every unusable row named by line and reason.

Pure: bytes in, contacts and problems out. Reasons never repeat what stands in the row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casework.cells import clean, decode, read_address, read_day, read_list_of_words, read_name, read_words
from casework.types import Contact
from casework.vault import normal_address
from core.errors import BadInput, TooLarge

MAX_BYTES = 20_000_000
MAX_ROWS = 50_000
MAX_CELL_CHARS = 200
MAX_PROBLEMS = 1_000
_VARIABLE = "变量:"

_NAME_HEADERS = frozenset({"姓名", "名字", "name"})
_ADDRESS_HEADERS = frozenset(
    {"手机号码", "手机号", "手机", "电话号码", "电话", "联系电话", "地址", "号码", "address", "phone"}
)
_DISTRICT_HEADERS = frozenset({"区", "区域", "所在区", "行政区", "district"})


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a line of the file was left out. ``line`` counts from 1, the header included."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportedList:
    """The usable rows, what was wrong with the others, and header names nobody knows."""

    contacts: tuple[Contact, ...]
    problems: tuple[RowProblem, ...]
    ignored_columns: tuple[str, ...] = ()


def read_list(data: bytes) -> ImportedList:
    """Read a CSV list: UTF-8 (with or without BOM), UTF-16 with BOM, or GB18030.

    Needs a name and an address column; 区, the known facts and ``变量:…`` columns are optional.

    Raises:
        TooLarge: more than ``MAX_BYTES`` or ``MAX_ROWS``.
        BadInput: not text, no header, or a needed column is missing or doubled.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"the list is larger than {MAX_BYTES // 1_000_000} MB", hint="split it")
    text = decode(data)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), _dialect(text), strict=True))
    except csv.Error as error:
        raise BadInput(f"the list is not CSV: {error}", hint="save it as CSV (UTF-8)") from None
    if len(rows) > MAX_ROWS + 1:
        raise TooLarge(f"the list has more than {MAX_ROWS} rows", hint="split it")
    if not rows:
        raise BadInput("the list is empty")
    columns, ignored = _columns(rows[0])
    return _read_rows(rows, columns, ignored)


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.split("\n", 1)[0]

    class Found(csv.excel):
        delimiter = max(",\t;", key=first.count)

    return Found


def _columns(header: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    columns: dict[str, int] = {}
    ignored = []
    for index, raw in enumerate(header):
        title = clean(raw)
        key = _column_key(title)
        if key == "":
            if title:
                ignored.append(title[:40])
            continue
        if key in columns:
            raise BadInput(f"two columns of the list mean the same: {key}")
        columns[key] = index
    for key, titles in (("name", "姓名"), ("address", "手机号码、电话 or 地址")):
        if key not in columns:
            raise BadInput(f"the list has no column {titles}", hint="the first line must name the columns")
    return columns, tuple(ignored)


def _column_key(title: str) -> str:
    lowered = title.lower()
    for key, titles in (
        ("name", _NAME_HEADERS),
        ("address", _ADDRESS_HEADERS),
        ("district", _DISTRICT_HEADERS),
    ):
        if lowered in titles:
            return key
    return title if title in _FACTS or _variable_of(title) else ""


def _variable_of(title: str) -> str:
    """Return the name of a script's variable: ``变量:期数`` → ``期数``; ``""`` for another column."""
    name = title.removeprefix(_VARIABLE)
    return "" if name == title else name.strip()[:40]


def _read_rows(
    rows: Sequence[list[str]], columns: Mapping[str, int], ignored: tuple[str, ...]
) -> ImportedList:
    contacts: list[Contact] = []
    problems: list[RowProblem] = []
    seen: dict[str, int] = {}
    for line, row in enumerate(rows[1:], start=2):
        cells = {key: clean(row[index]) if index < len(row) else "" for key, index in columns.items()}
        if not any(cells.values()):
            continue
        try:
            contact = _contact(cells)
        except ValueError as error:
            problems.append(RowProblem(line, str(error)))
        else:
            key = normal_address(contact.address)
            if key in seen:
                problems.append(RowProblem(line, f"号码与第 {seen[key]} 行相同"))
                continue
            seen[key] = line
            contacts.append(contact)
    return ImportedList(tuple(contacts), tuple(problems[:MAX_PROBLEMS]), ignored)


def _contact(cells: Mapping[str, str]) -> Contact:
    for title, cell in cells.items():
        if len(cell) > MAX_CELL_CHARS:
            raise ValueError(f"{_TITLES.get(title, title)}：超过 {MAX_CELL_CHARS} 个字")
    name = read_name(cells["name"])
    facts: dict[str, Any] = {}
    for title, (field, convert) in _FACTS.items():
        if cells.get(title):
            try:
                facts[field] = convert(cells[title])
            except ValueError as error:
                raise ValueError(f"{title}：{error}") from None
    district = cells.get("district", "")
    if district:
        facts["district"] = district = read_words(district)
    variables = {
        variable: read_words(cell)
        for title, cell in cells.items()
        if cell and (variable := _variable_of(title))
    }
    return Contact(name, read_address(cells["address"]), district, facts, variables)


def _pay(text: str) -> dict[str, Any]:
    cleaned = re.sub(r"[,\s元¥]|/月|每月|以上|左右", "", text)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kK千万]?)(?:[-~至到](\d+(?:\.\d+)?)([kK千万]?))?", cleaned)
    if not match:
        raise ValueError("不是金额")
    low, low_unit, high, high_unit = match.groups()
    unit = low_unit or high_unit or ""
    least = _yuan(low, unit)
    most = _yuan(high, high_unit or unit) if high else None
    if not 500 <= least <= 200_000 or (most is not None and not least <= most <= 200_000):
        raise ValueError("金额不合理（应为每月 500 至 200000 元）")
    return {"min": least, "max": most, "unit": "yuan_per_month"}


def _yuan(digits: str, unit: str) -> int:
    return int(float(digits) * {"": 1, "k": 1000, "K": 1000, "千": 1000, "万": 10_000}[unit])


def _choice(choices: Mapping[str, Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        if text not in choices:
            raise ValueError(f"应为 {'、'.join(choices)} 之一")
        return choices[text]

    return convert


_EMPLOYMENT = {
    "已就业": "employed",
    "就业": "employed",
    "创业": "self_employed",
    "灵活就业": "flexible",
    "失业": "unemployed",
    "未就业": "unemployed",
    "暂无就业意愿": "not_looking",
    "在读": "studying",
    "退休": "retired",
    "无劳动能力": "unable",
}
_TIMES = {
    "全职": "full_time",
    "兼职": "part_time",
    "白班": "day",
    "夜班": "night",
    "均可": "any",
    "不限": "any",
}
_YES_NO = {"是": "yes", "否": "no", "有": "yes", "无": "no", "不清楚": "unknown"}
_WISH = {"是": True, "否": False, "有": True, "无": False}
_TITLES = {"name": "姓名", "address": "号码", "district": "区"}

# Column title -> (field of the dialogue, reader of a cell).
_FACTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "意向岗位": ("wanted_jobs", read_list_of_words),
    "求职意向": ("wanted_jobs", read_list_of_words),
    "期望月薪": ("expected_pay", _pay),
    "期望薪资": ("expected_pay", _pay),
    "工作时间": ("working_time", _choice(_TIMES)),
    "就业状态": ("employment_status", _choice(_EMPLOYMENT)),
    "现工作": ("current_work", read_words),
    "工作单位": ("current_work", read_words),
    "入职时间": ("work_since", read_day),
    "参加社保": ("social_insurance", _choice(_YES_NO)),
    "培训意愿": ("training_wish", _choice(_WISH)),
    "培训内容": ("training_topic", read_words),
}
