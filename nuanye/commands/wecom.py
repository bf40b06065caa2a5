"""`nuanye wecom`: what is set up at WeCom, for the application and for WeChat customer service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuanye.commands._common import print_json

if TYPE_CHECKING:
    import aiohttp
    from redis.asyncio import Redis

    from connectors.wecom.api import WecomApi
    from core.settings import Settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="企业微信和微信客服 · WeCom and customer service"
)
_menu = typer.Typer(no_args_is_help=True, help="应用菜单 · the application's menu")
app.add_typer(_menu, name="menu")

_Json = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
_HINT = "see docs/wecom.md"


@app.callback()
def _group() -> None:
    """企业微信和微信客服 · WeCom and WeChat customer service"""


@app.command("check")
def check(as_json: _Json = False) -> None:
    """检查企业 ID、Secret、AgentId 和可信 IP：各取一次 access_token。"""
    found = _run(_check)
    if as_json:
        print_json({"ok": True, **found})
        return
    if "application" in found:
        print(f"应用可以调用接口：{found['application']}")
    if "accounts" in found:
        print("微信客服可以调用接口：" + "、".join(found["accounts"]))


@_menu.command("show")
def show(as_json: _Json = False) -> None:
    """显示应用现在的菜单。"""
    buttons = _run_application(lambda api: api.menu())
    if as_json:
        print_json({"buttons": buttons})
        return
    for button in buttons:
        print(button["name"], button.get("key", ""))
        for item in button.get("sub_button", []):
            print("  ", item["name"], item.get("key", ""))


@_menu.command("set")
def set_(as_json: _Json = False) -> None:
    """把 dialogues/platforms.yml 里的菜单设到应用上。"""
    from connectors.platform_texts import load_platform_texts
    from core.settings import load_settings

    settings = load_settings(os.environ)
    menu = load_platform_texts({"agency": settings.agency_name, "hotline": settings.hotline}).menu
    _run_application(lambda api: api.set_menu(menu))
    if as_json:
        print_json({"buttons": [entry.name for entry in menu]})
        return
    print("菜单已设置：" + "、".join(entry.name for entry in menu))


async def _check(settings: Settings, redis: Redis, http: aiohttp.ClientSession) -> dict[str, Any]:
    from connectors.wechat_kf.api import KfApi
    from connectors.wecom.api import WecomApi
    from core.clock import SystemClock
    from core.errors import ConfigError

    found: dict[str, Any] = {}
    if not settings.wecom_corp_id:
        raise ConfigError("wecom_corp_id is not set", hint=_HINT)
    if settings.wecom_agent_id:
        found["application"] = await WecomApi(settings, redis, http, SystemClock()).check()
    if settings.kf_secret:
        found["accounts"] = await KfApi(settings, redis, http, SystemClock()).check()
    if not found:
        raise ConfigError("neither wecom_agent_id nor kf_secret is set", hint=_HINT)
    return found


def _run_application(work: Callable[[WecomApi], Awaitable[Any]]) -> Any:
    async def with_api(settings: Settings, redis: Redis, http: aiohttp.ClientSession) -> Any:
        from connectors.wecom.api import WecomApi
        from core.clock import SystemClock
        from core.errors import ConfigError

        if not (settings.wecom_corp_id and settings.wecom_agent_id and settings.wecom_secret):
            raise ConfigError("wecom_corp_id, wecom_agent_id or wecom_secret is not set", hint=_HINT)
        return await work(WecomApi(settings, redis, http, SystemClock()))

    return _run(with_api)


def _run(work: Callable[[Settings, Redis, aiohttp.ClientSession], Awaitable[Any]]) -> Any:
    """Run ``work`` with the settings' account. Raises ``NuanyeError``."""
    import aiohttp
    from redis.asyncio import Redis

    from core.settings import load_settings

    async def run() -> Any:
        settings = load_settings(os.environ)
        async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
            return await work(settings, redis, http)

    return asyncio.run(run())
