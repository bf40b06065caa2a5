"""What every chat door implements; ``connectors.app`` joins doors and inbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from aiohttp import web

from connectors.types import Verdict
from core.types import Reply, Turn

OnTurn = Callable[[Turn, str], Awaitable[Verdict]]
"""Takes a turn and the user it counts against; returns once the turn is safely stored."""


class Channel(Protocol):
    """One way in. ``name`` is the ``Turn.channel`` of everything that comes through it."""

    name: str

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        """Return the HTTP routes the door answers, each handing its turns to ``on_turn``."""
        ...

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        """Say something without having been asked. Raises ``QueueError``."""
        ...


@runtime_checkable
class Service(Protocol):
    """What a channel also implements when it works in the background (a courier, a poller)."""

    async def start(self) -> None:
        """Begin; called once, before the first request."""
        ...

    async def stop(self) -> None:
        """End; what is unfinished must be found again by the next process."""
        ...
