"""`nuanye register`: the lists of registered unemployed people that offices hand over."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuanye.commands._common import print_json, with_store

if TYPE_CHECKING:
    from casework.register.types import ImportCount
    from casework.store import Store

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="失业登记名册：导入 · the register of unemployed people",
)

_TELL_EVERY_S = 2.0


@app.callback()
def _group() -> None:
    """失业登记名册：导入 · the register of unemployed people"""


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV 或 XLSX 名册，首行为列名 · a CSV or XLSX list")
    ],
    mapping: Annotated[
        Path | None,
        typer.Option(help="列名对照文件（YAML），如“手机号码: 本人电话1” · which column means what"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="问题行报告，默认为 FILE.problems.csv · where rows with problems are listed"),
    ] = None,
    database: Annotated[
        str, typer.Option(metavar="URL", help="数据库地址，默认用设置中的 · an SQLAlchemy URL")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """导入名册：新的人登记，已有的人更新，问题行写入报告。重复导入不会重复登记。"""
    from casework.register.columns import find_columns, read_mapping
    from casework.register.importing import import_people, reporting
    from casework.register.tables import open_table
    from core.clock import CHINA, SystemClock

    started = time.monotonic()
    table = open_table(file)
    columns = find_columns(table.header, read_mapping(_bytes_of(mapping)) if mapping else None)
    problems = report or file.with_name(f"{file.name}.problems.csv")
    with reporting(problems) as written:

        async def work(store: Store) -> ImportCount:
            today = SystemClock().now().astimezone(CHINA).date()
            return await import_people(
                table, columns, store, written, today=today, progress=_Progress(table.count)
            )

        count = with_store(work, database)
    _show(count, columns.ignored, problems, time.monotonic() - started, as_json)


def _show(
    count: ImportCount, ignored: tuple[str, ...], problems: Path, seconds: float, as_json: bool
) -> None:
    found = str(problems) if count.rejected else ""
    if as_json:
        values: dict[str, Any] = dataclasses.asdict(count)
        print_json(
            {
                **values,
                "seconds": round(seconds, 2),
                "peak_mb": _peak_mb(),
                "ignored_columns": ignored,
                "report": found,
            }
        )
        return
    print(
        f"共 {count.rows} 行：新登记 {count.imported} 人，更新 {count.updated} 人，有问题 {count.rejected} 行"
        f"（{seconds:.1f} 秒，内存最高 {_peak_mb()} MB）"
    )
    if ignored:
        print(f"未使用的列：{'、'.join(ignored)}")
    if found:
        print(f"问题行见：{found}")


class _Progress:
    """Tells on stderr how far a long import has come, not more often than a person reads."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._told_at = time.monotonic()

    def __call__(self, count: ImportCount) -> None:
        if time.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._told_at = time.monotonic()
            print(f"已处理 {count.rows} / {self._total} 行，有问题 {count.rejected} 行", file=sys.stderr)


def _bytes_of(path: Path) -> bytes:
    from core.errors import BadInput

    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"the mapping file cannot be read ({type(error).__name__})", hint="check the path"
        ) from None


def _peak_mb() -> int:
    """Return the most memory held at once, in MB: this process's peak and its helpers'."""
    from casework.register.workers import helpers_peak_kb, own_peak_kb

    return round((own_peak_kb() + helpers_peak_kb()) / 1024)
