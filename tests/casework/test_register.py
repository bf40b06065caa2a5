"""A district's list of registered people: read from any file offices send, entered once, sealed."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.register import HEADER, people
from casework import schema
from casework.register.columns import find_columns, read_mapping
from casework.register.importing import import_people, reporting
from casework.register.rows import RowReader, birth_year, check_character, read_date, read_id_number
from casework.register.tables import open_table
from casework.register.types import ImportCount, RegisteredPerson, RowProblem
from casework.store import Store
from core.errors import BadInput, NuanyeError, StorageError, TooLarge

TODAY = date(2026, 11, 23)
ROW = (
    "张三",
    "11010519491231002X",
    "13800130001",
    "天河",
    "石牌街道",
    "2026-03-01",
    "大专",
    "电工、焊工",
    "要照顾母亲",
)
CLOSE = ("李四", "440106198001010019", "13800130002", "白云区", "三元里街道", "2026/4/2", "初中", "", "")


def csv_file(folder: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    """Write a list with the offices' header."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    path = folder / "list.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def sheet_file(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write a workbook with the offices' header."""
    book = openpyxl.Workbook()
    for row in (HEADER, *rows):
        book.active.append(list(row))
    path = folder / "list.xlsx"
    book.save(path)
    return path


async def enter(path: Path, store: Store) -> tuple[ImportCount, list[list[str]]]:
    """Import a file; return the counts and the lines of its report."""
    table = open_table(path)
    report = path.with_suffix(".problems")
    with reporting(report) as written:
        count = await import_people(
            table, find_columns(table.header), store, written, today=TODAY, progress=lambda _: None
        )
    lines = list(csv.reader(report.open(encoding="utf-8-sig"))) if report.exists() else []
    return count, lines[1:]


def one(row: Sequence[str]) -> RegisteredPerson | RowProblem | None:
    """Read one row under the offices' header."""
    return RowReader(find_columns(HEADER), TODAY).read(2, row)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_a_list_in_any_usual_encoding_is_entered(encoding: str, tmp_path: Path, store: Store) -> None:
    """UTF-8, UTF-16 and GBK lists come in; the second time everybody is known."""
    path = csv_file(tmp_path, [ROW, CLOSE], encoding)
    assert (await enter(path, store))[0] == ImportCount(2, 2, 0, 0)
    assert (await enter(path, store))[0] == ImportCount(2, 0, 2, 0)


async def test_a_workbook_says_the_same_as_its_csv(tmp_path: Path, sqlite_store: Store) -> None:
    """Numbers and days in a sheet's own types mean what the text of a CSV means."""
    row = ("张三", ROW[1], 13800130001, "天河", "石牌街道", date(2026, 3, 1), "大专", "电工、焊工", None)
    count, problems = await enter(sheet_file(tmp_path, [row]), sqlite_store)
    assert (count, problems) == (ImportCount(1, 1, 0, 0), [])
    query = sa.select(schema.registrations)
    async with sqlite_store._db.read() as connection:
        (stored,) = (await connection.execute(query)).all()
    assert (stored.registered_on, stored.street, stored.birth_year) == (date(2026, 3, 1), "石牌街道", 1949)
    assert json.loads(stored.skills) == ["电工", "焊工"]


async def test_identity_lies_sealed(tmp_path: Path, sqlite_store: Store) -> None:
    """No table holds a name, a number, an identity number or a note that could be read."""
    await enter(csv_file(tmp_path, [ROW]), sqlite_store)
    async with sqlite_store._db.read() as connection:
        rows = [
            str(tuple(row))
            for table in (schema.persons, schema.registrations)
            for row in await connection.execute(sa.select(table))
        ]
    assert len(rows) == 2
    assert not any(secret in row for row in rows for secret in (ROW[0], ROW[1], ROW[2], ROW[8], ROW[1][:14]))


async def test_a_new_number_keeps_the_person(tmp_path: Path, store: Store) -> None:
    """Somebody whose identity number is known stays one person when name and telephone change."""
    await enter(csv_file(tmp_path, [ROW]), store)
    changed = ("张三丰", ROW[1], "13800130009", "海珠区", *ROW[4:])
    assert (await enter(csv_file(tmp_path, [changed]), store))[0] == ImportCount(1, 0, 1, 0)
    async with store._db.read() as connection:
        (person,) = (await connection.execute(sa.select(schema.persons))).all()
    assert store._vault.open(person.name_sealed, "name") == "张三丰"
    assert person.district == "海珠区"


