"""Channels are plug-ins: ours, and those that installed packages register as ``nuanye.channels``.

An entry point names a function from a ``Context`` to a ``Channel``, or to ``None`` when its settings are
empty::

    [project.entry-points."nuanye.channels"]
    townhall = "townhall_chat:make"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points

import aiohttp
from redis.asyncio import Redis

from connectors.channel import Channel
from connectors.courier import Courier, Outlet
from connectors.handover.gate import Gate
from connectors.inbox import Inbox
from connectors.outgoing import Outgoing
from connectors.platform_texts import PlatformTexts
from connectors.redis_store import RedisStore
from connectors.texts import Texts
from core.clock import Clock
from core.errors import ConfigError, NuanyeError
from core.hearing import Hearing
from core.settings import Settings

GROUP = "nuanye.channels"

BUILT_IN = {
    "wechat": "connectors.wechat.plugin:make",
    "wecom": "connectors.wecom.plugin:make",
    "kf": "connectors.wechat_kf.plugin:make",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What a channel is made from.

    ``key`` is this installation's secret for hashing users' ids; ``staff`` is there when people take
    conversations over.
    """

    settings: Settings
    redis: Redis
    http: aiohttp.ClientSession
    hearing: Hearing
    inbox: Inbox
    store: RedisStore
    texts: Texts
    platform_texts: PlatformTexts
    clock: Clock
    key: bytes
    staff: Gate | None = None

    def courier(self, outlet: Outlet) -> tuple[Courier, Outgoing]:
        """Return the courier of a channel whose users are reached by an API; its ``start`` runs it."""
        self.store.push(outlet.name)
        outgoing = Outgoing(self.redis, outlet.name)
        report = self.staff.delivered if self.staff else None
        return Courier(self.store, outgoing, outlet, report=report), outgoing


Make = Callable[[Context], Channel | None]


def channels_of(context: Context) -> Iterator[Channel]:
    """Make every channel that is set up. Raises ``ConfigError`` for one that cannot be made."""
    seen: set[str] = {"web"}
    for name, make in _makers():
        if name in seen:
            raise ConfigError(f"channel {name}: registered twice")
        seen.add(name)
        channel = make(context)
        if channel is not None:
            if channel.name != name:
                raise ConfigError(f"channel {name}: calls itself {channel.name}")
            yield channel


def _makers() -> Iterator[tuple[str, Make]]:
    for name, target in BUILT_IN.items():
        module, _, function = target.partition(":")
        yield name, getattr(import_module(module), function)
    for point in entry_points(group=GROUP):
        try:
            make = point.load()
        except NuanyeError:
            raise
        except Exception as error:  # foreign code: the operator reads which package failed
            raise ConfigError(f"channel {point.name}: cannot be loaded ({type(error).__name__})") from error
        yield point.name, make
