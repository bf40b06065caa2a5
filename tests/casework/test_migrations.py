"""The schema comes and goes on both databases, and equals what the code believes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from casework import schema
from casework.database import Database, _alembic_config
from casework.store import open_store
from core.errors import ConfigError, StorageError
from tests.casework.conftest import SECRET, Cluster

START = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'fresh.db'}"
    cluster: Cluster = request.getfixturevalue("postgres")
    return asyncio.run(cluster.create(f"fresh_{abs(hash(request.node.nodeid))}"))


def _tables(connection: sa.engine.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names()) - {"alembic_version"}


async def test_up_equals_the_declared_tables_and_down_leaves_none(fresh_url: str) -> None:
    """Migrating up gives exactly schema.py's tables; down gives an empty database; up works again."""
    database = Database(fresh_url)
    try:
        await database.migrate()
        async with database.read() as connection:
            differences = await connection.run_sync(
                lambda sync: compare_metadata(
                    MigrationContext.configure(sync, opts={"compare_type": False}), schema.metadata
                )
            )
            assert differences == []
            assert await connection.run_sync(_tables) == set(schema.metadata.tables)
        await database.migrate("base")
        async with database.read() as connection:
            assert await connection.run_sync(_tables) == set()
        with pytest.raises(StorageError, match="revision none"):
            await database.check_revision()
        await database.migrate()
        await database.check_revision()
    finally:
        await database.close()


async def test_accounts_of_the_first_schema_keep_their_passwords(fresh_url: str) -> None:
    """Whoever had an account before one-time passwords were marked is not asked for another one."""
    database = Database(fresh_url)
    try:
        await database.migrate("0001")
        old = [column for column in schema.staff.c if column.name != "must_change_password"]
        values = ["li.hua", "hash", "admin", START, False, START]
        async with database.write() as connection:
            table = sa.table("staff", *(sa.column(column.name, column.type) for column in old))
            row = dict(zip((column.name for column in old), values, strict=True))
            await connection.execute(sa.insert(table).values(**row))
        await database.migrate()
        async with database.read() as connection:
            (member,) = (await connection.execute(sa.select(schema.staff))).all()
        assert (member.username, member.password_set_at) == ("li.hua", START)
        assert member.must_change_password is False
    finally:
        await database.close()


async def test_processes_that_start_together_migrate_once(fresh_url: str) -> None:
    """Five at once all succeed: the first one migrates, the others find it done."""
    databases = [Database(fresh_url) for _ in range(5)]
    try:
        await asyncio.gather(*(database.migrate() for database in databases))
        await databases[0].check_revision()
    finally:
        for database in databases:
            await database.close()


async def test_a_server_database_is_not_migrated_behind_its_owners_back(postgres: Cluster) -> None:
    """Opening an empty PostgreSQL database is an error that names the command."""
    url = await postgres.create("unprepared")
    with pytest.raises(StorageError) as caught:
        await open_store(url, secret=SECRET)
    assert caught.value.hint == "nuanye db upgrade"


async def test_a_database_that_does_not_exist_is_a_storage_error(postgres: Cluster) -> None:
    """The server answers but has no such database: the driver's own error does not get through."""
    with pytest.raises(StorageError):
        await open_store(postgres.url("nowhere"), secret=SECRET)


async def test_another_key_is_refused(database_url: str) -> None:
    """A database opens only with the key it was first opened with."""
    await (await open_store(database_url, secret=SECRET)).close()
    with pytest.raises(StorageError, match="another secret key"):
        await open_store(database_url, secret=b"x" * 40)
    await (await open_store(database_url, secret=SECRET)).close()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite:///x.db", "mysql://h/d", "postgresql://h/d"], ids=lambda url: url[:8]
)
async def test_unusable_urls_name_the_setting(url: str) -> None:
    """A URL of another kind is a configuration error that names the setting."""
    with pytest.raises(ConfigError, match="database_url"):
        await open_store(url, secret=SECRET)


async def test_a_damaged_file_is_a_storage_error(tmp_path: Path) -> None:
    """What is not a database, or lies where none can be made, is reported as StorageError."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is not a database" * 100)
    (tmp_path / "file").write_text("")
    for path in (broken, tmp_path / "file" / "nuanye.db"):
        with pytest.raises(StorageError):
            await open_store(f"sqlite+aiosqlite:///{path}", secret=SECRET)


async def test_an_unreachable_server_is_a_storage_error(free_port) -> None:
    """Nobody listens: StorageError without address or password."""
    url = f"postgresql+asyncpg://someone:pass-word@127.0.0.1:{free_port()}/db"
    with pytest.raises(StorageError) as caught:
        await open_store(url, secret=SECRET)
    assert "pass-word" not in str(caught.value)


async def test_who_was_barred_stays_barred_through_the_lists(fresh_url: str) -> None:
    """Old entries become entries of the spoken and the staff list; going back keeps those in force."""
    database = Database(fresh_url)
    old = sa.table(
        "do_not_call",
        *(
            sa.column(name, schema.do_not_call.c[name].type)
            for name in ("address_print", "person_id", "at", "source")
        ),
    )
    try:
        await database.migrate("0003")
        async with database.write() as connection:
            for print_, source in (("a", "att_1"), ("b", "staff:li.hua")):
                row = {"address_print": print_, "person_id": "", "at": START, "source": source}
                await connection.execute(sa.insert(old).values(**row))
        await database.migrate()
        async with database.write() as connection:
            entries = schema.do_not_call
            rows = (await connection.execute(sa.select(entries).order_by(entries.c.address_print))).all()
            assert [(row.address_print, row.list_name, row.at) for row in rows] == [
                ("a", "spoken", START),
                ("b", "staff", START),
            ]
            again = {**rows[0]._mapping, "list_name": "12345"}
            await connection.execute(sa.insert(entries).values(**again))
            await connection.execute(
                entries.update().where(entries.c.address_print == "b").values(lifted_at=START)
            )
            await connection.run_sync(_down_to, "0003")
            rows = (await connection.execute(sa.select(old))).all()
            assert [(row.address_print, row.at) for row in rows] == [("a", START)]
    finally:
        await database.close()


def _down_to(connection: sa.engine.Connection, revision: str) -> None:
    config = _alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)
