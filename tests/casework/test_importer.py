"""Lists as offices really send them: every unusable row is named, nothing personal is repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.cells import neutral
from casework.importer import MAX_BYTES, MAX_ROWS, ImportedList, read_list
from casework.types import Contact
from core.errors import BadInput, NuanyeError, TooLarge

HEADER = "姓名,手机号码,区,意向岗位,期望月薪,就业状态,入职时间,备注\n"


def _read(rows: str, encoding: str = "utf-8") -> ImportedList:
    return read_list((HEADER + rows).encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings_of_spreadsheets(encoding: str) -> None:
    """UTF-8 with and without BOM, GBK and UTF-16 give the same contacts."""
    found = _read("陈小明,13800138001,天河区,保安、保洁,4000-5000,失业,,常联系\n", encoding)
    facts = {
        "wanted_jobs": ["保安", "保洁"],
        "expected_pay": {"min": 4000, "max": 5000, "unit": "yuan_per_month"},
        "employment_status": "unemployed",
        "district": "天河区",
    }
    assert found.contacts == (Contact("陈小明", "13800138001", "天河区", facts),)
    assert found.problems == ()
    assert found.ignored_columns == ("备注",)


def test_line_ends_separators_and_blank_lines() -> None:
    """CRLF, semicolons, tabs, trailing empty lines and short rows are all read."""
    for separator in ",;\t":
        text = "姓名,电话,区\r\n陈小明,13800138001\r\n\r\n,,\r\n".replace(",", separator)
        found = read_list(text.encode())
        assert [c.name for c in found.contacts] == ["陈小明"]
        assert found.problems == ()


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("138 0013 8001", "13800138001"),
        ("+86-138-0013-8001", "13800138001"),
        ("１３８００１３８００１", "13800138001"),
        ("13800138001.0", "13800138001"),
        ("'13800138001", "13800138001"),
        ("020-81234567", "02081234567"),
        ("sip:chen@127.0.0.1:5070", "sip:chen@127.0.0.1:5070"),
        ("sip:chen@127.0.0.1:5070;transport=tcp", "sip:chen@127.0.0.1:5070;transport=tcp"),
    ],
)
def test_numbers_however_they_are_written(written: str, stored: str) -> None:
    """Spaces, dashes, country code, full-width digits and a spreadsheet's .0 mean the same number."""
    found = _read(f"陈小明,{written},,,,,,\n")
    assert [c.address for c in found.contacts] == [stored]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",13800138001,,,,,,", "姓名：空"),
        ("陈小明,,,,,,,", "号码：空"),
        ("陈小明,1.38E+10,,,,,,", "号码：被表格软件改成了科学计数法，请把该列设为文本"),
        ("陈小明,12345,,,,,,", "号码：不是中国内地的有效号码"),
        ("陈小明,+1 212 555 0100,,,,,,", "号码：不是中国内地的有效号码"),
        ("陈小明,无,,,,,,", "号码：不是电话号码"),
        ("陈小明,sip:chen at home,,,,,,", "号码：不是有效的 SIP 地址"),
        ("陈小明,sip:chen@h\\r\\nVia: x,,,,,,", "号码：不是有效的 SIP 地址"),
        ("=HYPERLINK(1),13800138001,,,,,,", "姓名：含有姓名中不会出现的字符"),
        ("<b>陈</b>,13800138001,,,,,,", "姓名：含有姓名中不会出现的字符"),
        ("陈小明,13800138001,=1+1,,,,,", "以公式符号开头"),
        ("陈小明,13800138001,,@cmd,,,,", "意向岗位：以公式符号开头"),
        ("陈小明,13800138001,,,面议,,,", "期望月薪：不是金额"),
        ("陈小明,13800138001,,,5,,,", "期望月薪：金额不合理（应为每月 500 至 200000 元）"),
        ("陈小明,13800138001,,,6000-3000,,,", "期望月薪：金额不合理（应为每月 500 至 200000 元）"),
        ("陈小明,13800138001,,,,,1899-12-30,", "入职时间：日期不合理"),
        ("陈小明,13800138001,,,,,1900/1/0,", "入职时间：日期不合理"),
        ("陈小明,13800138001,,,,,2026-13-01,", "入职时间：日期不合理"),
        ("陈小明,13800138001,,,,,2026-02-30,", "入职时间：日期不合理"),
        ("陈小明,13800138001,,,,,44927,", "入职时间：不是日期（应如 2026-03-01）"),
        ("陈小明,13800138001,,,,在找,,", "就业状态：应为 已就业、"),
        ("陈小明,13800138001,," + "长" * 201 + ",,,,", "意向岗位：超过 200 个字"),
    ],
)
def test_rows_that_cannot_be_used(row: str, reason: str) -> None:
    """The line and the reason are named; the good row beside it is kept; the content is not repeated."""
    found = _read(f"李桂芳,13800138002,,,,,,\n{row}\n")
    (problem,) = found.problems
    assert problem.line == 3
    assert problem.reason.startswith(reason)
    assert [c.name for c in found.contacts] == ["李桂芳"]
    for personal in ("陈小明", "13800138001", "HYPERLINK"):
        assert personal not in problem.reason


