"""The API of a fake WeCom corporation: its applications' tokens, limits, error numbers and messages."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors.fake_platform.wechat_api import Weather, body_of, error
from core.clock import Clock

Handle = Callable[[web.Request, dict[str, Any]], Awaitable[web.Response]]

_MINUTE_MS = 60_000


@dataclass(slots=True)
class CorpApiServer:
    """``calls`` counts them by path; ``media`` holds files by id; ``handlers`` answer the other paths."""

    corp_id: str
    secret: str
    clock: Clock
    weather: Weather = field(default_factory=Weather)
    media: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    handlers: dict[str, Handle] = field(default_factory=dict)
    _tokens: dict[str, float] = field(default_factory=dict)
    _minute: tuple[float, int] = (0.0, 0)

    def revoke_tokens(self) -> None:
        """Every token that was handed out is refused from now on."""
        self._tokens.clear()

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the API's routes."""
        return [
            web.get("/cgi-bin/gettoken", self._token),
            web.route("*", "/cgi-bin/{path:.*}", self._call),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        self._count(request.path)
        if self.weather.down:
            return web.Response(status=503)
        if request.query.get("corpid") != self.corp_id:
            return error(40013)
        if request.query.get("corpsecret") != self.secret:
            return error(40001)
        now = self.clock.monotonic_ms()
        alive = [token for token, until in self._tokens.items() if until > now]
        # Asking again while a token lives gives the same one.
        token = alive[-1] if alive else secrets.token_hex(32)
        until = self._tokens.setdefault(token, now + self.weather.token_life_s * 1000)
        return web.json_response(
            {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": int((until - now) / 1000)}
        )

    async def _call(self, request: web.Request) -> web.Response:
        self._count(request.path)
        refused = self._refusal(request)
        if refused is not None:
            return refused
        path = request.path.removeprefix("/cgi-bin/")
        if path == "media/get":
            return self._media(request.query.get("media_id", ""))
        handler = self.handlers.get(path)
        return await handler(request, await body_of(request)) if handler else error(48002)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.weather.down:
            return web.Response(status=503)
        if self.weather.busy > 0:
            self.weather.busy -= 1
            return error(-1)
        if not self.weather.permitted:
            return error(48002)
        now = self.clock.monotonic_ms()
        begun, count = self._minute
        self._minute = (now, 1) if now - begun >= _MINUTE_MS else (begun, count + 1)
        if self._minute[1] > self.weather.calls_per_minute:
            return error(45009)
        token = request.query.get("access_token", "")
        if not token:
            return error(41001)
        if token not in self._tokens:
            return error(40014)
        return error(42001) if self._tokens[token] <= now else None

    def _media(self, media_id: str) -> web.Response:
        if media_id not in self.media:
            return error(40007)
        content, kind = self.media[media_id]
        return web.Response(body=content, content_type=kind)

    def _count(self, path: str) -> None:
        self.calls[path] = self.calls.get(path, 0) + 1
