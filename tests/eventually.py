"""Wait for something another process does, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, within_s: float = 10.0, every_s: float = 0.03
) -> None:
    """Return as soon as ``condition`` holds. Raises ``AssertionError`` when it does not ``within_s``."""
    deadline = time.monotonic() + within_s
    while True:
        outcome = condition()
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if outcome:
            return
        assert time.monotonic() < deadline, f"not within {within_s} s: {condition}"
        await asyncio.sleep(every_s)
