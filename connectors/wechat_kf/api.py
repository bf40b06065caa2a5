"""The API of WeChat customer service: messages in and out, session states, servicers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import aiohttp
from redis.asyncio import Redis

from connectors.tencent.client import Effort
from connectors.tencent.corp import CorpApp, corp_client, fetch_token
from connectors.tencent.errors import PlatformError
from connectors.wechat.api import MAX_VOICE_BYTES
from connectors.wechat_kf.wire import Place
from core.clock import Clock
from core.settings import Settings

_PAGE = 200
_ON_DUTY = 0


class SessionState(IntEnum):
    """Who answers a customer now. The API may write in ``NEW`` and ``ASSISTANT`` only."""

    NEW = 0
    ASSISTANT = 1
    QUEUED = 2
    SERVICER = 3
    ENDED = 4


WITH_STAFF = frozenset({SessionState.QUEUED, SessionState.SERVICER})


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of an account's messages; ``more`` may be true even though ``entries`` is empty."""

    entries: tuple[Any, ...]
    cursor: str
    more: bool


class KfApi:
    """See the module. Every method raises ``PlatformError``s and ``QueueError``."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        http: aiohttp.ClientSession,
        clock: Clock,
        effort: Effort | None = None,
    ) -> None:
        self._app = CorpApp("kf", settings.wecom_corp_id, settings.kf_secret, settings.wecom_api_url)
        self._client = corp_client(self._app, redis, http, clock, effort)

    async def check(self) -> list[str]:
        """Return the names of the accounts that this application serves."""
        await fetch_token(self._client, self._app)
        return [str(account.get("name", "")) for account in await self._accounts()]

    async def accounts(self) -> list[str]:
        """Return the ids of the accounts that this application serves."""
        return [str(account["open_kfid"]) for account in await self._accounts() if "open_kfid" in account]

    async def sync(self, account: str, cursor: str, token: str) -> Page:
        """Return what follows ``cursor`` (empty: all of the last three days)."""
        body = {"open_kfid": account, "cursor": cursor, "token": token, "limit": _PAGE, "voice_format": 0}
        answer = await self._client.call(
            "/cgi-bin/kf/sync_msg", {name: value for name, value in body.items() if value != ""}
        )
        entries, after = answer.get("msg_list", []), answer.get("next_cursor", "")
        if not isinstance(entries, list) or not isinstance(after, str):
            raise PlatformError("/cgi-bin/kf/sync_msg: the answer holds no list")
        return Page(tuple(entries), after or cursor, bool(answer.get("has_more")))

    async def send(self, place: Place, key: str, content: Mapping[str, Any]) -> None:
        """Send a message; ``key`` names it to the platform (32 characters)."""
        body = {"touser": place.user, "open_kfid": place.account, "msgid": key, **content}
        await self._client.call("/cgi-bin/kf/send_msg", body)

    async def send_on_event(self, code: str, key: str, content: Mapping[str, Any]) -> None:
        """Answer an event, once, within 20 seconds: a greeting, or a word after a session's end."""
        await self._client.call("/cgi-bin/kf/send_msg_on_event", {"code": code, "msgid": key, **content})

    async def state(self, place: Place) -> SessionState:
        """Return who answers a customer now."""
        body = {"open_kfid": place.account, "external_userid": place.user}
        answer = await self._client.call("/cgi-bin/kf/service_state/get", body)
        try:
            return SessionState(answer.get("service_state", -1))
        except ValueError:
            raise PlatformError("/cgi-bin/kf/service_state/get: an unknown state") from None

    async def move(self, place: Place, state: SessionState, servicer: str = "") -> str:
        """Change who answers; return the code with which the change may be commented on, if any."""
        body = {"open_kfid": place.account, "external_userid": place.user, "service_state": int(state)}
        if servicer:
            body["servicer_userid"] = servicer
        answer = await self._client.call("/cgi-bin/kf/service_state/trans", body)
        return str(answer.get("msg_code", ""))

    async def on_duty(self, account: str) -> list[str]:
        """Return the servicers who take sessions now."""
        answer = await self._client.call("/cgi-bin/kf/servicer/list", query={"open_kfid": account})
        listed = answer.get("servicer_list", [])
        # A whole department may be listed too: it has no status.
        return sorted(
            str(servicer["userid"])
            for servicer in listed
            if servicer.get("status") == _ON_DUTY and servicer.get("userid")
        )

    async def media(self, media_id: str) -> tuple[bytes, str]:
        """Download a voice message; return it and its content type."""
        return await self._client.download("/cgi-bin/media/get", {"media_id": media_id}, MAX_VOICE_BYTES)

    async def _accounts(self) -> list[Mapping[str, Any]]:
        answer = await self._client.call("/cgi-bin/kf/account/list", {"offset": 0, "limit": 100})
        return list(answer.get("account_list", []))
