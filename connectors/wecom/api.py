"""The API of a WeCom application: messages to its members, media, menu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from redis.asyncio import Redis

from connectors.platform_texts import MenuEntry
from connectors.tencent.client import Effort
from connectors.tencent.corp import CorpApp, corp_client, fetch_token
from connectors.tencent.errors import SendRefused
from connectors.wechat.api import MAX_VOICE_BYTES, menu_button
from core.clock import Clock
from core.settings import Settings

# What is tried again because its response was lost must not be shown twice: the longest pause of a courier.
_SAME_S = 90


class WecomApi:
    """See the module. Every method raises ``PlatformError``s and ``QueueError``."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        http: aiohttp.ClientSession,
        clock: Clock,
        effort: Effort | None = None,
    ) -> None:
        self._agent = settings.wecom_agent_id
        self._app = CorpApp(
            f"wecom{self._agent}",
            settings.wecom_corp_id,
            settings.wecom_secret,
            settings.wecom_api_url,
        )
        self._client = corp_client(self._app, redis, http, clock, effort)

    async def check(self) -> str:
        """Return the application's name: corp id, secret, agent id and trusted addresses are right."""
        await fetch_token(self._client, self._app)
        answer = await self._client.call("/cgi-bin/agent/get", query={"agentid": str(self._agent)})
        return str(answer.get("name", ""))

    async def send(self, user: str, content: Mapping[str, Any]) -> None:
        """Send a message; ``content`` holds ``msgtype`` and the key of that name."""
        body = {
            "touser": user,
            "agentid": self._agent,
            **content,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": _SAME_S,
        }
        answer = await self._client.call("/cgi-bin/message/send", body)
        if answer.get("invaliduser") or answer.get("unlicenseduser"):
            raise SendRefused("/cgi-bin/message/send: the member cannot be written to")

    async def media(self, media_id: str) -> tuple[bytes, str]:
        """Download a voice message; return it and its content type."""
        return await self._client.download("/cgi-bin/media/get", {"media_id": media_id}, MAX_VOICE_BYTES)

    async def set_menu(self, entries: Sequence[MenuEntry]) -> None:
        """Replace the application's menu."""
        body = {"button": [menu_button(entry) for entry in entries]}
        await self._client.call("/cgi-bin/menu/create", body, {"agentid": str(self._agent)})

    async def menu(self) -> list[Any]:
        """Return the buttons of the menu that is set."""
        answer = await self._client.call("/cgi-bin/menu/get", query={"agentid": str(self._agent)})
        return list(answer.get("button", []))
