"""Time as a value that can be handed in, so that tests never sleep."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Wall time for records, monotonic time for durations."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware, in UTC."""
        ...

    def monotonic_ms(self) -> float:
        """Return milliseconds from an arbitrary origin; never goes back."""
        ...

    async def sleep_ms(self, duration_ms: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def monotonic_ms(self) -> float:
        """Return the process's monotonic clock in milliseconds."""
        return time.monotonic() * 1000

    async def sleep_ms(self, duration_ms: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(duration_ms / 1000)


@dataclass(slots=True)
class VirtualClock:
    """A clock for tests: it moves only when somebody sleeps on it or calls ``advance_ms``."""

    start: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    elapsed_ms: float = 0.0

    def now(self) -> datetime:
        """Return the start plus all that has elapsed."""
        return self.start + timedelta(milliseconds=self.elapsed_ms)

    def monotonic_ms(self) -> float:
        """Return what has elapsed."""
        return self.elapsed_ms

    async def sleep_ms(self, duration_ms: float) -> None:
        """Advance at once and let other tasks run."""
        self.advance_ms(duration_ms)
        await asyncio.sleep(0)

    def advance_ms(self, duration_ms: float) -> None:
        """Move time forward."""
        self.elapsed_ms += max(0.0, duration_ms)
