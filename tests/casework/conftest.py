"""Stores on both databases. PostgreSQL is a private cluster that lives as long as the test session."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from casework import schema
from casework.database import Database
from casework.store import Store, open_store
from core.clock import VirtualClock
from tests.programs import find_program

SECRET = b"only-for-tests-0123456789abcdef-0123456789abcdef"
ACCOUNT = "nuanye"


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL; ``port`` is on loopback."""

    port: int

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+asyncpg://{ACCOUNT}@127.0.0.1:{self.port}/{database}"

    async def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user=ACCOUNT, database="postgres"
        )
        try:
            await connection.execute(f'CREATE DATABASE "{database}"')
        finally:
            await connection.close()
        return self.url(database)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A cluster in a folder of its own, run by an unprivileged account (PostgreSQL refuses root)."""
    initdb = find_program("initdb")
    assert initdb is not None, "PostgreSQL is missing: make setup installs it"
    binaries = Path(initdb).parent
    account = "nobody" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="nuanye-pg-"))
    if account:
        shutil.chown(home, account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, log = home / "data", home / "log"
    quiet = {"user": account, "cwd": home, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
        **quiet,
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {home} -c fsync=off -c max_connections=60"
    subprocess.run([binaries / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start"], **quiet)
    try:
        yield Cluster(port)
    finally:
        subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], **quiet)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(postgres: Cluster) -> str:
    """A migrated database that tests share; ``store`` empties it."""

    async def prepare() -> str:
        url = await postgres.create("shared")
        database = Database(url)
        await database.migrate()
        await database.close()
        return url

    return asyncio.run(prepare())


@pytest.fixture
def clock() -> VirtualClock:
    """A Monday, ten in the morning in China; it stands still until a test moves it."""
    return VirtualClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'nuanye.db'}"
    url = request.getfixturevalue("postgres_url")

    async def empty() -> None:
        database = Database(url)
        async with database.write() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                await connection.execute(sa.delete(table))
        await database.close()

    asyncio.run(empty())
    return str(url)


@pytest.fixture
async def store(database_url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    """A store on each database, with a virtual clock."""
    async with await open_store(database_url, secret=SECRET, clock=clock) as opened:
        yield opened


@pytest.fixture
async def sqlite_store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    """A store on SQLite, for what does not depend on the database."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'nuanye.db'}"
    async with await open_store(url, secret=SECRET, clock=clock) as opened:
        yield opened
