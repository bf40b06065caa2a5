"""`nuanye up`: start everything, show where it is, and keep it running."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Annotated

import typer

from core.settings import Settings, load_settings


def up(
    demo: Annotated[bool, typer.Option("--demo", help="启动后呼叫五位模拟居民 · call the residents")] = False,
) -> None:
    """启动全部服务，打印网址；按 Ctrl-C 停止。"""
    asyncio.run(_up(load_settings(os.environ), demo=demo))


async def _up(settings: Settings, *, demo: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    service = asyncio.create_task(_serve(settings, demo=demo))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({service, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        _say("正在停止……")
        service.cancel()
    stopped.cancel()
    try:
        await service
    except asyncio.CancelledError:
        _say("已停止。")


async def _serve(settings: Settings, *, demo: bool) -> None:
    from nuanye.showcase import run_showcase
    from nuanye.supervisor import Supervisor, check_ports

    check_ports(settings)
    started = time.monotonic()
    _say("暖业 Nuanye 正在启动")
    async with Supervisor(settings, lambda line: _say(f"  {line}")):
        _say(f"全部就绪，用时 {time.monotonic() - started:.0f} 秒。")
        _say(f"  在线咨询  http://{settings.host}:{settings.chat_port}/")
        _say(f"  工作台    http://{settings.host}:{settings.console_port}/")
        await _show_login(settings)
        if demo:
            await run_showcase(settings, _say)
        _say("按 Ctrl-C 停止。")
        await asyncio.Event().wait()


async def _show_login(settings: Settings) -> None:
    """Print a fresh one-time password for the demonstration account, if it is the only account."""
    from nuanye.accounts import one_time_login

    login = await one_time_login(settings)
    if login is not None:
        username, password = login
        _say(f"  登录      账号 {username}  一次性密码 {password}")
    else:
        _say("  登录      用已有的账号；忘了密码：nuanye staff password staff")


def _say(line: str) -> None:
    print(line, flush=True)
