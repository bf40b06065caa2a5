"""What WeCom's doors share: callbacks that are always encrypted, and the API of one application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from connectors.tencent.client import Effort, PlatformClient
from connectors.tencent.crypto import MessageCrypt, decode_key
from connectors.tencent.errors import CORP_MEANINGS, CallbackRefused, PlatformError
from connectors.tencent.guard import CallbackGuard
from connectors.tencent.tokens import TokenStore
from connectors.tencent.xml import Fields, parse_xml, render_xml, text_of
from core.clock import Clock
from core.errors import BadInput, NuanyeError, QueueError, TooLarge
from core.logs import get_log
from core.metrics import TURN_FAILURES

_log = get_log("wecom")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class CorpSecurity:
    """How one application's callbacks are checked and answered."""

    crypt: MessageCrypt
    guard: CallbackGuard

    def verify(self, query: Mapping[str, str]) -> bytes:
        """Return what the admin page wants to read back. Raises ``CallbackRefused``."""
        # A proxy that decodes once too often turns the plus signs of Base64 into blanks.
        echo = query.get("echostr", "").replace(" ", "+")
        opened = self.crypt.open(echo, *_signed(query))
        self.guard.check_fresh(query.get("timestamp", ""))
        return opened

    async def open(self, query: Mapping[str, str], body: bytes) -> Fields:
        """Return what a callback of the platform's says.

        Raises:
            CallbackRefused: forged, stale, a nonce that came with another message, another corporation.
            BadInput: not XML.
            QueueError: Redis is away.
        """
        given, timestamp, nonce = _signed(query)
        opened = self.crypt.open(text_of(parse_xml(body), "Encrypt", ""), given, timestamp, nonce)
        self.guard.check_fresh(timestamp)
        await self.guard.check_replay(f"{timestamp}:{nonce}", opened)
        fields = parse_xml(opened)
        if text_of(fields, "ToUserName", "") != self.crypt.receive_id:
            raise CallbackRefused("the message is for another corporation")
        return fields

    def seal(self, fields: Mapping[str, object], timestamp: str, nonce: str) -> bytes:
        """Return ``fields`` as an encrypted response."""
        encrypted, signed = self.crypt.seal(render_xml(fields), timestamp, nonce)
        return render_xml(
            {"Encrypt": encrypted, "MsgSignature": signed, "TimeStamp": int(timestamp), "Nonce": nonce}
        )


def corp_security(redis: Redis, clock: Clock, account: str, secrets: tuple[str, str, str]) -> CorpSecurity:
    """Return the checks for callbacks with these ``(token, AES key, corp id)``. Raises ``ConfigError``."""
    token, aes_key, corp_id = secrets
    return CorpSecurity(
        MessageCrypt(token, decode_key(aes_key), corp_id), CallbackGuard(redis, account, clock)
    )


@dataclass(frozen=True, slots=True)
class CorpApp:
    """One application of a corporation, as its API is called. ``name`` tells its tokens apart."""

    name: str
    corp_id: str
    secret: str
    base_url: str


def corp_client(
    app: CorpApp, redis: Redis, http: aiohttp.ClientSession, clock: Clock, effort: Effort | None = None
) -> PlatformClient:
    """Return a client of the application's API."""
    client = PlatformClient(http, app.base_url, clock, effort, CORP_MEANINGS)

    async def fetch(_refused: bool) -> tuple[str, int]:
        return await fetch_token(client, app)

    client.tokens = TokenStore(redis, f"{app.name}:{app.corp_id}", fetch, clock)
    return client


async def fetch_token(client: PlatformClient, app: CorpApp) -> tuple[str, int]:
    """Fetch an access token: whether corp id, secret and trusted addresses are right."""
    query = {"corpid": app.corp_id, "corpsecret": app.secret}
    answer = await client.call_bare("/cgi-bin/gettoken", query=query)
    token, lifetime = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token or not isinstance(lifetime, int):
        raise PlatformError("/cgi-bin/gettoken: the answer holds no token")
    return token, lifetime


def guarded(handler: Handler) -> Handler:
    """Answer what ``handler`` refuses with a status and a code, and log nothing of the request."""

    async def safe(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return _refuse(413, TooLarge("body: too large"))
        except CallbackRefused as error:
            return _refuse(403, error)
        except BadInput as error:
            return _refuse(413 if isinstance(error, TooLarge) else 400, error)
        except QueueError as error:
            # Nothing can be stored: the platform tries again in five seconds.
            return _refuse(503, error)

    return safe


def _signed(query: Mapping[str, str]) -> tuple[str, str, str]:
    return query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", "")


def _refuse(status: int, error: NuanyeError) -> web.Response:
    TURN_FAILURES.labels(error.code).inc()
    _log.warning("callback_refused", code=error.code, reason=str(error), status=status)
    return web.Response(status=status, text=error.code)
