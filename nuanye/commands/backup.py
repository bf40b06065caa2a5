"""`nuanye backup`: write, check and bring back a backup of database and recordings; keys apart."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.keeping.backup import Manifest
    from casework.store import Store
    from core.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="备份与恢复 · backups")

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="备份文件夹 · the backup's folder")]
Sounds = Annotated[bool, typer.Option("--recordings/--no-recordings", help="是否包含录音 · recordings too")]


@app.command()
def create(
    folder: Folder,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="把密钥另存到此处，勿与备份放在一起 · keys, elsewhere")
    ] = None,
    recordings: Sounds = True,
    as_json: AsJson = False,
) -> None:
    """备份数据库（SQLite 或 PostgreSQL）与录音；不含密钥。"""
    from core.secret import load_ring, write_ring_file
    from core.settings import load_settings

    if keys is not None and keys.resolve().is_relative_to(folder.resolve()):
        raise BadInput("keys must not lie in the backup itself", hint="name another place")

    async def work(store: Store) -> Manifest:
        from casework.keeping.backup import Backup
        from core.s3 import open_recordings

        settings = load_settings(os.environ)
        files = open_recordings(settings) if recordings else None
        made = await store.part(Backup).create(folder, files)
        await store.log_access(this_user(), "backup_create", made.made_at.isoformat())
        return made

    made = with_store(work)
    if keys is not None:
        write_ring_file(keys, load_ring(load_settings(os.environ)))
    _show(made, as_json, "已备份")
    if keys is None and not as_json:
        print("密钥未包含在内：请另行保管 secret.key（--keys FILE 可另存一份）。")


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """核对备份中每个文件的大小与 SHA-256。"""
    from casework.keeping.backup import verify as check

    _show(check(folder), as_json, "完整")


@app.command()
def restore(
    folder: Folder,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="另存的密钥文件，默认用当前密钥 · the keys")
    ] = None,
    database: Annotated[str, typer.Option(metavar="URL", help="恢复到哪个（空的）数据库 · into which")] = "",
    recordings: Sounds = True,
    as_json: AsJson = False,
) -> None:
    """恢复到一个空数据库；两种数据库的备份可以互相恢复。"""
    from core.settings import load_settings

    settings = load_settings(os.environ)
    if keys is not None and not keys.is_file():
        raise BadInput("the keys file is not there", hint="--keys")
    if database:
        settings = replace(settings, database_url=database)
    _show(asyncio.run(_restore(settings, folder, keys, recordings)), as_json, "已恢复")


async def _restore(settings: Settings, folder: Path, keys: Path | None, recordings: bool) -> Manifest:
    from casework.database import Database
    from casework.keeping.backup import Backup, prepare_for
    from casework.store import open_vault
    from casework.vault import Vault
    from core.clock import SystemClock
    from core.s3 import open_recordings
    from core.secret import SECRET_FILE, load_ring_file, write_ring_file

    ring = None
    if keys is not None:
        ring = load_ring_file(keys)
        if not settings.secret_key and not (settings.data_dir / SECRET_FILE).exists():
            write_ring_file(settings.data_dir / SECRET_FILE, ring)
    await prepare_for(folder, settings.database)
    store = Database(settings.database)
    try:
        backup = Backup(store, Vault(ring) if ring else open_vault(settings), SystemClock())
        files = open_recordings(settings) if recordings else None
        manifest = await backup.restore(folder, files)
        await store.migrate()
        return manifest
    finally:
        await store.close()


def _show(manifest: Manifest, as_json: bool, what: str) -> None:
    tables = {
        name.split("/")[1].removesuffix(".jsonl.gz"): entry.rows
        for name, entry in manifest.files.items()
        if name.startswith("tables/")
    }
    sounds = sum(name.startswith("recordings/") for name in manifest.files)
    if as_json:
        print_json(
            {
                "made_at": manifest.made_at,
                "revision": manifest.revision,
                "rows": manifest.rows,
                "recordings": sounds,
                "bytes": sum(entry.size for entry in manifest.files.values()),
                "tables": tables,
            }
        )
        return
    print(f"{what}：{manifest.rows} 行，录音 {sounds} 个（{manifest.made_at.astimezone():%Y-%m-%d %H:%M}）")
