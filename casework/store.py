"""The one way into the database: ``open_store`` migrates, checks the key and hands out a ``Store``."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TypeVar

import sqlalchemy as sa

from casework import schema
from casework.audiences import Audiences
from casework.cases.store import Cases
from casework.database import Database, database_file
from casework.handout import Handout
from casework.handover.store import Handovers
from casework.keeping.access import AccessLog
from casework.outbox import Outbox
from casework.proof import Proof
from casework.reading import Reading
from casework.register.store import Register
from casework.repository import Repository
from casework.staff import Staff
from casework.vault import Vault
from core.clock import Clock, SystemClock
from core.errors import ConfigError, StorageError
from core.secret import SECRET_FILE, KeyRing, load_ring, load_ring_file
from core.settings import Settings

Part = TypeVar("Part", bound=Repository)


class Store(Cases, Handout, Outbox, Reading, Audiences, Proof, Register, Staff, Handovers, AccessLog):
    """Everything casework keeps, by topic: see the base classes.

    Satisfies ``CallLedger`` and ``ResultLedger``. Use as an async context manager or ``close``.
    """

    async def check_key(self) -> None:
        """Raise ``StorageError`` when the database was written with another secret key."""
        entry = {"key": "key_print", "value": self._vault.key_print}
        async with self._db.read() as connection:
            known = (
                await connection.execute(
                    sa.select(schema.meta.c.value).where(schema.meta.c.key == "key_print")
                )
            ).scalar()
        if known is None:
            async with self._db.write() as connection:
                await self._db.insert_once(connection, schema.meta, entry)
            return await self.check_key()
        if known != self._vault.key_print:
            raise StorageError(
                "the database was written with another secret key",
                hint="set NUANYE_SECRET_KEY or restore secret.key as it was",
            )
        return None

    def part(self, kind: type[Part]) -> Part:
        """Return a topic that is not needed every day (keys, erasure, reports …) on this database."""
        return kind(self._db, self._vault, self._clock)

    async def ping(self) -> None:
        """Raise ``StorageError`` unless the database answers."""
        async with self._db.read() as connection:
            await connection.execute(sa.select(sa.literal(1)))

    async def close(self) -> None:
        """Close every connection."""
        await self._db.close()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def open_store(target: Settings | str, *, secret: bytes = b"", clock: Clock | None = None) -> Store:
    """Open the database of ``target``: settings, or an SQLAlchemy URL.

    An SQLite database is brought to the current schema; a PostgreSQL one must be there already
    (``nuanye db upgrade``). Without ``secret`` the settings' key is used, and for the URL of an
    SQLite file the key beside that file.

    Raises:
        ConfigError: the URL or the key cannot be used.
        StorageError: the database cannot be reached, is of another version or has another key.
    """
    url = target.database if isinstance(target, Settings) else target
    vault = Vault(secret) if secret else open_vault(target)
    database = Database(url)
    store = Store(database, vault, clock or SystemClock())
    try:
        if database.is_sqlite:
            await database.migrate()
        else:
            await database.check_revision()
        await store.check_key()
    except BaseException:
        await store.close()
        raise
    return store


def open_vault(target: Settings | str) -> Vault:
    """Return the vault of the settings' secrets, or of those that lie beside an SQLite file."""

    def load() -> KeyRing:
        return load_ring(target) if isinstance(target, Settings) else _ring_for(target)

    return Vault(load(), reload=load)


def _ring_for(url: str) -> KeyRing:
    file = database_file(url)
    if file is not None:
        return load_ring_file(file.parent / SECRET_FILE)
    if url.startswith("sqlite"):
        return KeyRing((os.urandom(32),))  # what lives in memory dies with its key
    raise ConfigError("a database on a server needs the settings' secret key", hint="pass the settings")
