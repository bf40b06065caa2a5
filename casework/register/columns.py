"""Which column of a spreadsheet means what: the offices' usual headers, or a mapping file. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from casework.cells import clean
from core.errors import BadInput

# Field of ``RegisteredPerson`` -> the header we write first, then what offices also write.
HEADERS: dict[str, tuple[str, ...]] = {
    "name": ("姓名", "名字", "人员姓名", "失业人员姓名", "name"),
    "id_number": (
        "身份证号",
        "身份证号码",
        "身份证",
        "公民身份号码",
        "证件号码",
        "证件号",
        "社会保障号码",
        "id_number",
    ),
    "address": (
        "手机号码",
        "手机号",
        "手机",
        "联系电话",
        "联系方式",
        "电话",
        "电话号码",
        "移动电话",
        "本人电话",
        "phone",
        "address",
    ),
    "district": ("区", "所属区", "所在区", "区域", "行政区", "区县", "县区", "登记区", "district"),
    "street": ("街道", "镇街", "街镇", "街道（镇）", "所属街道", "乡镇街道", "street"),
    "registered_on": ("失业登记日期", "登记日期", "失业登记时间", "登记时间", "失业日期", "registered_on"),
    "education": ("学历", "文化程度", "最高学历", "education"),
    "skills": ("技能", "技能特长", "职业技能", "特长", "技能证书", "skills"),
    "graduate_year": ("毕业年份", "毕业年度", "毕业时间", "毕业日期", "graduate_year"),
    "hardship": ("困难类别", "困难类型", "就业困难类别", "就业困难类型", "hardship"),
    "note": ("备注", "说明", "note", "remarks"),
}
REQUIRED = ("name", "address")
_EXAMPLE = "lines such as 手机号码: 本人电话1"
MAX_MAPPING_BYTES = 100_000
MAX_COLUMNS = 500
_MARKS = re.compile(r"[\s*＊:：()（）_\-]")


@dataclass(frozen=True, slots=True)
class Columns:
    """``places``: field → index of its column. ``ignored``: headers that nobody knows."""

    places: Mapping[str, int]
    ignored: tuple[str, ...]


def read_mapping(data: bytes) -> dict[str, str]:
    """Read a mapping file (YAML or JSON): our header or field name → the file's own header.

    Raises ``BadInput`` naming what is wrong.
    """
    if len(data) > MAX_MAPPING_BYTES:
        raise BadInput("the mapping file is too large", hint="it holds one line per column")
    try:
        content = yaml.safe_load(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
        raise BadInput("the mapping file is not YAML in UTF-8", hint=_EXAMPLE) from None
    if not isinstance(content, dict) or not content:
        raise BadInput("the mapping file maps nothing", hint=_EXAMPLE)
    mapping: dict[str, str] = {}
    for ours, theirs in content.items():
        field = field_of(str(ours))
        if not field:
            known = "、".join(titles[0] for titles in HEADERS.values())
            raise BadInput(
                f"the mapping file names an unknown column: {str(ours)[:40]}", hint=f"known: {known}"
            )
        if not isinstance(theirs, str) or not theirs.strip() or field in mapping:
            raise BadInput(f"the mapping of {str(ours)[:40]} is not one header of the file")
        mapping[field] = _plain(theirs)
    return mapping


def find_columns(header: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Find each field's column; a mapping comes before the usual headers.

    Raises ``BadInput`` when a needed column is missing, or two columns mean the same.
    """
    if len(header) > MAX_COLUMNS:
        raise BadInput(f"the list has more than {MAX_COLUMNS} columns", hint="is the first line the header?")
    mapped = {theirs: field for field, theirs in (mapping or {}).items()}
    places: dict[str, int] = {}
    ignored: list[str] = []
    for index, raw in enumerate(header):
        title = _plain(raw)
        field = mapped.get(title, "")
        if not field and (found := field_of(title)) not in (mapping or {}):
            field = found
        if not field:
            if title:
                ignored.append(clean(raw)[:40])
            continue
        if field in places:
            raise BadInput(
                f"two columns of the list mean {HEADERS[field][0]}",
                hint="name the right one in a mapping file",
            )
        places[field] = index
    _check_complete(places, mapping or {})
    return Columns(places, tuple(ignored))


def field_of(title: str) -> str:
    """Return the field that a usual header means; ``""`` for none."""
    return _FIELDS.get(_plain(title), "")


def _check_complete(places: Mapping[str, int], mapping: Mapping[str, str]) -> None:
    for field in mapping:
        if field not in places:
            raise BadInput(f"the list has no column that the mapping file names for {HEADERS[field][0]}")
    for field in REQUIRED:
        if field not in places:
            raise BadInput(
                f"the list has no column {HEADERS[field][0]}",
                hint="the first line must name the columns, or use --mapping",
            )


def _plain(title: str) -> str:
    return _MARKS.sub("", clean(title)).lower()


_FIELDS = {_plain(title): field for field, titles in HEADERS.items() for title in titles}
