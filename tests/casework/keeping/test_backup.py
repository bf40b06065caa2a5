"""Backups: what comes back is what was there, from either database into either."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from casework import schema
from casework.keeping.backup import MANIFEST, Backup, prepare_for, read_manifest, verify
from casework.register.types import RegisteredPerson
from casework.store import Store, open_store
from core.clock import VirtualClock
from core.errors import BadInput
from core.recordings import LocalRecordings
from tests.casework.conftest import SECRET, Cluster
from tests.casework.samples import finished, intention, one_task


async def _fill(store: Store, clock: VirtualClock, files: LocalRecordings) -> str:
    people = [RegisteredPerson(f"赵{'甲乙丙丁'[n % 4]}", f"138001{n:05d}", "", "天河区") for n in range(30)]
    await store.upsert_people(people)
    _, task, _ = await one_task(store, ignore_window=True)
    await store.begin_attempt(task, "w", lease_ms=60_000)
    record, result = finished(task, clock.now())
    await store.save_call(record, result)
    await store.save_result(intention("web_1", clock.now()))
    await store.add_do_not_call("13800138009", source="cli")
    await store.log_access("li.hua", "view_call", record.call_id)
    path = files.path(record.recording)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sound" * 100_000)
    return record.call_id


async def _rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    async with store._db.read() as connection:
        for table in schema.metadata.sorted_tables:
            query = sa.select(table).order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in await connection.execute(query)]
    return found


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
async def test_what_comes_back_is_what_was_there(
    store: Store, clock: VirtualClock, tmp_path: Path, target: str, postgres: Cluster
) -> None:
    """Every row of every table and every recording, and life goes on: new numbers do not collide."""
    files = LocalRecordings(tmp_path / "recordings")
    call_id = await _fill(store, clock, files)
    folder = tmp_path / "backup"
    made = await store.part(Backup).create(folder, files)
    assert made.rows == sum(map(len, (await _rows(store)).values()))
    url = f"sqlite+aiosqlite:///{tmp_path / 'restored.db'}"
    if target == "postgresql":
        url = await postgres.create(f"restored_{'lite' if store._db.is_sqlite else 'server'}")
    await prepare_for(folder, url)
    back = LocalRecordings(tmp_path / "back")
    async with await open_store(url, secret=SECRET, clock=clock) as restored:
        await restored.part(Backup).restore(folder, back)
        assert await _rows(restored) == await _rows(store)
        stored = await restored.get_call(call_id)
        assert stored.record.callee_name == "陈小明"
        assert back.path(stored.record.recording).read_bytes() == b"sound" * 100_000
        await restored.log_access("li.hua", "view_call", call_id)
        assert (await restored.verify_access_log()).entries == 2
        await restored.save_result(intention("web_2", clock.now()))
        assert len(await restored.waiting_results()) == 3


async def test_a_filled_database_is_not_overwritten(
    sqlite_store: Store, clock: VirtualClock, tmp_path: Path
) -> None:
    """Restoring into a database with rows is refused and changes nothing."""
    await _fill(sqlite_store, clock, LocalRecordings(tmp_path / "recordings"))
    before = await _rows(sqlite_store)
    await sqlite_store.part(Backup).create(tmp_path / "backup", None)
    with pytest.raises(BadInput, match="not empty"):
        await sqlite_store.part(Backup).restore(tmp_path / "backup", None)
    assert await _rows(sqlite_store) == before


async def test_another_key_is_noticed_before_anything_is_written(sqlite_store: Store, tmp_path: Path) -> None:
    """A backup of another installation's secret is refused."""
    await sqlite_store.part(Backup).create(tmp_path / "backup", None)
    async with await open_store("sqlite+aiosqlite://", secret=b"x" * 40) as other:
        with pytest.raises(BadInput, match="another secret key"):
            await other.part(Backup).restore(tmp_path / "backup", None)


@pytest.mark.parametrize("damage", ["bit", "missing", "manifest", "outside", "empty"])
async def test_damage_is_named(sqlite_store: Store, tmp_path: Path, damage: str) -> None:
    """A changed byte, a missing file, no manifest, a path that leaves the folder: all are refused."""
    folder = tmp_path / "backup"
    await sqlite_store.part(Backup).create(folder, None)
    table = folder / "tables" / "persons.jsonl.gz"

    def harm() -> None:
        if damage == "bit":
            data = bytearray(table.read_bytes())
            data[-1] ^= 1
            table.write_bytes(data)
        elif damage == "missing":
            table.unlink()
        elif damage == "manifest":
            (folder / MANIFEST).unlink()
        elif damage == "empty":
            (folder / MANIFEST).write_bytes(b"{}")
        else:
            content = json.loads((folder / MANIFEST).read_text())
            content["files"]["../secret.key"] = {"sha256": "", "size": 0, "rows": 0}
            (folder / MANIFEST).write_text(json.dumps(content))

    await asyncio.to_thread(harm)
    with pytest.raises(BadInput):
        verify(folder)


async def test_a_backup_goes_into_a_new_folder_and_holds_no_secret(
    sqlite_store: Store, tmp_path: Path
) -> None:
    """A folder with something in it is refused; nothing in a backup contains the secret."""
    folder = tmp_path / "backup"
    await sqlite_store.part(Backup).create(folder, None)
    assert read_manifest(folder).key_print == sqlite_store._vault.key_print
    found = await asyncio.to_thread(lambda: [p for p in folder.rglob("*") if p.is_file()])
    assert [path for path in found if SECRET in path.read_bytes()] == []
    with pytest.raises(BadInput, match="not empty"):
        await sqlite_store.part(Backup).create(folder, None)
