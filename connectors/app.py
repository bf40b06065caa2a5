"""Joins the doors, the inbox and their stores into one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from casework.interfaces import ResultLedger
from connectors.channel import Channel, Service
from connectors.handover.staffing import Behind, Staffing, make_staffing
from connectors.inbox import Inbox
from connectors.patience import Patience
from connectors.platform_texts import load_platform_texts
from connectors.plugin import Context, channels_of
from connectors.rate import RateLimit
from connectors.redis_store import RedisStore
from connectors.results import CHAT_RESULTS_STREAM, ResultRelay
from connectors.stations import Station, load_stations
from connectors.texts import load_texts
from connectors.types import Limits
from connectors.web.aloud import READINGS_PER_MINUTE, AloudRoute
from connectors.web.channel import Speech, WebChannel
from connectors.web.gate import Gate
from connectors.web.guard import Guard, parse_origins
from connectors.web.page import Page
from connectors.web.voice import RECORDINGS_PER_MINUTE, VoiceRoute
from connectors.web.wire import MAX_BODY, dump
from core.clock import Clock, SystemClock
from core.hearing import Hearing, HttpHearing
from core.interfaces import Dialogue
from core.metrics import render_metrics
from core.secret import derive_key, load_ring, load_secret
from core.settings import Settings
from core.speaking import HttpSpeaking, Speaking
from core.streams import RedisStreamQueue
from core.tasks import end_tasks
from core.types import Result

# One address opens at most this many conversations a minute; a station's residents share one.
SESSIONS_PER_MINUTE = 60

# The doors of an application besides the web.
CHANNELS: web.AppKey[Sequence[Channel]] = web.AppKey("channels", Sequence[Channel])


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is given: the other processes. Without ``http`` the web is its only door,
    without ``handovers`` nobody takes conversations over."""

    redis: Redis
    dialogue: Dialogue
    ledger: ResultLedger
    hearing: Hearing | None = None
    http: aiohttp.ClientSession | None = None
    handovers: Behind | None = None
    speaking: Speaking | None = None


def make_app(settings: Settings, parts: Parts, patience: Patience | None = None) -> web.Application:
    """Build the application.

    Raises:
        KnowledgeError: the texts are incomplete.
        ConfigError: the page is not built.
    """
    clock = SystemClock()
    texts = load_texts({"agency": settings.agency_name, "hotline": settings.hotline})
    store = RedisStore(parts.redis, Limits(messages_per_window=settings.chat_messages_per_minute))
    relay = ResultRelay(RedisStreamQueue(parts.redis, CHAT_RESULTS_STREAM, Result), parts.ledger, clock)
    inbox = Inbox(store, parts.dialogue, texts, on_answer=relay.on_answer, patience=patience, clock=clock)
    staffing = _staffing(settings, parts, store)
    guard = _guard(settings, clock)
    sessions = RateLimit(parts.redis, "sessions", limit=SESSIONS_PER_MINUTE)
    speech = _speech(settings, parts, inbox)
    gate = Gate(guard, texts)
    channel = WebChannel(inbox, store, gate, sessions, speech)
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(channel.routes(inbox.accept))
    app.add_routes(Page(gate, voice=speech.voice is not None, aloud=speech.aloud is not None).routes())
    app.add_routes(_service_routes(inbox, parts.redis))
    if parts.http is not None:
        context = _context(settings, parts, parts.http, inbox, store)
        if staffing is not None:
            context = replace(context, staff=staffing.gate)
        app[CHANNELS] = tuple(channels_of(context))
        _join(app, inbox, app[CHANNELS])
    if staffing is not None:
        inbox.hand_over_by(staffing.gate)
        app.cleanup_ctx.append(_at_work(staffing))

    _answer_in(app, inbox, relay)
    return app


def _answer_in(app: web.Application, inbox: Inbox, relay: ResultRelay) -> None:
    async def running(_app: web.Application) -> AsyncIterator[None]:
        await inbox.start()
        relaying = asyncio.create_task(relay.run())
        yield
        await end_tasks([relaying])

    async def stop_inbox(_app: web.Application) -> None:
        await inbox.stop()

    app.cleanup_ctx.append(running)
    # Before the server waits for its open requests: it wakes the ones that wait for news.
    app.on_shutdown.append(stop_inbox)


def _stations(settings: Settings) -> tuple[Station, ...]:
    return load_stations(Path(settings.stations_file)) if settings.stations_file else ()


def _staffing(settings: Settings, parts: Parts, store: RedisStore) -> Staffing | None:
    if parts.handovers is None or settings.handover_minutes == 0:
        return None
    return make_staffing(settings, parts.redis, parts.http, store, parts.handovers)


def _at_work(service: Service) -> Callable[[web.Application], AsyncIterator[None]]:
    async def running(_app: web.Application) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    return running


def _guard(settings: Settings, clock: Clock) -> Guard:
    return Guard(
        key=derive_key(load_ring(settings).newest, "web-chat-session"),
        origins=parse_origins(settings.public_chat_origins),
        clock=clock,
        trust_proxy=settings.chat_trust_proxy,
    )


def _speech(settings: Settings, parts: Parts, inbox: Inbox) -> Speech:
    """Speaking to the page and being read to, unless the installation has no process for it."""
    hearing, speaking = parts.hearing, parts.speaking
    if parts.http is not None and (settings.hearing_port or settings.hearing_url):
        hearing = hearing or HttpHearing(parts.http, settings.hearing_base_url)
        speaking = speaking or HttpSpeaking(parts.http, settings.hearing_base_url)
    recordings = RateLimit(parts.redis, "recordings", limit=RECORDINGS_PER_MINUTE)
    readings = RateLimit(parts.redis, "readings", limit=READINGS_PER_MINUTE)
    return Speech(
        voice=VoiceRoute(hearing, recordings) if hearing else None,
        aloud=AloudRoute(inbox, speaking, readings) if speaking else None,
    )


def _context(
    settings: Settings, parts: Parts, http: aiohttp.ClientSession, inbox: Inbox, store: RedisStore
) -> Context:
    names = {"agency": settings.agency_name, "hotline": settings.hotline}
    return Context(
        settings=settings,
        redis=parts.redis,
        http=http,
        hearing=parts.hearing or HttpHearing(http, settings.hearing_base_url),
        inbox=inbox,
        store=store,
        texts=load_texts(names),
        platform_texts=replace(load_platform_texts(names), stations=_stations(settings)),
        clock=SystemClock(),
        key=derive_key(load_secret(settings), "chat-users"),
    )


def _join(app: web.Application, inbox: Inbox, channels: Sequence[Channel]) -> None:
    """Add the channels' routes, and run what they do in the background."""
    for channel in channels:
        app.add_routes(channel.routes(inbox.accept))
    for channel in channels:
        if isinstance(channel, Service):
            app.cleanup_ctx.append(_at_work(channel))


def _service_routes(inbox: Inbox, redis: Redis) -> list[web.AbstractRouteDef]:
    async def health(_request: web.Request) -> web.Response:
        try:
            await redis.time()
        except (RedisError, OSError) as error:
            return _status(503, "no_redis", type(error).__name__)
        return _status(503, "stopping") if inbox.closed else _status(200, "ok")

    async def metrics(_request: web.Request) -> web.Response:
        body, content_type = render_metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})

    return [web.get("/health", health), web.get("/metrics", metrics)]


def _status(code: int, status: str, detail: str = "") -> web.Response:
    body = {"status": status, "process": "connectors", "detail": detail}
    return web.Response(status=code, text=dump(body), content_type="application/json")
