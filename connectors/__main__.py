"""``python -m connectors``: the chat doors as a process."""

from __future__ import annotations

import asyncio
import sys

import aiohttp

from casework.store import open_store
from connectors.app import Parts, make_app
from connectors.handover.staffing import Behind
from connectors.redis_store import open_redis
from core.dialogue import HttpDialogue
from core.process import listening, run_process
from core.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop``. Raises ``NuanyeError`` when it cannot start."""
    async with (
        aiohttp.ClientSession() as session,
        open_redis(settings.redis) as redis,
        await open_store(settings) as ledger,
    ):
        dialogue = HttpDialogue(session, settings.dialogue_base_url)
        parts = Parts(redis, dialogue, ledger, http=session, handovers=Behind(ledger))
        async with listening(make_app(settings, parts), settings, "chat_port"):
            await stop.wait()


def main() -> int:
    """Run the process; return its exit status."""
    return run_process("connectors", serve)


if __name__ == "__main__":
    sys.exit(main())
