"""What every view works with, gathered once by ``console.app``."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from casework.store import Store
from console.live import Hub
from console.sessions import EndedSessions
from console.texts import Texts
from console.throttle import LoginThrottle
from core.clock import Clock
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one running console."""

    settings: Settings
    store: Store
    clock: Clock
    texts: Texts
    throttle: LoginThrottle
    ended: EndedSessions
    hub: Hub
    handover_hub: Hub


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)


def context(request: web.Request) -> Context:
    """Return the running console's parts."""
    return request.app[CONTEXT]
