"""``python -m connectors``: the chat doors as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from casework.store import open_store
from connectors.app import Parts, make_app
from core.dialogue import HttpDialogue
from core.errors import ConfigError, NuanyeError
from core.logs import configure_logs, get_log
from core.settings import Settings, load_settings

_log = get_log("connectors")
_SHUTDOWN_S = 5.0


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``NuanyeError`` when it cannot start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        aiohttp.ClientSession() as session,
        Redis.from_url(settings.redis) as redis,
        await open_store(settings) as ledger,
    ):
        parts = Parts(redis, HttpDialogue(session, settings.dialogue_base_url), ledger)
        runner = web.AppRunner(make_app(settings, parts), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.chat_port)
            try:
                await site.start()
            except OSError as error:
                raise ConfigError(
                    f"chat_port {settings.chat_port} cannot be opened ({error.strerror})",
                    hint="another program listens there: set NUANYE_CHAT_PORT",
                ) from error
            _log.info("listening", host=settings.host, port=settings.chat_port)
            await stop.wait()
            _log.info("stopping")
        finally:
            await runner.cleanup()


def main() -> int:
    """Run the process and return its exit code."""
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.log_level, process="connectors")
        asyncio.run(serve(settings))
    except NuanyeError as error:
        sys.stderr.write(f"connectors: {error}\n{error.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
