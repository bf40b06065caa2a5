"""``python -m bot``: serve the dialogue core until SIGTERM or SIGINT; SIGHUP loads what is newer."""

from __future__ import annotations

import asyncio
import signal
import sys

from bot.quiet import quieten
from core.errors import NuanyeError
from core.logs import get_log
from core.process import listening, run_process
from core.settings import Settings
from core.tasks import end_tasks


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Listen at once (health says 503), load the model, answer until told to stop."""
    from redis.asyncio import Redis

    from bot.server import Core, build_app

    log = get_log("bot")
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()
    async with Redis.from_url(settings.redis) as redis:
        core = Core(settings, redis)

        async def reload() -> None:
            try:
                await core.reload()
            except NuanyeError as error:
                log.warning("model_reload_failed", code=error.code, reason=str(error))

        def on_hangup() -> None:
            task = loop.create_task(reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        async with listening(build_app(core), settings, "dialogue_port"):
            try:
                await core.start()
                following = loop.create_task(core.follow())
                log.info("ready", port=settings.dialogue_port)
                await stop.wait()
                await end_tasks([following])
            finally:
                await core.stop()


def main() -> int:
    """Run the process; return its exit status."""
    quieten()
    return run_process("dialogue", serve)


if __name__ == "__main__":
    sys.exit(main())
