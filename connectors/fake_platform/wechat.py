"""A fake official account platform: delivers what users do to a callback address, as the real one does.

A message is delivered up to three times: when no valid response comes within five seconds the connection
is dropped and the message is sent again, with the same MsgId. The first valid response is shown to the
user; after three failures the platform's own fault notice is.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web

from connectors.fake_platform.phones import Phones, Shown
from connectors.fake_platform.wechat_api import WechatApiServer
from connectors.tencent.crypto import MessageCrypt, decode_key, signature
from connectors.tencent.errors import CallbackRefused
from connectors.tencent.xml import parse_xml, render_xml, text_of
from core.clock import Clock
from core.errors import BadInput

ATTEMPTS = 3
ATTEMPT_S = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """What the admin pages of the account show. ``mode``: ``plain``, ``compatible`` or ``safe``."""

    app_id: str = "wx00000000000000aa"
    secret: str = "0123456789abcdef0123456789abcdef"  # noqa: S105 - a fake platform's
    token: str = "faketoken"  # noqa: S105 - likewise
    aes_key: str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    mode: str = "safe"
    original_id: str = "gh_000000000001"

    @property
    def crypt(self) -> MessageCrypt:
        """The account's message encryption."""
        return MessageCrypt(self.token, decode_key(self.aes_key), self.app_id)


@dataclass(frozen=True, slots=True)
class Request:
    """One callback as it goes over the wire."""

    query: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery: HTTP status per attempt (0: none), and the text of the reply, if any."""

    statuses: tuple[int, ...]
    reply: str = ""


@dataclass(slots=True)
class FakeWechat:
    """See the module. ``callback_url`` may be set when our door's address is known."""

    account: Account
    clock: Clock
    http: aiohttp.ClientSession
    callback_url: str = ""
    attempt_s: float = ATTEMPT_S
    phones: Phones = field(init=False)
    api: WechatApiServer = field(init=False)
    _ids: Any = field(default_factory=lambda: count(10**17))

    def __post_init__(self) -> None:
        self.phones = Phones(self.clock)
        self.api = WechatApiServer(self.account.app_id, self.account.secret, self.phones, self.clock)

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

    async def say(self, user: str, text: str) -> Outcome:
        """The user types ``text``."""
        return await self.message(user, {"MsgType": "text", "Content": text})

    async def message(self, user: str, fields: Mapping[str, Any]) -> Outcome:
        """The user sends a message of any type; its MsgId is added."""
        self.phones.allow(user, "message")
        return await self.deliver(self.compose(user, {**fields, "MsgId": next(self._ids)}))

    async def event(self, user: str, event: str, event_key: str = "", **more: Any) -> Outcome:
        """The user follows, leaves, scans or presses a menu button."""
        acts = {"subscribe": "follow", "SCAN": "scan", "CLICK": "click"}
        if event in {"subscribe", "unsubscribe"}:
            self.phones.of(user).following = event == "subscribe"
        if event in acts:
            self.phones.allow(user, acts[event])
        fields = {"MsgType": "event", "Event": event, "EventKey": event_key, **more}
        return await self.deliver(self.compose(user, fields))

    async def verify(self, echo: str = "echo") -> tuple[int, str]:
        """Check the callback address as the admin page does; return status and body."""
        query = {**self._signed(), "echostr": echo}
        async with self.http.get(self.callback_url, params=query) as response:
            return response.status, await response.text()

    def compose(self, user: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return a whole message of ``user`` to the account."""
        return {
            "ToUserName": self.account.original_id,
            "FromUserName": user,
            "CreateTime": int(self.clock.now().timestamp()),
            **fields,
        }

    def wrap(self, message: Mapping[str, Any]) -> Request:
        """Return ``message`` as one callback, signed and encrypted as the account's mode wants it."""
        query, body = self._signed(), render_xml(message)
        if self.account.mode != "plain":
            encrypted, signed = self.account.crypt.seal(body, query["timestamp"], query["nonce"])
            query |= {"encrypt_type": "aes", "msg_signature": signed, "openid": str(message["FromUserName"])}
            outside = dict(message) if self.account.mode == "compatible" else {}
            body = render_xml({**outside, "ToUserName": message["ToUserName"], "Encrypt": encrypted})
        return Request(query, body)

    async def deliver(self, message: Mapping[str, Any]) -> Outcome:
        """Deliver one message with the platform's patience and show its user what came back."""
        user, statuses = str(message["FromUserName"]), []
        for _ in range(ATTEMPTS):
            status, reply = await self.attempt(self.wrap(message))
            statuses.append(status)
            if reply is not None:
                if reply:
                    key = str(message.get("MsgId", ""))
                    self.phones.show(user, Shown("reply", reply, key))
                return Outcome(tuple(statuses), reply)
        self.phones.show(user, Shown("fault", ""))
        return Outcome(tuple(statuses))

    async def attempt(self, request: Request) -> tuple[int, str | None]:
        """Send one callback once; return status and reply: empty for "success", ``None`` for no valid one."""
        try:
            async with self.http.post(
                self.callback_url,
                params=request.query,
                data=request.body,
                headers={"Content-Type": "text/xml"},
                timeout=aiohttp.ClientTimeout(total=self.attempt_s),
            ) as response:
                body = await response.read()
                if response.status != 200:
                    return response.status, None
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0, None
        try:
            return 200, self._read(body)
        except (BadInput, CallbackRefused):
            return 200, None

    def _read(self, body: bytes) -> str:
        if body in {b"", b"success"}:
            return ""
        fields = parse_xml(body)
        if self.account.mode != "plain":
            timestamp, nonce = text_of(fields, "TimeStamp"), text_of(fields, "Nonce")
            opened = self.account.crypt.open(
                text_of(fields, "Encrypt"), text_of(fields, "MsgSignature"), timestamp, nonce
            )
            fields = parse_xml(opened)
        if (
            text_of(fields, "MsgType") != "text"
            or text_of(fields, "FromUserName") != self.account.original_id
        ):
            raise BadInput("not a text of the account")
        text = text_of(fields, "Content")
        if len(text.encode()) > 2048:
            raise BadInput("longer than the platform takes")
        return text

    def _signed(self) -> dict[str, str]:
        timestamp, nonce = str(int(self.clock.now().timestamp())), secrets.token_hex(5)
        signed = signature(self.account.token, timestamp, nonce)
        return {"signature": signed, "timestamp": timestamp, "nonce": nonce}
