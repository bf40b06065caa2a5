"""One engine per process: transactions, SQLite's and PostgreSQL's peculiarities, migrations."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util.concurrency import await_only

from core.errors import ConfigError, StorageError

_MIGRATION_LOCK = 0x6E75616E  # any number that nobody else in this database locks
_BUSY_TIMEOUT_S = 15
_READ_ONLY = "nuanye_read_only"
# A host that is cut off in the middle of a transaction must not hold its locks until TCP gives up, which
# takes hours: the dispatcher's fence is one of them.
_SERVER_SETTINGS = {
    "idle_in_transaction_session_timeout": "15000",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class Database:
    """Hands out transactions; every foreign exception leaves as ``StorageError``."""

    def __init__(self, url: str) -> None:
        self._file = database_file(url)
        self.engine = _make_engine(url)

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is in use."""
        return bool(self.engine.dialect.name == "sqlite")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        with mapped():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view that takes no write lock."""
        with mapped():
            async with self.engine.connect() as connection:
                connection = await connection.execution_options(**{_READ_ONLY: True})
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A view in which every query sees the same moment, on PostgreSQL too."""
        options: dict[str, Any] = {_READ_ONLY: True}
        if not self.is_sqlite:
            options["isolation_level"] = "REPEATABLE READ"
        with mapped():
            async with self.engine.connect() as connection:
                connection = await connection.execution_options(**options)
                async with connection.begin():
                    yield connection

    async def insert_once(
        self, connection: AsyncConnection, table: sa.Table, values: Mapping[str, Any]
    ) -> bool:
        """Insert a row; ``False`` when its key is already taken."""
        statement = self._insert(table).values(**values).on_conflict_do_nothing()
        return bool((await connection.execute(statement)).rowcount == 1)

    async def insert_new(
        self, connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Insert the rows whose keys are not taken yet."""
        await connection.execute(self._insert(table).on_conflict_do_nothing(), list(rows))

    async def upsert(
        self,
        connection: AsyncConnection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        keep: Sequence[str],
    ) -> None:
        """Insert the rows; where one is there already, replace all columns but ``keep`` (its key first)."""
        statement = self._insert(table)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keep}
        statement = statement.on_conflict_do_update(index_elements=[keep[0]], set_=changed)
        await connection.execute(statement, list(rows))

    async def upsert_rows(
        self,
        connection: AsyncConnection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
        *,
        keep: Sequence[str],
    ) -> None:
        """``upsert`` for very many rows, given as tuples in the order of ``columns``.

        Past SQLAlchemy's binding, which takes longer than the database. Times must be aware, dates plain.
        """
        mark = "?" if self.is_sqlite else "%s"
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keep)
        text = (
            f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608 - our names
            f" ON CONFLICT ({keep[0]}) DO UPDATE SET {changes}"
        )
        values = [tuple(map(_as_sqlite, row)) for row in rows] if self.is_sqlite else list(rows)
        await connection.exec_driver_sql(text, values)

    def among(self, column: sa.Column[Any], values: Sequence[str]) -> Any:
        """Return the condition that a text is one of very many, as one parameter."""
        if self.is_sqlite:
            listed = sa.func.json_each(json.dumps(values)).table_valued("value")
            return column.in_(sa.select(listed.c.value))
        return column == sa.any_(sa.cast(list(values), postgresql.ARRAY(sa.Text)))

    def _insert(self, table: sa.Table) -> Any:
        return (sqlite if self.is_sqlite else postgresql).insert(table)

    async def migrate(self, revision: str = "head") -> None:
        """Bring the schema to ``revision`` (``base``: empty). Safe when several processes start at once."""
        if self._file is not None:
            with mapped():
                await asyncio.to_thread(_use_wal, self._file)
        async with self.write() as connection:
            if not self.is_sqlite:
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            await connection.run_sync(_migrate, revision)

    async def check_revision(self) -> None:
        """Raise ``StorageError`` when the schema is not the one this version works with."""
        async with self.read() as connection:
            current = await connection.run_sync(revision_of)
        head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
        if current != head:
            raise StorageError(
                f"the database is at revision {current or 'none'}, this version needs {head}",
                hint="nuanye db upgrade",
            )

    async def close(self) -> None:
        """Close every connection. aiosqlite's threads end with their connections."""
        await self.engine.dispose()


def _as_sqlite(value: Any) -> Any:
    """Return a value as SQLAlchemy's types would store it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat() if isinstance(value, date) else value


@contextmanager
def mapped() -> Iterator[None]:
    """Turn what drivers raise into ``StorageError``; the message carries no values."""
    try:
        yield
    # asyncpg's own errors arrive unwrapped while a connection is being made.
    except (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StorageError(
            f"the database refused or could not be reached ({type(cause).__name__})", hint="nuanye doctor"
        ) from error


def database_file(url: str) -> Path | None:
    """Return the file behind an SQLite URL; ``None`` for a server or a database in memory."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("database_url: not an SQLAlchemy URL", hint="see docs/settings.md") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database)


def _make_engine(url: str) -> AsyncEngine:
    file = database_file(url)
    parsed = make_url(url)
    name = parsed.drivername
    if name not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        raise ConfigError(
            "database_url: must begin with sqlite+aiosqlite:// or postgresql+asyncpg://",
            hint="see docs/settings.md",
        )
    if name == "postgresql+asyncpg":
        return create_async_engine(
            parsed,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={"timeout": 10, "server_settings": _SERVER_SETTINGS},
        )
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the database folder cannot be made ({type(error).__name__})", hint="check data_dir"
            ) from error
    options: dict[str, Any] = {"poolclass": AsyncAdaptedQueuePool, "pool_size": 4} if file else {}
    engine = create_async_engine(parsed, hide_parameters=True, **options)
    sa.event.listen(engine.sync_engine, "do_connect", _connect_sqlite)
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _connect_sqlite(dialect: Any, _record: Any, arguments: Any, options: dict[str, Any]) -> Any:
    """Connect with a thread that cannot keep a dying process alive.

    SQLAlchemy 1.4 sets ``daemon`` on the connection, which since aiosqlite 0.22 no longer is the
    thread (sqlalchemy#13039); a connection that was never closed would then block the exit.
    """
    connection = aiosqlite.connect(
        *arguments, **{**options, "isolation_level": None, "timeout": _BUSY_TIMEOUT_S}
    )
    connection._thread.daemon = True
    return AsyncAdapt_aiosqlite_connection(dialect.dbapi, await_only(connection))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_wal(file: Path) -> None:
    """Let readers and the writer work side by side; the file remembers it.

    SQLite does not wait for its lock here, so processes that start together have to.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    with closing(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


def _begin_sqlite(connection: Any) -> None:
    """Take the write lock at once: a reader that turns writer half-way fails instead of waiting."""
    reading = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _migrate(connection: sa.engine.Connection, revision: str) -> None:
    config = _alembic_config()
    config.attributes["connection"] = connection
    (command.downgrade if revision == "base" else command.upgrade)(config, revision)


def revision_of(connection: sa.engine.Connection) -> str | None:
    """Return which migration the schema is at."""
    revision: str | None = MigrationContext.configure(connection).get_current_revision()
    return revision
