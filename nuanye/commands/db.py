"""`nuanye db`: the schema of a database on a server (the embedded one looks after itself)."""

from __future__ import annotations

import asyncio
import os

import typer

from core.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="数据库 · the database's schema")


@app.callback()
def _group() -> None:
    """Keep `upgrade` a subcommand although it is the only one."""


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
    print("数据库已是最新版本")
