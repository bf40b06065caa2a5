"""Finished calls that the database would not take: kept on disk until it does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from casework.types import CallRecord
from casework.vault import Vault
from core.codec import from_json, to_json
from core.errors import BadInput, StorageError
from core.logs import get_log
from core.types import Result

_LOG = get_log("voice.spool")

_COLUMN = "spool"


@dataclass(frozen=True, slots=True)
class SpooledCall:
    """One finished attempt; ``entry_id`` is the stream entry to acknowledge (empty: none)."""

    entry_id: str
    record: CallRecord
    result: Result


class Spool:
    """A folder with one sealed JSON file per call, readable by its owner only."""

    def __init__(self, directory: Path, vault: Vault) -> None:
        self._directory = directory
        self._vault = vault

    def put(self, call: SpooledCall) -> None:
        """Write ``call``: after this it survives a power cut. Raises ``StorageError``."""
        target = self._directory / f"{call.record.call_id}.sealed"
        partial = target.with_suffix(".partial")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._vault.seal(to_json(call).decode(), _COLUMN).encode())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            folder = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageError(f"a call cannot be spooled ({type(error).__name__})") from error

    def waiting(self) -> Iterator[SpooledCall]:
        """Yield what is kept, oldest first. A file that cannot be read is set aside as ``.bad``."""
        try:
            files = sorted(self._directory.glob("*.sealed"), key=lambda path: path.stat().st_mtime)
        except OSError:
            return
        for path in files:
            try:
                yield from_json(self._vault.open(path.read_text("ascii"), _COLUMN), SpooledCall)
            except (OSError, BadInput, StorageError, UnicodeDecodeError) as error:
                _LOG.error("spooled_call_unreadable", file=path.name, error=type(error).__name__)
                _set_aside(path)

    def remove(self, call_id: str) -> None:
        """Forget a call that is stored now. Raises ``StorageError``."""
        try:
            (self._directory / f"{call_id}.sealed").unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"a spooled call cannot be removed ({type(error).__name__})") from error


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_suffix(".bad"))
    except OSError:
        _LOG.error("spooled_call_stuck", file=path.name)
