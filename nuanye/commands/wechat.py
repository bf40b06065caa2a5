"""`nuanye wechat`: what is set up at the platform of an official account."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuanye.commands._common import print_json

if TYPE_CHECKING:
    from connectors.wechat.api import WechatApi

app = typer.Typer(no_args_is_help=True, add_completion=False, help="微信公众号 · the WeChat official account")
_menu = typer.Typer(no_args_is_help=True, help="公众号菜单 · the account's menu")
app.add_typer(_menu, name="menu")

_Json = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]


@app.callback()
def _group() -> None:
    """微信公众号 · the WeChat official account"""


@app.command("check")
def check(as_json: _Json = False) -> None:
    """检查 AppID、AppSecret 和 IP 白名单：取一次 access_token。"""

    async def work(api: WechatApi) -> None:
        await api.check()

    _run(work)
    if as_json:
        print_json({"ok": True})
        return
    print("可以取得 access_token：AppID、AppSecret 和 IP 白名单都对。")


@_menu.command("show")
def show(as_json: _Json = False) -> None:
    """显示公众号现在的菜单。"""
    buttons = _run(lambda api: api.menu())
    if as_json:
        print_json({"buttons": buttons})
        return
    for button in buttons:
        print(button["name"], button.get("key", ""))
        for item in button.get("sub_button", []):
            print("  ", item["name"], item.get("key", ""))


@_menu.command("set")
def set_(as_json: _Json = False) -> None:
    """把 dialogues/platforms.yml 里的菜单设到公众号上。"""
    from connectors.platform_texts import load_platform_texts
    from core.settings import load_settings

    settings = load_settings(os.environ)
    menu = load_platform_texts({"agency": settings.agency_name, "hotline": settings.hotline}).menu
    _run(lambda api: api.set_menu(menu))
    if as_json:
        print_json({"buttons": [entry.name for entry in menu]})
        return
    print("菜单已设置：" + "、".join(entry.name for entry in menu))


def _run(work: Callable[[WechatApi], Awaitable[Any]]) -> Any:
    """Run ``work`` on the account of the settings. Raises ``NuanyeError``."""
    import aiohttp
    from redis.asyncio import Redis

    from connectors.wechat.api import WechatApi
    from core.clock import SystemClock
    from core.errors import ConfigError
    from core.settings import load_settings

    async def run() -> Any:
        settings = load_settings(os.environ)
        if not (settings.wechat_app_id and settings.wechat_app_secret):
            raise ConfigError("wechat_app_id and wechat_app_secret are not set", hint="see docs/wechat.md")
        async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
            return await work(WechatApi(settings, redis, http, SystemClock()))

    return asyncio.run(run())
