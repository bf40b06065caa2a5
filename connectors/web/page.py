"""Serves the built chat page with its texts filled in."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.web import wire
from connectors.web.gate import PREFIX, Gate, json_response
from connectors.web.language import Language, written
from core.errors import ConfigError

STATIC_DIR = Path(__file__).resolve().parent.parent / "static"

_PAGE_NOTICES = ("too_large", "unavailable", "storage", "session", "failed", "voice_away")


class Page:
    """``GET /`` and the page's files. Built by ``npm run build`` in ``connectors/frontend``."""

    def __init__(
        self, gate: Gate, *, voice: bool = False, aloud: bool = False, static_dir: Path = STATIC_DIR
    ) -> None:
        self._gate = gate
        self._texts = gate.texts
        self._speech = {"voice": voice, "aloud": aloud}
        self._ancestors = " ".join(["'self'", *sorted(gate.guard.origins)])
        self._static = static_dir
        self._html = self._fill()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return the routes of the page."""
        return [
            web.get("/", self._index),
            web.get("/manifest.webmanifest", self._manifest),
            web.get("/{name:embed.js|sw.js}", self._script),
            web.get(f"{PREFIX}/embed", self._gate.guarded(self._embed)),
            web.get(f"{PREFIX}/page", self._gate.guarded(self._page)),
            web.static("/assets", self._static / "assets", append_version=False),
            web.static("/icons", self._static / "icons", append_version=False),
        ]

    async def _index(self, request: web.Request) -> web.Response:
        return web.Response(text=self._html, content_type="text/html", headers=self._headers(request.host))

    async def _script(self, request: web.Request) -> web.StreamResponse:
        path = self._static / request.match_info["name"]
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _embed(self, _request: web.Request) -> web.StreamResponse:
        """What a site's button says; a site that may not show the page is refused here (403)."""
        page = self._texts.page
        words = {"title": page["product"], "open": page["embed_open"], "close": page["embed_close"]}
        return json_response(words)

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        """What the page is filled with, for clients that bring their own."""
        return json_response(self._config())

    async def _manifest(self, _request: web.Request) -> web.Response:
        page = self._texts.page
        sizes = [("192x192", "icon-192.png"), ("512x512", "icon-512.png"), ("any", "icon.svg")]
        manifest = {
            "id": "/",
            "name": f"{page['product']} · {page['agency']}",
            "short_name": page["installed_name"],
            "lang": Language.MANDARIN,
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#fbf6f0",
            "theme_color": "#a8401a",
            "icons": [
                {"src": f"/icons/{name}", "sizes": size, "purpose": purpose}
                for size, name in sizes
                for purpose in ("any", "maskable")
            ],
        }
        return web.Response(text=wire.dump(manifest), content_type="application/manifest+json")

    def _fill(self) -> str:
        try:
            template = (self._static / "index.html").read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                "the chat page is not built", hint="cd connectors/frontend && npm ci && npm run build"
            ) from error
        page = self._texts.page
        # "<" cannot end the script element when it is escaped.
        data = wire.dump(self._config()).replace("<", "\\u003c")
        title = html.escape(f"{page['product']} · {page['agency']}")
        filled = template.replace("__TITLE__", title).replace("__NOSCRIPT__", html.escape(page["noscript"]))
        return filled.replace("__CONFIG__", data)

    def _config(self) -> dict[str, Any]:
        languages = [self._in(language) for language in Language]
        return {"languages": languages, "maxText": wire.MAX_TEXT, **self._speech}

    def _in(self, language: Language) -> dict[str, Any]:
        names = dict(zip(Language, self._texts.page["languages"], strict=True))
        texts = written({key: text for key, text in self._texts.page.items() if key != "languages"}, language)
        if language is Language.CANTONESE:
            texts |= self._texts.cantonese
        notices = {code: self._texts.notice(code) for code in _PAGE_NOTICES}
        return {
            "tag": language,
            "name": names[language],
            "texts": texts,
            "notices": written(notices, language),
        }

    def _headers(self, host: str) -> dict[str, str]:
        policy = [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            "worker-src 'self'",
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
