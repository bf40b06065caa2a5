"""``python -m console``: the staff console as a process."""

from __future__ import annotations

import asyncio
import sys

from casework.store import open_store
from console.app import check_static, create_app
from console.live import connect
from core.process import listening, run_process
from core.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop``. Raises ``NuanyeError`` when it cannot start."""
    check_static()
    async with (
        await open_store(settings) as store,
        connect(settings.redis) as redis,
        listening(create_app(settings, store, redis), settings, "console_port"),
    ):
        await stop.wait()


def main() -> int:
    """Run the process; return its exit status."""
    return run_process("console", serve)


if __name__ == "__main__":
    sys.exit(main())
