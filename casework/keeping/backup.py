"""Backups: every table as lines of JSON, the same from SQLite and PostgreSQL; recordings beside; no keys.

A folder::

    manifest.json                what is in it, of which schema, with the SHA-256 of every file
    tables/persons.jsonl.gz      first line: the columns; then one row a line
    recordings/20261123/….wav

One transaction reads all tables, so that they fit each other. Sealed values stay sealed: without the
secret the backup shows no name, which is why the secret is kept elsewhere (``nuanye backup create --keys``).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.database import Database, revision_of
from casework.repository import Repository
from core.codec import from_json, to_json
from core.errors import BadInput, StorageError
from core.recordings import Recordings, sha256_of

MANIFEST = "manifest.json"
_TABLES = "tables"
_RECORDINGS = "recordings"
_PAGE = 5000


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a backup. ``rows``: of a table; 0 for a recording."""

    sha256: str
    size: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. ``key_print`` tells which secret it needs, without giving it away."""

    made_at: datetime
    revision: str
    key_print: str
    files: dict[str, FileEntry] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows of all tables."""
        return sum(entry.rows for entry in self.files.values())


class Backup(Repository):
    """Writes backups of an open store, and fills an empty one from a backup."""

    async def create(self, folder: Path, recordings: Recordings | None) -> Manifest:
        """Write a backup into ``folder``, which must be new. Raises ``BadInput``, ``StorageError``."""
        _make_new(folder)
        files: dict[str, FileEntry] = {}
        async with self._db.snapshot() as connection:
            revision = await connection.run_sync(revision_of)
            for table in schema.metadata.sorted_tables:
                name = f"{_TABLES}/{table.name}.jsonl.gz"
                rows = await _dump(connection, table, folder / name)
                files[name] = await asyncio.to_thread(_entry, folder / name, rows)
        if recordings is not None:
            async for stored in recordings.names():
                name = f"{_RECORDINGS}/{stored.name}"
                await _copy_out(recordings, stored.name, folder / name)
                files[name] = await asyncio.to_thread(_entry, folder / name, 0)
        manifest = Manifest(self._clock.now(), str(revision), self._vault.key_print, files)
        # Last of all: a folder without manifest is a backup that broke off.
        await asyncio.to_thread((folder / MANIFEST).write_bytes, to_json(manifest))
        return manifest

    async def restore(self, folder: Path, recordings: Recordings | None) -> Manifest:
        """Fill this (empty) database from a backup that fits. Raises ``BadInput``, ``StorageError``."""
        manifest = await asyncio.to_thread(verify, folder)
        if manifest.key_print != self._vault.key_print:
            raise BadInput("the backup was made with another secret key", hint="--keys FILE")
        async with self._db.write() as connection:
            if str(await connection.run_sync(revision_of)) != manifest.revision:
                raise BadInput("the database is not of the backup's revision")
            await _check_empty(connection)
            for table in schema.metadata.sorted_tables:
                name = f"{_TABLES}/{table.name}.jsonl.gz"
                if name in manifest.files:
                    await _load(connection, table, folder / name)
            if not self._db.is_sqlite:
                await _set_sequences(connection)
        if recordings is not None:
            for name in manifest.files:
                if name.startswith(f"{_RECORDINGS}/"):
                    await recordings.put(name.removeprefix(f"{_RECORDINGS}/"), folder / name)
        return manifest


async def prepare_for(folder: Path, database_url: str) -> None:
    """Bring an empty database to the schema that the backup is of. Raises ``BadInput``, ``StorageError``."""
    manifest = await asyncio.to_thread(read_manifest, folder)
    database = Database(database_url)
    try:
        await database.migrate(manifest.revision)
    finally:
        await database.close()


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup holds. Raises ``BadInput``."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise BadInput(
            f"this is no complete backup ({type(error).__name__})", hint="name the folder with manifest.json"
        ) from None
    return from_json(data, Manifest)


def verify(folder: Path) -> Manifest:
    """Check every file's size and SHA-256. Raises ``BadInput`` naming the first that differs."""
    manifest = read_manifest(folder)
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BadInput("the backup names a file outside itself")
        try:
            same = path.stat().st_size == entry.size and sha256_of(path) == entry.sha256
        except OSError:
            raise BadInput(f"the backup lacks {name}") from None
        if not same:
            raise BadInput(f"the backup's {name} is damaged")
    return manifest


async def _dump(connection: AsyncConnection, table: sa.Table, path: Path) -> int:
    key = list(table.primary_key)
    after: Sequence[Any] | None = None
    count = 0
    with gzip.open(path, "wb", compresslevel=3) as file:
        file.write(msgspec.json.encode([str(column.name) for column in table.c]) + b"\n")
        while True:
            query = sa.select(table).order_by(*key).limit(_PAGE)
            if after is not None:
                query = query.where(sa.tuple_(*key) > sa.tuple_(*after))
            rows = (await connection.execute(query)).all()
            if not rows:
                return count
            await asyncio.to_thread(file.writelines, [msgspec.json.encode(list(row)) + b"\n" for row in rows])
            count += len(rows)
            after = [rows[-1][column.name] for column in key]


async def _load(connection: AsyncConnection, table: sa.Table, path: Path) -> None:
    lines = _lines(path)
    names = msgspec.json.decode(next(lines))
    readers = [_reader(table.c[name]) for name in names]
    page: list[dict[str, Any]] = []
    for line in lines:
        row = msgspec.json.decode(line)
        page.append({n: read(v) for n, read, v in zip(names, readers, row, strict=True)})
        if len(page) == _PAGE:
            await connection.execute(table.insert(), page)
            page = []
    if page:
        await connection.execute(table.insert(), page)


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from file


def _reader(column: sa.Column[Any]) -> Any:
    kind: Any = datetime if isinstance(column.type, schema.UtcTime) else None
    if isinstance(column.type, sa.Date):
        kind = date
    if kind is None:
        return lambda value: value
    return lambda value: None if value is None else kind.fromisoformat(value)


async def _check_empty(connection: AsyncConnection) -> None:
    """Only what opening it writes may be there."""
    for table in schema.metadata.sorted_tables:
        if table is schema.meta:
            await connection.execute(table.delete())
        elif (await connection.execute(sa.select(*table.primary_key).limit(1))).first() is not None:
            raise BadInput("the database to restore into is not empty", hint="name a new one with --database")


async def _set_sequences(connection: AsyncConnection) -> None:
    """Numbers go on after the restored ones."""
    for table in schema.metadata.sorted_tables:
        (key, *more) = table.primary_key
        if more or key.autoincrement is not True:
            continue
        await connection.execute(
            sa.text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{key.name}'),"  # noqa: S608 - our names
                f" coalesce(max({key.name}), 0) + 1, false) FROM {table.name}"
            )
        )


async def _copy_out(recordings: Recordings, name: str, target: Path) -> None:
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    with target.open("wb") as file:
        async for piece in recordings.read(name):
            await asyncio.to_thread(file.write, piece)


def _entry(path: Path, rows: int) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(digest, path.stat().st_size, rows)


def _make_new(folder: Path) -> None:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise BadInput("the folder for the backup is not empty", hint="name a new one")
        (folder / _TABLES).mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StorageError(f"the backup folder cannot be made ({type(error).__name__})") from error
