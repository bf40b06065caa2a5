"""``python -m console``: the staff console as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from aiohttp import web

from casework.store import open_store
from console.app import check_static, create_app
from console.live import connect
from core.errors import NuanyeError
from core.logs import configure_logs, get_log
from core.settings import Settings, load_settings


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    check_static()
    async with await open_store(settings) as store:
        redis = connect(settings.redis)
        runner = web.AppRunner(create_app(settings, store, redis), access_log=None, shutdown_timeout=5)
        try:
            await runner.setup()
            await web.TCPSite(runner, settings.host, settings.console_port).start()
            get_log("console").info("console_ready", host=settings.host, port=settings.console_port)
            await stop.wait()
        finally:
            await runner.cleanup()
            await redis.aclose()


def main() -> int:
    """Run; a known error ends in one line and exit code 1."""
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.log_level, process="console")
        asyncio.run(serve(settings))
    except NuanyeError as error:
        print(f"{error}" + (f"\n{error.hint}" if error.hint else ""), file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        print(f"the console cannot listen: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
