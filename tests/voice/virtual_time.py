"""An event loop whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class _Jump(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise AssertionError("every task waits for something that no timer will bring")
        self.elapsed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs tasks in virtual time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds that have virtually passed."""
        return self._jump.elapsed


class LoopClock:
    """``core.clock.Clock`` on the running loop's time."""

    def now(self) -> datetime:
        """Return a fixed start plus the loop's time."""
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    def monotonic_ms(self) -> float:
        """Return the loop's time."""
        return asyncio.get_running_loop().time() * 1000

    async def sleep_ms(self, duration_ms: float) -> None:
        """Wait in the loop's time."""
        await asyncio.sleep(duration_ms / 1000)


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end without waiting for real time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
