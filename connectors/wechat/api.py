"""The official account's API: access token, customer service messages, media, menu, notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from redis.asyncio import Redis

from connectors.platform_texts import MenuEntry
from connectors.tencent.client import Effort, PlatformClient
from connectors.tencent.errors import PlatformError
from connectors.tencent.tokens import TokenStore
from connectors.wechat.wire import text_message
from core.clock import Clock
from core.settings import Settings

MAX_VOICE_BYTES = 2 * 1024 * 1024
SAY = "say:"
"""Begins the key of a menu button: what follows is said in the user's place."""
_KEY_BYTES = 128


class WechatApi:
    """See the module. Every method raises ``PlatformError``s and ``QueueError``."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        http: aiohttp.ClientSession,
        clock: Clock,
        effort: Effort | None = None,
    ) -> None:
        self._app_id = settings.wechat_app_id
        self._secret = settings.wechat_app_secret
        self._client = PlatformClient(http, settings.wechat_api_url, clock, effort)
        self._client.tokens = TokenStore(redis, f"wechat:{self._app_id}", self._fetch_token, clock)

    async def check(self) -> None:
        """Fetch a new access token: whether app id, secret and IP whitelist are right."""
        await self._fetch_token(False)

    async def send_text(self, user: str, text: str) -> None:
        """Send a customer service message."""
        await self._client.call("/cgi-bin/message/custom/send", text_message(user, text))

    async def send_template(
        self, user: str, template_id: str, data: Mapping[str, str], *, url: str = ""
    ) -> str:
        """Send a template message; return its id. It needs no open window, but an agreed template."""
        body = {"touser": user, "template_id": template_id, "url": url, "data": _values(data)}
        answer = await self._client.call("/cgi-bin/message/template/send", body)
        return str(answer.get("msgid", ""))

    async def send_subscription(
        self, user: str, template_id: str, data: Mapping[str, str], *, page: str = ""
    ) -> None:
        """Send a message that the user has subscribed to once (43101: they have not)."""
        body = {"touser": user, "template_id": template_id, "page": page, "data": _values(data)}
        await self._client.call("/cgi-bin/message/subscribe/bizsend", body)

    async def media(self, media_id: str) -> tuple[bytes, str]:
        """Download a voice message; return it and its content type."""
        return await self._client.download("/cgi-bin/media/get", {"media_id": media_id}, MAX_VOICE_BYTES)

    async def set_menu(self, entries: Sequence[MenuEntry]) -> None:
        """Replace the account's menu."""
        await self._client.call("/cgi-bin/menu/create", {"button": [menu_button(entry) for entry in entries]})

    async def menu(self) -> list[Any]:
        """Return the buttons of the menu that is set."""
        answer = await self._client.call("/cgi-bin/menu/get")
        buttons = answer.get("menu", {}).get("button", [])
        return list(buttons)

    async def _fetch_token(self, refused: bool) -> tuple[str, int]:
        # The stable token: asking for it does not end the one that other processes use.
        body = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._secret,
            "force_refresh": refused,
        }
        answer = await self._client.call_bare("/cgi-bin/stable_token", body)
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(lifetime, int):
            raise PlatformError("/cgi-bin/stable_token: the answer holds no token")
        return token, lifetime


def _values(data: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in data.items()}


def menu_button(entry: MenuEntry) -> dict[str, Any]:
    """Return a menu entry as the platforms take it. Raises ``PlatformError``."""
    if entry.items:
        return {"name": entry.name, "sub_button": [menu_button(item) for item in entry.items]}
    key = f"{SAY}{entry.say}"
    if len(key.encode()) > _KEY_BYTES:
        raise PlatformError(f"a menu entry says more than {_KEY_BYTES} bytes")
    return {"type": "click", "name": entry.name, "key": key}
