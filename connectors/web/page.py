"""Serves the built chat page with its texts filled in."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from connectors.texts import Texts
from connectors.web import wire
from core.errors import ConfigError

STATIC_DIR = Path(__file__).resolve().parent.parent / "static"

_PAGE_NOTICES = ("too_large", "unavailable", "storage", "session", "failed")


class Page:
    """``GET /`` and the page's files. Built by ``npm run build`` in ``connectors/frontend``."""

    def __init__(self, texts: Texts, origins: frozenset[str], static_dir: Path = STATIC_DIR) -> None:
        self._texts = texts
        self._ancestors = " ".join(["'self'", *sorted(origins)])
        self._static = static_dir
        self._html = self._fill()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return the routes of the page."""
        return [
            web.get("/", self._index),
            web.static("/assets", self._static / "assets", append_version=False),
        ]

    async def _index(self, request: web.Request) -> web.Response:
        return web.Response(text=self._html, content_type="text/html", headers=self._headers(request.host))

    def _fill(self) -> str:
        try:
            template = (self._static / "index.html").read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                "the chat page is not built", hint="cd connectors/frontend && npm ci && npm run build"
            ) from error
        page = self._texts.page
        config = {
            "texts": page,
            "notices": {code: self._texts.notice(code) for code in _PAGE_NOTICES},
            "maxText": wire.MAX_TEXT,
        }
        # "<" cannot end the script element when it is escaped.
        data = wire.dump(config).replace("<", "\\u003c")
        title = html.escape(f"{page['product']} · {page['agency']}")
        filled = template.replace("__TITLE__", title).replace("__NOSCRIPT__", html.escape(page["noscript"]))
        return filled.replace("__CONFIG__", data)

    def _headers(self, host: str) -> dict[str, str]:
        policy = [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            # Older engines do not count a WebSocket on the same host as 'self'.
            f"connect-src 'self' ws://{host} wss://{host}",
            f"frame-ancestors {self._ancestors}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
        return {
            "Content-Security-Policy": "; ".join(policy),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
