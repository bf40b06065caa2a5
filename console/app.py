"""Puts the console together: parts, middlewares, templates, routes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp_jinja2
import aiohttp_session
import jinja2
from aiohttp import web
from redis.asyncio import Redis

from casework.store import Store
from console import auth, present, security
from console.context import CONTEXT, Context
from console.live import Hub
from console.sessions import EndedSessions, cookie_storage
from console.texts import load_texts
from console.throttle import LoginThrottle
from console.views import audio, calls, cases, handovers, intentions, system
from core.clock import Clock, SystemClock
from core.errors import ConfigError
from core.ids import mask_phone
from core.s3 import open_recordings
from core.settings import Settings
from core.streams import HANDOVER_STREAM

_HERE = Path(__file__).parent
STATIC_DIR = _HERE / "static"
_MAX_BODY = 64 * 1024


def create_app(
    settings: Settings, store: Store, redis: Redis | None, *, clock: Clock | None = None
) -> web.Application:
    """Return the console over an open store; the caller closes ``store`` and ``redis``."""
    ticking = clock or SystemClock()
    app = web.Application(
        client_max_size=_MAX_BODY,
        middlewares=[
            aiohttp_session.session_middleware(cookie_storage(settings)),
            security.friendly_errors,
            security.login_gate,
            security.csrf_check,
        ],
    )
    app[CONTEXT] = Context(
        settings=settings,
        store=store,
        clock=ticking,
        texts=load_texts(),
        throttle=LoginThrottle(ticking),
        ended=EndedSessions(redis, settings.console_session_hours * 3600),
        hub=Hub(redis, ticking),
        handover_hub=Hub(redis, ticking, HANDOVER_STREAM),
    )
    app[audio.PLAYBACKS] = audio.Playbacks(ticking)
    app[audio.RECORDINGS] = open_recordings(settings)
    _set_up_templates(app)
    for part in (auth, calls, audio, intentions, handovers, cases, system):
        app.add_routes(part.routes())
    if STATIC_DIR.is_dir():
        app.router.add_static("/static/", STATIC_DIR)
    app.on_response_prepare.append(security.add_headers)
    app.on_shutdown.append(_let_pages_go)
    app.cleanup_ctx.append(_follow_news)
    return app


def check_static() -> None:
    """Raise ``ConfigError`` when the front end has not been built."""
    missing = [name for name in ("console.js", "console.css") if not (STATIC_DIR / name).is_file()]
    if missing:
        raise ConfigError(
            f"console/static has no {', '.join(missing)}",
            hint="npm ci && npm run build in console/frontend (make run does it)",
        )


def _set_up_templates(app: web.Application) -> None:
    texts = app[CONTEXT].texts
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "clock": present.clock_text,
        "full_time": present.full_time_text,
        "duration": present.duration_text,
        "gap": present.gap_text,
        "waited": present.waited_text,
        "mask_phone": mask_phone,
    }
    environment.globals |= {
        "texts": texts,
        "agency": app[CONTEXT].settings.agency_name,
        "asset": {name: _address(name) for name in ("console.js", "console.css")},
    }


def _address(name: str) -> str:
    file = STATIC_DIR / name
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else "0"
    return f"/static/{name}?v={digest}"


async def _follow_news(app: web.Application) -> AsyncIterator[None]:
    hubs = (app[CONTEXT].hub, app[CONTEXT].handover_hub)
    for hub in hubs:
        await hub.start()
    yield
    for hub in hubs:
        await hub.close()


async def _let_pages_go(app: web.Application) -> None:
    await app[CONTEXT].hub.close()
    await app[CONTEXT].handover_hub.close()
