"""Where call recordings lie: an interface, and the disk. ``core.s3`` has the other implementation."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from core.errors import BadInput, StorageError

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """One kept recording. ``sha256`` is empty where it would have to be computed."""

    name: str
    size: int
    modified_at: datetime
    sha256: str = ""


class Recordings(Protocol):
    """Files by name, ``20261123/att_….wav``. Methods raise ``StorageError``, for a bad name ``BadInput``."""

    async def put(self, name: str, source: Path) -> Stored:
        """Keep a copy of ``source``, whole or not at all; what lies there under this name is replaced."""
        ...

    async def stat(self, name: str) -> Stored | None:
        """Return what is known of a recording; ``None`` when there is none."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` on in pieces, ``length`` of them at most."""
        ...

    async def delete(self, name: str) -> bool:
        """Delete; ``False`` when there was none."""
        ...

    def names(self) -> AsyncIterator[Stored]:
        """Yield everything that is kept."""
        ...


def check_name(name: str) -> str:
    """Return ``name`` if it can only mean a WAV below the root. Raises ``BadInput``."""
    parts = name.split("/")
    if "\0" in name or not name.endswith(".wav") or any(part in ("", ".", "..") for part in parts):
        raise BadInput("not the name of a recording")
    return name


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LocalRecordings:
    """``Recordings`` in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def put(self, name: str, source: Path) -> Stored:
        """See ``Recordings``."""
        return await asyncio.to_thread(self._put, check_name(name), source)

    async def stat(self, name: str) -> Stored | None:
        """See ``Recordings``."""
        return await asyncio.to_thread(self._stat, self.path(name), name)

    async def read(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See ``Recordings``."""
        left = length
        try:
            with self.path(name).open("rb") as file:
                file.seek(start)
                while left is None or left > 0:
                    size = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
                    piece = await asyncio.to_thread(file.read, size)
                    if not piece:
                        return
                    left = None if left is None else left - len(piece)
                    yield piece
        except OSError as error:
            raise _storage_error("read", error) from error

    async def delete(self, name: str) -> bool:
        """See ``Recordings``."""
        try:
            await asyncio.to_thread(os.unlink, self.path(name))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _storage_error("deleted", error) from error
        return True

    async def names(self) -> AsyncIterator[Stored]:
        """See ``Recordings``."""
        for path in await asyncio.to_thread(lambda: sorted(self.root.rglob("*.wav"))):
            name = path.relative_to(self.root).as_posix()
            if (found := await asyncio.to_thread(self._stat, path, name)) is not None:
                yield found

    def path(self, name: str) -> Path:
        """Return where a recording lies or would lie. Raises ``BadInput``."""
        path = (self.root / check_name(name)).resolve()
        if not path.is_relative_to(self.root.resolve()):  # by a link
            raise BadInput("not the name of a recording")
        return path

    def _put(self, name: str, source: Path) -> Stored:
        target = self.path(name)
        partial = target.with_suffix(".partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            digest = sha256_of(partial)
            if digest != sha256_of(source):
                raise StorageError("a recording changed while it was copied")
            partial.replace(target)
            return Stored(name, target.stat().st_size, datetime.now(UTC), digest)
        except OSError as error:
            raise _storage_error("written", error) from error

    def _stat(self, path: Path, name: str) -> Stored | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _storage_error("read", error) from error
        return Stored(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _storage_error(what: str, error: OSError) -> StorageError:
    return StorageError(f"a recording cannot be {what} ({type(error).__name__})", hint="check data_dir")
