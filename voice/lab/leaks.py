"""What is still open in this process: sockets and tasks, counted from outside our own code."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")


def open_sockets() -> int:
    """Count this process's sockets (Linux)."""
    count = 0
    for entry in _DESCRIPTORS.iterdir():
        try:
            count += os.readlink(entry).startswith("socket:")
        except OSError:  # the descriptor of this very listing
            continue
    return count


@dataclass(frozen=True, slots=True)
class Ground:
    """What was open before; ``since`` tells how much more there is now."""

    tasks: int
    sockets: int

    @staticmethod
    def now() -> Ground:
        """Count inside a running loop."""
        return Ground(len(asyncio.all_tasks()), open_sockets())

    def since(self) -> Ground:
        """What was added and not taken away again; never below zero."""
        now = Ground.now()
        return Ground(max(0, now.tasks - self.tasks), max(0, now.sockets - self.sockets))
