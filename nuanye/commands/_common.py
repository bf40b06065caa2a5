"""What several commands share: settings, the store, JSON on stdout."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from core.settings import load_settings

if TYPE_CHECKING:
    from casework.store import Store

T = TypeVar("T")


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Run ``work`` on the configured database. Raises ``ConfigError``, ``StorageError``."""
    from casework.store import open_store

    async def run() -> T:
        async with await open_store(load_settings(os.environ)) as store:
            return await work(store)

    return asyncio.run(run())


def print_json(value: Any) -> None:
    """Print one JSON object; shared types become plain values first."""
    from core.codec import to_plain

    print(json.dumps(to_plain(value), ensure_ascii=False))
