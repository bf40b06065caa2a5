"""The official account API of the fake platform, with its tokens, limits and error numbers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors.fake_platform.phones import Phones, Shown
from core.clock import Clock

_MINUTE_MS = 60_000
_MAX_TEXT = 2048


@dataclass(slots=True)
class Weather:
    """What goes wrong now. ``down``: no answer but HTTP 503; ``busy``: so many calls get error -1.

    ``permitted`` is ``False`` for an account without the right to customer service messages (48001).
    ``refusals`` are the error numbers that the next customer service messages get.
    """

    down: bool = False
    busy: int = 0
    permitted: bool = True
    token_life_s: int = 7_200
    calls_per_minute: int = 100_000
    refusals: list[int] = field(default_factory=list)


@dataclass(slots=True)
class WechatApiServer:
    """One account's API. ``calls`` counts them by path; ``media`` holds files by id."""

    app_id: str
    secret: str
    phones: Phones
    clock: Clock
    weather: Weather = field(default_factory=Weather)
    media: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    menu: list[Any] = field(default_factory=list)
    notified: list[dict[str, Any]] = field(default_factory=list)
    subscribed: set[tuple[str, str]] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)
    _tokens: dict[str, float] = field(default_factory=dict)
    _minute: tuple[float, int] = (0.0, 0)

    def revoke_tokens(self) -> None:
        """Every token that was handed out is refused from now on."""
        self._tokens.clear()

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the API's routes."""
        return [
            web.post("/cgi-bin/stable_token", self._token),
            web.route("*", "/cgi-bin/{path:.*}", self._call),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        self._count(request.path)
        if self.weather.down:
            return web.Response(status=503)
        body = await body_of(request)
        if body.get("appid") != self.app_id:
            return error(40013)
        if body.get("secret") != self.secret:
            return error(40125)
        now = self.clock.monotonic_ms()
        alive = [token for token, until in self._tokens.items() if until > now]
        token = alive[-1] if alive and not body.get("force_refresh") else secrets.token_hex(32)
        until = self._tokens.setdefault(token, now + self.weather.token_life_s * 1000)
        return web.json_response({"access_token": token, "expires_in": int((until - now) / 1000)})

    async def _call(self, request: web.Request) -> web.Response:
        self._count(request.path)
        refused = self._refusal(request)
        if refused is not None:
            return refused
        match request.path.removeprefix("/cgi-bin/"):
            case "message/custom/send":
                return self._send(await body_of(request))
            case "media/get":
                return self._media(request.query.get("media_id", ""))
            case "menu/create":
                self.menu = list((await body_of(request)).get("button", []))
                return error(0)
            case "menu/get":
                menu = {"menu": {"button": self.menu}}
                return web.json_response(menu) if self.menu else error(46003)
            case "message/template/send":
                return self._notify(await body_of(request))
            case "message/subscribe/bizsend":
                return self._notify_subscriber(await body_of(request))
        return error(48001)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.weather.down:
            return web.Response(status=503)
        if self.weather.busy > 0:
            self.weather.busy -= 1
            return error(-1)
        now = self.clock.monotonic_ms()
        begun, count = self._minute
        self._minute = (now, 1) if now - begun >= _MINUTE_MS else (begun, count + 1)
        if self._minute[1] > self.weather.calls_per_minute:
            return error(45011)
        token = request.query.get("access_token", "")
        if not token:
            return error(41001)
        if token not in self._tokens:
            return error(40001)
        return error(42001) if self._tokens[token] <= now else None

    def _send(self, body: Mapping[str, Any]) -> web.Response:
        user, text = str(body.get("touser", "")), str(body.get("text", {}).get("content", ""))
        if not self.weather.permitted:
            return error(48001)
        if self.weather.refusals:
            return error(self.weather.refusals.pop(0))
        if body.get("msgtype") != "text":
            return error(40008)
        if not text:
            return error(44004)
        if len(text.encode()) > _MAX_TEXT:
            return error(45002)
        refused = self.phones.refusal(user)
        if refused:
            return error(refused)
        self.phones.use(user)
        self.phones.show(user, Shown("sent", text))
        return error(0)

    def _media(self, media_id: str) -> web.Response:
        if media_id not in self.media:
            return error(40007)
        content, kind = self.media[media_id]
        return web.Response(body=content, content_type=kind)

    def _notify(self, body: dict[str, Any]) -> web.Response:
        if not str(body.get("template_id", "")).startswith("tpl"):
            return error(40037)
        self.notified.append(body)
        return web.json_response({"errcode": 0, "msgid": len(self.notified)})

    def _notify_subscriber(self, body: dict[str, Any]) -> web.Response:
        # One subscription is one message.
        wish = (str(body.get("touser", "")), str(body.get("template_id", "")))
        if wish not in self.subscribed:
            return error(43101)
        self.subscribed.discard(wish)
        self.notified.append(body)
        return error(0)

    def _count(self, path: str) -> None:
        self.calls[path] = self.calls.get(path, 0) + 1


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return a request's JSON object, an empty one for anything else."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def error(errcode: int) -> web.Response:
    """Return a platform's answer with an error number, 0 for success."""
    return web.json_response({"errcode": errcode, "errmsg": "ok" if errcode == 0 else f"error {errcode}"})
