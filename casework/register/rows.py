"""A row's cells → a registered person, or the reason why not. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import mul
from typing import Any

from casework.cells import clean, read_address, read_day, read_list_of_words, read_name, read_words
from casework.register.columns import HEADERS, Columns
from casework.register.types import RegisteredPerson, RowProblem

MAX_CELL_CHARS = 200
MAX_NOTE_CHARS = 1000
MAX_LISTED_SKILLS = 20
# GB 11643-1999: weights and check characters of the identity number.
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
# Permits of residents of Hong Kong, Macao (H/M and digits) and Taiwan (digits).
_PERMIT = re.compile(r"[HM]\d{8}(\d{2})?|\d{8}|\d{10}")
_RESIDENT = re.compile(r"\d{17}[\dX]")
_MARKS = re.compile(r"[\s'()（）-]")
_SERIAL_DAY_ZERO = date(1899, 12, 30)
_DISTRICTS = {
    short: f"{short}区"
    for short in ("荔湾", "越秀", "海珠", "天河", "白云", "黄埔", "番禺", "花都", "南沙", "从化", "增城")
}


class _Refused(ValueError):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows of one file; ``today`` bounds its dates."""

    columns: Columns
    today: date

    def read(self, line: int, row: Sequence[str]) -> RegisteredPerson | RowProblem | None:
        """Return the person, the problem, or ``None`` for an empty row."""
        cells = {
            field: clean(row[index]) if index < len(row) else ""
            for field, index in self.columns.places.items()
        }
        if not any(cells.values()):
            return None
        try:
            return self._person(cells)
        except _Refused as refused:
            return RowProblem(line, HEADERS[refused.field][0], str(refused))

    def _person(self, cells: Mapping[str, str]) -> RegisteredPerson:
        values: dict[str, Any] = {}
        for field, text in cells.items():
            if len(text) > (MAX_NOTE_CHARS if field == "note" else MAX_CELL_CHARS):
                raise _Refused(field, "内容太长")
            read = _READERS[field]
            if not text and field not in ("name", "address"):
                continue
            try:
                values[field] = read(text)
            except ValueError as error:
                # Names and numbers say themselves what they are; the column is reported beside.
                raise _Refused(field, str(error).split("：", 1)[-1]) from None
        registered_on = values.get("registered_on")
        if registered_on is not None and registered_on > self.today:
            raise _Refused("registered_on", "日期在今天之后")
        if birth := birth_year(values.get("id_number", "")):
            if not 14 <= self.today.year - birth <= 100:
                raise _Refused("id_number", "出生年份不合理")
            values["birth_year"] = birth
        return RegisteredPerson(**values)


def read_id_number(text: str) -> str:
    """Return an identity number with 18 places (GB 11643), or a permit's number, in upper case.

    Raises ``ValueError``.
    """
    number = _MARKS.sub("", text).upper()
    if re.fullmatch(r"\d{15}", number):
        number = f"{number[:6]}19{number[6:]}"
        number += check_character(number)
    if _RESIDENT.fullmatch(number):
        if check_character(number[:17]) != number[17]:
            raise ValueError("校验位不对，可能抄错了一位")
        try:
            date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
        except ValueError:
            raise ValueError("其中的出生日期不存在") from None
        return number
    if _PERMIT.fullmatch(number):
        return number
    if re.fullmatch(r"\d\.\d+E\+?\d+", number):
        raise ValueError("被表格软件改成了科学计数法，请把该列设为文本")
    raise ValueError("不是身份证号码或通行证号码")


def check_character(digits: str) -> str:
    """Return the last place of an identity number for its first 17."""
    return _CHECKS[sum(map(mul, _WEIGHTS, map(int, digits))) % 11]


def birth_year(id_number: str) -> int | None:
    """Return the year of birth that an identity number of 18 places holds."""
    return int(id_number[6:10]) if len(id_number) == 18 else None


def read_district(text: str) -> str:
    """Return a district's full name: 天河 → 天河区, 广州市天河区 → 天河区."""
    name = read_words(text).removeprefix("广东省").removeprefix("广州市")
    return _DISTRICTS.get(name, name)


def read_date(text: str) -> date:
    """Read a day as offices write it: 2026/3/1, 2026年3月, 20260301, or a sheet's serial number."""
    if re.fullmatch(r"(19|20)\d{6}", text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    elif re.fullmatch(r"\d{1,5}", text):
        text = (_SERIAL_DAY_ZERO + timedelta(days=int(text))).isoformat()
    text = re.sub(r"[ T]\d{1,2}:\d{2}(:\d{2})?$", "", text).rstrip("日号")
    day = read_day(text)
    return date.fromisoformat(day if len(day) == 10 else f"{day}-01")


def read_year(text: str) -> int:
    """Read the year of a graduation: 2026, 2026届, 2026-07-01."""
    match = re.match(r"(\d{4})(?!\d)", text)
    if not match or not 1950 <= int(match[1]) <= 2100:
        raise ValueError("不是年份（应如 2026）")
    return int(match[1])


def read_skills(text: str) -> tuple[str, ...]:
    """Split a list of skills, each named once."""
    return tuple(dict.fromkeys(read_list_of_words(text)))[:MAX_LISTED_SKILLS]


_READERS: dict[str, Callable[[str], Any]] = {
    "name": read_name,
    "id_number": read_id_number,
    "address": read_address,
    "district": read_district,
    "street": read_words,
    "registered_on": read_date,
    "education": read_words,
    "skills": read_skills,
    "graduate_year": read_year,
    "hardship": read_words,
    "note": str,
}
