"""A growing record that any number of readers follow from its beginning to its last entry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from core.types import CallEvent

FINAL_KINDS = frozenset({"rejected", "failed", "hung_up"})


class EventLog:
    """A call's events; nothing is taken any more after a final one."""

    def __init__(self) -> None:
        self._events: list[CallEvent] = []
        self._grown = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether the call is over."""
        return bool(self._events) and self._events[-1].kind in FINAL_KINDS

    def add(self, event: CallEvent) -> None:
        """Append, and wake the readers."""
        if not self.closed:
            self._events.append(event)
            self._grown.set()
            self._grown = asyncio.Event()

    async def follow(self) -> AsyncIterator[CallEvent]:
        """Yield every event from the first to the final one."""
        position = 0
        while True:
            grown = self._grown
            while position < len(self._events):
                yield self._events[position]
                position += 1
            if self.closed:
                return
            await grown.wait()
