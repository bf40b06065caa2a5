"""Callbacks of a fake WeCom corporation: always encrypted, delivered up to three times five seconds apart."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from connectors.fake_platform.corp_api import CorpApiServer
from connectors.fake_platform.wechat import ATTEMPT_S, ATTEMPTS, Outcome, Request
from connectors.tencent.crypto import MessageCrypt, decode_key
from connectors.tencent.errors import CallbackRefused
from connectors.tencent.xml import Fields, parse_xml, render_xml, text_of
from core.clock import Clock
from core.errors import BadInput


@dataclass(frozen=True, slots=True)
class CorpAccount:
    """What the admin pages of a corporation and one of its applications show."""

    corp_id: str = "ww00000000000000aa"
    agent_id: int = 1000002
    secret: str = "fake-secret-0123456789abcdef"  # noqa: S105 - a fake platform's
    token: str = "faketoken"  # noqa: S105 - likewise
    aes_key: str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

    @property
    def crypt(self) -> MessageCrypt:
        """The application's message encryption."""
        return MessageCrypt(self.token, decode_key(self.aes_key), self.corp_id)


@dataclass(slots=True)
class CorpPlatform:
    """``callback_url`` may be set when our door's address is known; ``replies`` are what it responded."""

    account: CorpAccount
    clock: Clock
    http: aiohttp.ClientSession
    callback_url: str = ""
    attempt_s: float = ATTEMPT_S
    api: CorpApiServer = field(init=False)

    def __post_init__(self) -> None:
        self.api = CorpApiServer(self.account.corp_id, self.account.secret, self.clock)

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve the API and yield its base URL."""
        app = web.Application()
        app.add_routes(self.api.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()

    async def verify(self, echo: str = "1288432023552776189") -> tuple[int, str]:
        """Check the callback address as the admin page does; return status and body."""
        timestamp, nonce = self._stamp()
        encrypted, signed = self.account.crypt.seal(echo.encode(), timestamp, nonce)
        query = {"msg_signature": signed, "timestamp": timestamp, "nonce": nonce, "echostr": encrypted}
        async with self.http.get(self.callback_url, params=query) as response:
            return response.status, await response.text()

    def wrap(self, message: Mapping[str, Any]) -> Request:
        """Return ``message`` as one callback, signed and encrypted."""
        timestamp, nonce = self._stamp()
        encrypted, signed = self.account.crypt.seal(render_xml(message), timestamp, nonce)
        query = {"msg_signature": signed, "timestamp": timestamp, "nonce": nonce}
        outside = {"ToUserName": self.account.corp_id, "AgentID": str(self.account.agent_id)}
        return Request(query, render_xml({**outside, "Encrypt": encrypted}))

    async def deliver(self, message: Mapping[str, Any]) -> tuple[Outcome, Fields]:
        """Deliver one message with the platform's patience; return what became of it and the response."""
        statuses = []
        for _ in range(ATTEMPTS):
            status, reply = await self.attempt(self.wrap(message))
            statuses.append(status)
            if reply is not None:
                return Outcome(tuple(statuses), text_of(reply, "Content", "")), reply
        return Outcome(tuple(statuses)), {}

    async def attempt(self, request: Request) -> tuple[int, Fields | None]:
        """Send one callback once; return status and response (empty: acknowledged), ``None``: not valid."""
        try:
            async with self.http.post(
                self.callback_url,
                params=request.query,
                data=request.body,
                headers={"Content-Type": "text/xml"},
                timeout=aiohttp.ClientTimeout(total=self.attempt_s),
            ) as response:
                body, status = await response.read(), response.status
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0, None
        if status != 200:
            return status, None
        try:
            return 200, self._read(body)
        except (BadInput, CallbackRefused):
            return 200, None

    def _read(self, body: bytes) -> Fields:
        if body in {b"", b"success"}:
            return {}
        fields = parse_xml(body)
        opened = self.account.crypt.open(
            text_of(fields, "Encrypt"),
            text_of(fields, "MsgSignature"),
            text_of(fields, "TimeStamp"),
            text_of(fields, "Nonce"),
        )
        return parse_xml(opened)

    def _stamp(self) -> tuple[str, str]:
        return str(int(self.clock.now().timestamp())), secrets.token_hex(5)