def test_the_same_number_twice() -> None:
    """A doubled number, however spelt, is kept once and its second line named."""
    found = _read("陈小明,13800138001,,,,,,\n李桂芳,13800138002,,,,,,\n陈晓明,+86 13800138001,,,,,,\n")
    assert [c.name for c in found.contacts] == ["陈小明", "李桂芳"]
    assert [(p.line, p.reason) for p in found.problems] == [(4, "号码与第 2 行相同")]


@pytest.mark.parametrize(
    ("text", "pay"),
    [
        ("4000", (4000, None)),
        ("4,000元/月", (4000, None)),
        ("4千-5千", (4000, 5000)),
        ("4-5k", (4000, 5000)),
        ("1万以上", (10000, None)),
        ("３５００～４５００", (3500, 4500)),
    ],
)
def test_pay_as_people_write_it(text: str, pay: tuple[int, int | None]) -> None:
    """Amounts and ranges in yuan, thousands and ten thousands."""
    (contact,) = _read(f'陈小明,13800138001,,,"{text}",,,\n').contacts
    assert (contact.facts["expected_pay"]["min"], contact.facts["expected_pay"]["max"]) == pay


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", BadInput, "empty|column"),
        ("姓名,区\n陈小明,天河区\n".encode(), BadInput, "手机号码"),
        ("手机号码\n13800138001\n".encode(), BadInput, "姓名"),
        ("姓名,电话,手机\n陈小明,1,2\n".encode(), BadInput, "two columns"),
        ("13800138001,陈小明\n".encode(), BadInput, "column"),
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)), BadInput, "neither"),
        ("姓名,电话\n陈小明\0,1\n".encode(), BadInput, "neither"),
        ('姓名,电话\n"陈小明,13800138001\n'.encode(), BadInput, "not CSV"),
        ('姓名,电话\n"陈"小明,13800138001\n'.encode(), BadInput, "not CSV"),
        (b"x" * (MAX_BYTES + 1), TooLarge, "larger"),
        (("姓名,电话\n" + ",\n" * (MAX_ROWS + 1)).encode(), TooLarge, "more than"),
    ],
    ids=[
        "empty", "no number column", "no name column", "doubled column", "no header", "workbook",
        "null byte", "open quote", "stray quote", "huge", "too many rows",
    ],
)  # fmt: skip
def test_files_that_are_no_list(data: bytes, error: type[NuanyeError], words: str) -> None:
    """The error says what the file lacks, and repeats nobody's name or number."""
    with pytest.raises(error, match=words) as caught:
        read_list(data)
    assert "陈小明" not in str(caught.value)
    assert "13800138001" not in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_damaged_file_gives_no_garbled_people(cut: int) -> None:
    """A UTF-8 file cut inside a character is refused instead of being read as GBK."""
    data = (HEADER + "陈小明,13800138001,天河区").encode()[:-cut]
    try:
        found = read_list(data)
    except BadInput:
        return
    assert cut % 3 == 0, "only a cut between characters leaves a readable file"
    assert [c.name for c in found.contacts] == ["陈小明"]


@given(st.binary(max_size=400))
def test_any_bytes_give_a_list_or_a_named_error(data: bytes) -> None:
    """Whatever the file holds: contacts and problems, or BadInput; never another exception."""
    try:
        read_list(data)
    except BadInput:
        return


@given(st.lists(st.lists(st.text(max_size=20), max_size=8), max_size=6))
def test_any_cells_give_contacts_with_usable_values(rows: list[list[str]]) -> None:
    """Cells of any text never raise, and what is kept has a name and an address."""
    import csv
    import io

    out = io.StringIO()
    csv.writer(out).writerows(rows)
    try:
        found = _read(out.getvalue())
    except (BadInput, UnicodeEncodeError):
        return
    for contact in found.contacts:
        assert contact.name.strip() == contact.name != ""
        assert contact.address.isdigit() or contact.address.lower().startswith("sip")


@pytest.mark.parametrize(
    "cell", ["=1+1", "+86", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u3000@x", '=HYPERLINK("x")']
)
def test_a_cell_that_would_run_is_shown_instead(cell: str) -> None:
    """Whatever a spreadsheet would take for a formula gets an apostrophe; other cells stay."""
    assert neutral(cell) == f"'{cell}"
    assert neutral("天河区") == "天河区"
    assert neutral("a=b") == "a=b"