async def test_bad_rows_are_named_and_the_others_entered(tmp_path: Path, store: Store) -> None:
    """Each unusable row is in the report by line, column and reason, without its content."""
    rows = [
        ROW,
        ("", *ROW[1:]),
        ("=cmd()", *CLOSE[1:]),
        ("王五", "110105194912310021", "13800130003", *ROW[3:]),
        ("赵六", "4.40106E+17", "13800130004", *ROW[3:]),
        ("钱七", "", "12345", *ROW[3:]),
        ("孙八", "", "13800130005", "天河", "", "1899-12-31", "", "", ""),
        ("周九", "", "13800130006", "天河", "", "2027-01-01", "", "", ""),
        ("张三", "", ROW[2], *ROW[3:]),
        ROW,
        CLOSE,
    ]
    count, problems = await enter(csv_file(tmp_path, rows), store)
    assert count == ImportCount(11, 2, 0, 9)
    assert [(line, column) for line, column, _ in problems] == [
        ("3", "姓名"),
        ("4", "姓名"),
        ("5", "身份证号"),
        ("6", "身份证号"),
        ("7", "手机号码"),
        ("8", "失业登记日期"),
        ("9", "失业登记日期"),
        ("10", "手机号码"),
        ("11", "身份证号"),
    ]
    said = " ".join(reason for _, _, reason in problems)
    assert all(reason in said for reason in ("科学计数法", "校验位", "与第 2 行相同"))
    assert not any(cell in said for row in rows for cell in row[:3] if len(cell) > 1)


def test_offices_headers_and_a_mapping_file_are_understood() -> None:
    """Spaces, brackets and stars in a header do not matter; what is not usual is mapped by a file."""
    found = find_columns(("* 姓 名", "联系电话（必填）".replace("（必填）", ""), "居民地", "备注"))
    assert (dict(found.places), found.ignored) == ({"name": 0, "address": 1, "note": 3}, ("居民地",))
    mapping = read_mapping("手机号码: 本人电话1\nstreet: 居民地\n".encode())
    found = find_columns(("姓名", "联系电话", "本人电话1", "居民地"), mapping)
    assert dict(found.places) == {"name": 0, "address": 2, "street": 3}
    assert found.ignored == ("联系电话",)


@pytest.mark.parametrize(
    "mapping",
    [b"", b"- a", b"\xff\xfe\x00", b"{", b"foo: bar", "手机号码: [a]".encode(), "手机号码: 没有的".encode()],
)
def test_a_bad_mapping_is_refused_by_name(mapping: bytes) -> None:
    """Broken, unknown or missing columns of a mapping file end with a clear error."""
    with pytest.raises(BadInput):
        find_columns(HEADER, read_mapping(mapping))


@pytest.mark.parametrize("header", [("姓名",), ("手机号码", "备注"), ("姓名", "手机", "电话"), ()])
def test_missing_or_doubled_columns_are_refused(header: Sequence[str]) -> None:
    """A list without names or numbers, or with two columns for one thing, is not guessed at."""
    with pytest.raises(BadInput):
        find_columns(header)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\xff", b"\x00\x01", b"PK\x03\x04junk", b"\xd0\xcf\x11\xe0" + bytes(600), b'a,b\n"x,y\n'],
)
def test_what_is_no_table_is_refused_before_anything_is_entered(content: bytes, tmp_path: Path) -> None:
    """Empty, binary, damaged, encrypted or unfinished files end with a clear error."""
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        find_columns(open_table(path).header)


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workbook is refused by what it would unpack to, before it is unpacked."""
    monkeypatch.setattr("casework.register.tables.MAX_UNPACKED_BYTES", 100_000)
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 200_000)
    with pytest.raises(TooLarge):
        open_table(path)


def test_more_rows_than_a_city_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list over the limit is refused as a whole."""
    monkeypatch.setattr("casework.register.tables.MAX_ROWS", 1)
    for path in (csv_file(tmp_path, [ROW, CLOSE]), sheet_file(tmp_path, [ROW, CLOSE])):
        with pytest.raises(TooLarge):
            open_table(path)


