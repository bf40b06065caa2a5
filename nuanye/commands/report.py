"""`nuanye report`: what a month came to, as a page and as a workbook."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput, StorageError
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.keeping.month import Month
    from casework.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help="报表 · reports")


@app.callback()
def _group() -> None:
    """Keep `month` a subcommand although it is the only one."""


@app.command()
def month(
    which: Annotated[str, typer.Argument(metavar="YYYY-MM", help="哪个月 · which month")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="写到哪个文件夹，默认当前文件夹 · where to write")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="只输出数字 · print the figures only")] = False,
) -> None:
    """月报：触达、通话结果、各区就业、需求、等待、复核。写出 HTML 和 XLSX；不含个人信息。"""
    first = _first(which)

    async def work(store: Store) -> Month:
        from casework.keeping.month import Months

        found = await store.part(Months).month(first)
        await store.log_access(this_user(), "report_month", which)
        return found

    found = with_store(work)
    if as_json:
        print_json(found)
        return
    for path in _write(found, out):
        print(path)


def _write(found: Month, out: Path) -> tuple[Path, Path]:
    from console.texts import load_texts
    from core.clock import CHINA, SystemClock
    from core.settings import load_settings
    from nuanye.monthly.book import write_book
    from nuanye.monthly.page import page_of
    from nuanye.monthly.tables import tables_of, title_of

    title, tables = title_of(found), tables_of(found, load_texts())
    made_on = SystemClock().now().astimezone(CHINA).date().isoformat()
    stem = f"nuanye-{found.first:%Y-%m}"
    page, book = out / f"{stem}.html", out / f"{stem}.xlsx"
    try:
        out.mkdir(parents=True, exist_ok=True)
        agency = load_settings(os.environ).agency_name
        page.write_text(page_of(title, agency, made_on, tables), encoding="utf-8")
        write_book(book, title, tables)
    except OSError as error:
        raise StorageError(
            f"the report cannot be written ({type(error).__name__})", hint="--out DIR"
        ) from None
    return page, book


def _first(which: str) -> date:
    match = re.fullmatch(r"(20\d{2})-(0[1-9]|1[0-2])", which)
    if not match:
        raise BadInput("not a month", hint="write it as 2026-11")
    return date(int(match[1]), int(match[2]), 1)
