"""What several commands share: settings, the store, JSON on stdout."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from casework.store import Store

T = TypeVar("T")


def with_store(work: Callable[[Store], Awaitable[T]], database_url: str = "") -> T:
    """Run ``work`` on the configured database, or on that of ``database_url`` with its own key.

    An SQLite file's key lies beside it; another database is opened with the settings' key.
    Raises ``ConfigError``, ``StorageError``.
    """
    from casework.store import open_store

    async def run() -> T:
        settings = load_settings(os.environ)
        if database_url.startswith("sqlite"):
            target: Settings | str = database_url
        else:
            target = replace(settings, database_url=database_url) if database_url else settings
        async with await open_store(target) as store:
            return await work(store)

    return asyncio.run(run())


def this_user() -> str:
    """Return who runs the command, as it stands in the access log: ``cli:`` and the account's name."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"[:64]
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "cli"


def print_json(value: Any) -> None:
    """Print one JSON object; shared types become plain values first."""
    from core.codec import to_plain

    print(json.dumps(to_plain(value), ensure_ascii=False))
