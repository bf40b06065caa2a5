"""What monitoring and autoscaling ask the casework process: lines, calls that wait, results that wait."""

from __future__ import annotations

import asyncio

import msgspec
import sqlalchemy as sa
from aiohttp import web
from prometheus_client import Gauge
from redis.asyncio import Redis

from casework import schema
from casework.api import MAX_BYTES, CampaignApi
from casework.dispatcher import VOICE_KEYS
from casework.repository import Repository
from casework.store import Store
from casework.types import AttemptState
from core.clock import SystemClock
from core.errors import QueueError, StorageError
from core.metrics import REGISTRY, render_metrics
from core.process import listening
from core.settings import Settings
from core.streams import redis_errors

LINES = Gauge(
    "nuanye_lines",
    "Lines of all voice workers. Autoscaling: nuanye_lines{state='busy'} over lines per worker.",
    ["state"],
    registry=REGISTRY,
)
WORKERS = Gauge("nuanye_voice_workers", "Voice workers that announce themselves.", registry=REGISTRY)
WAITING = Gauge(
    "nuanye_waiting", "Attempts handed out and not begun, results not published.", ["what"], registry=REGISTRY
)


class _Alive(msgspec.Struct):
    lines_total: int = 0
    lines_free: int = 0


class Waiting(Repository):
    """What waits in the database."""

    async def count(self) -> dict[str, int]:
        """Return ``calls`` (handed out, not begun) and ``results`` (stored, not published)."""
        attempts, outbox = schema.attempts.c, schema.outbox.c
        queries = {
            "calls": sa.select(sa.func.count()).where(attempts.state == AttemptState.QUEUED),
            "results": sa.select(sa.func.count()).where(outbox.published_at.is_(None)),
        }
        async with self._db.read() as connection:
            return {
                what: int((await connection.execute(query)).scalar_one()) for what, query in queries.items()
            }


class Monitor:
    """Gathers the figures when they are asked for, not more often."""

    def __init__(self, store: Store, redis: Redis) -> None:
        self._store = store
        self._redis = redis

    async def update(self) -> None:
        """Set the gauges. Raises ``QueueError``, ``StorageError``."""
        total, free, workers = 0, 0, 0
        with redis_errors():
            async for key in self._redis.scan_iter(VOICE_KEYS, count=1000):
                raw = await self._redis.get(key)
                try:
                    alive = msgspec.json.decode(raw or b"{}", type=_Alive)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                workers += 1
                total += max(0, alive.lines_total)
                free += max(0, min(alive.lines_free, alive.lines_total))
        WORKERS.set(workers)
        for state, lines in (("total", total), ("free", free), ("busy", total - free)):
            LINES.labels(state).set(lines)
        for what, count in (await self._store.part(Waiting).count()).items():
            WAITING.labels(what).set(count)

    def app(self) -> web.Application:
        """Return ``/health`` (200 when database and Redis answer) and ``/metrics``."""
        app = web.Application(client_max_size=MAX_BYTES)
        app.add_routes([web.get("/health", self._health), web.get("/metrics", self._metrics)])
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        try:
            await self._store.ping()
            with redis_errors():
                await self._redis.ping()
        except (StorageError, QueueError) as error:
            return web.json_response({"status": "unavailable", "code": error.code}, status=503)
        return web.json_response({"status": "ok", "process": "casework"})

    async def _metrics(self, _request: web.Request) -> web.Response:
        """Prometheus' text format; 503 rather than figures of yesterday."""
        try:
            await self.update()
        except (StorageError, QueueError) as error:
            return web.json_response({"status": "unavailable", "code": error.code}, status=503)
        body, content_type = render_metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})


async def serve_monitor(settings: Settings, store: Store, redis: Redis, stop: asyncio.Event) -> None:
    """Serve on ``casework_port`` until ``stop``; 0: nowhere. Raises ``ConfigError``."""
    if not settings.casework_port:
        await stop.wait()
        return
    app = Monitor(store, redis).app()
    if settings.api_token:
        app.add_subapp("/v1", CampaignApi(store, SystemClock(), settings.api_token).app())
    async with listening(app, settings, "casework_port"):
        await stop.wait()
