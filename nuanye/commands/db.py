"""`nuanye db`: the schema of a database on a server (the embedded one looks after itself)."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import load_settings
from nuanye.commands._common import with_store

if TYPE_CHECKING:
    from casework.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help="数据库 · the database's schema")


@app.callback()
def _group() -> None:
    """数据库 · the database's schema"""


@app.command()
def upgrade() -> None:
    """把数据库升级到当前版本；可重复执行。"""
    from casework.database import Database

    async def work() -> None:
        database = Database(load_settings(os.environ).database)
        try:
            await database.migrate()
        finally:
            await database.close()

    asyncio.run(work())
    with_store(_make_partitions)
    print("数据库已是最新版本")


@app.command()
def partitions(
    ahead: Annotated[int, typer.Option(min=0, max=24, help="提前几个月 · months ahead")] = 3,
) -> None:
    """建立 PostgreSQL 今后几个月的分区（调度进程每天也会做）。"""

    async def work(store: Store) -> tuple[tuple[str, ...], tuple[str, ...]]:
        from casework.partitions import Partitions

        part = store.part(Partitions)
        return await part.ensure(ahead), await part.months()

    made, months = with_store(work)
    print(f"新建 {len(made)} 个分区；现有：{'、'.join(months) or '无（SQLite 不分区）'}")


async def _make_partitions(store: Store) -> tuple[str, ...]:
    from casework.partitions import Partitions

    return await store.part(Partitions).ensure()
