"""The end of background tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

_PATIENCE_S = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until all have ended; what they raised is dropped.

    A cancellation that meets a library in the middle of a connection may be swallowed there (redis-py
    does while it connects); it is repeated until it is heard.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        done, waiting = await asyncio.wait(waiting, timeout=_PATIENCE_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # retrieved, or the loop would report it as forgotten


async def until_stop(work: Awaitable[None], stop: asyncio.Event) -> None:
    """Run one of several works that end together: when this one ends, also by an error, ``stop`` is set.

    A task group alone would only cancel the others, and wait for ever for one that missed it.
    """
    try:
        await work
    finally:
        stop.set()