async def test_a_report_that_cannot_be_written_says_so(tmp_path: Path, sqlite_store: Store) -> None:
    """Where no report can be made, the import stops with a hint instead of hiding the rows."""
    table = open_table(csv_file(tmp_path, [("", *ROW[1:])]))
    with pytest.raises(StorageError, match="report"), reporting(tmp_path / "none" / "r.csv") as report:
        await import_people(
            table, find_columns(table.header), sqlite_store, report, today=TODAY, progress=lambda _: None
        )


@given(st.text("0123456789", min_size=17, max_size=17))
def test_an_identity_number_with_one_wrong_place_is_noticed(digits: str) -> None:
    """Whatever single digit is mistyped, the check character differs (GB 11643-1999)."""
    right = check_character(digits)
    for place in range(17):
        wrong = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :]
        assert check_character(wrong) != right


@given(st.lists(st.text(max_size=30), max_size=12))
def test_any_row_gives_a_person_a_reason_or_nothing(row: list[str]) -> None:
    """No content of cells raises."""
    assert isinstance(one(row), RegisteredPerson | RowProblem | None)


def test_numbers_and_days_as_offices_write_them() -> None:
    """Old identity numbers gain their century and check place; days come in five spellings."""
    assert read_id_number("110105 491231 002") == "11010519491231002X"
    assert read_id_number("h12345678") == "H12345678"
    assert birth_year("H12345678") is None
    days = ("2026-03-01", "2026/3/1", "2026年3月1日", "20260301", "46082", "2026-03-01 00:00:00")
    assert {read_date(day) for day in days} == {date(2026, 3, 1)}


def test_the_command_prints_its_counts(tmp_path: Path) -> None:
    """`nuanye register import FILE --database URL --json` prints one object with the agreed keys."""
    rows = [*people(300, 7), ("", "", "13800130001", "", "", "", "", "", "")]
    path = csv_file(tmp_path, rows, "gb18030")
    url = f"sqlite+aiosqlite:///{tmp_path / 'register.db'}"
    command = [sys.executable, "-m", "nuanye", "register", "import", str(path), "--database", url, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert {key: said[key] for key in ("rows", "imported", "updated", "rejected")} == {
        "rows": 301,
        "imported": 300,
        "updated": 0,
        "rejected": 1,
    }
    assert said["seconds"] > 0
    assert said["peak_mb"] > 10
    assert Path(said["report"]).read_text(encoding="utf-8-sig").splitlines()[1].startswith("302,姓名")


def test_a_missing_file_is_named_kindly(tmp_path: Path) -> None:
    """A path that is not there ends with a clear error."""
    with pytest.raises(NuanyeError, match="cannot be read"):
        open_table(tmp_path / "none.csv")


async def test_processes_of_their_own_give_what_one_gives(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list prepared by helpers enters the same people, problems and repeats in the same order."""
    from casework.register import workers

    rows = [f"赵{'甲乙丙丁'[n % 4]},138{n:08d},天河" for n in range(4500)]
    rows[17], rows[4400], rows[4401] = ",13800000017,天河", "赵甲,1380,天河", rows[3]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(["姓名,手机号码,区", *rows]), encoding="utf-8")
    found = []
    for fewest in (10_000, 1):
        monkeypatch.setattr(workers, "FEWEST_ROWS", fewest)
        table = open_table(path)
        with reporting(tmp_path / f"problems-{fewest}.csv") as report:
            count = await import_people(
                table, find_columns(table.header), store, report, today=TODAY, progress=lambda _count: None
            )
        found.append((count.rows, count.imported + count.updated, count.rejected, report.path.read_text()))
    assert found[0] == found[1]
    assert found[0][:3] == (4500, 4497, 3)
    assert count.updated == 4497


async def test_a_helper_that_dies_is_an_error_that_says_so(tmp_path: Path, sqlite_store: Store) -> None:
    """A killed process ends the import with a StorageError; nothing half is entered."""
    import multiprocessing

    from casework.register.rows import RowReader
    from casework.register.workers import prepared_parts

    path = tmp_path / "list.csv"
    path.write_text(
        "\n".join(["姓名,手机号码", *(f"赵甲,138{n:08d}" for n in range(9000))]), encoding="utf-8"
    )
    table = open_table(path)
    reader = RowReader(find_columns(table.header), TODAY)
    parts = prepared_parts(iter(table.rows), sqlite_store.ring, reader, workers=1, chunk=500)
    assert len(await anext(parts)) == 500
    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(StorageError, match="died"):
        async for _part in parts:
            pass
