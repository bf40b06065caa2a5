"""``python -m bot``: serve the dialogue core until SIGTERM or SIGINT; SIGHUP loads a newer model."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from bot.quiet import quieten
from core.errors import NuanyeError
from core.logs import configure_logs, get_log
from core.settings import Settings, load_settings


async def serve(settings: Settings) -> None:
    """Listen at once (health says 503), load the model, answer until told to stop."""
    from aiohttp import web
    from redis.asyncio import Redis

    from bot.server import Core, build_app

    log = get_log("bot")
    redis = Redis.from_url(settings.redis)
    core = Core(settings, redis)
    runner = web.AppRunner(build_app(core), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.dialogue_port).start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        try:
            await core.reload()
        except NuanyeError as error:
            log.warning("model_reload_failed", code=error.code, reason=str(error))

    def on_hangup() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    try:
        await core.start()
        log.info("ready", port=settings.dialogue_port)
        await stop.wait()
    finally:
        await core.stop()
        await runner.cleanup()
        await redis.aclose()


def main() -> int:
    """Run the process; returns its exit status."""
    quieten()
    settings = load_settings(os.environ)
    configure_logs(settings.log_level, process="dialogue")
    try:
        asyncio.run(serve(settings))
    except NuanyeError as error:
        get_log("bot").error("failed", code=error.code, reason=str(error), hint=error.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
