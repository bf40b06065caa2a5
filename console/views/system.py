"""What machines ask: is it alive, how is it doing, has anything new come?"""

from __future__ import annotations

import asyncio

from aiohttp import web

from console.context import context
from core.errors import StorageError
from core.metrics import render_metrics

_HEARTBEAT_S = 15.0
# A page comes back with its cookie after this long, so that an ended login stops its stream too.
_LONGEST_STREAM_S = 300.0


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get("/health", show_health),
        web.get("/metrics", show_metrics),
        web.get("/events", stream_events),
    ]


async def show_health(request: web.Request) -> web.Response:
    """200 when the database answers."""
    try:
        await context(request).store.ping()
    except StorageError as error:
        return web.json_response({"status": "unavailable", "code": error.code}, status=503)
    return web.json_response({"status": "ok", "process": "console"})


async def show_metrics(_request: web.Request) -> web.Response:
    """Prometheus' text format."""
    body, content_type = render_metrics()
    return web.Response(body=body, headers={"Content-Type": content_type})


async def stream_events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: ``changed`` whenever there is news of results (or ``of=handovers``)."""
    parts = context(request)
    hub = parts.handover_hub if request.query.get("of") == "handovers" else parts.hub
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    ends = loop.time() + _LONGEST_STREAM_S
    version = hub.version
    try:
        await response.write(b"retry: 2000\nevent: ready\ndata: {}\n\n")
        while not hub.closed and loop.time() < ends:
            newest = await hub.wait_after(version, _HEARTBEAT_S)
            if hub.closed:
                break
            await response.write(b"event: changed\ndata: {}\n\n" if newest != version else b": alive\n\n")
            version = newest
    except ConnectionResetError:
        pass  # the page was closed
    return response
