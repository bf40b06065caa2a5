"""The passive reply: an open request waits for its answer, for as long as the platform waits for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from connectors.inbox import Inbox
from connectors.outgoing import Outgoing, Progress
from connectors.rich import groups, is_final
from connectors.store import EventLog
from connectors.types import Event
from connectors.wechat.outlet import Filled, WechatOutlet, fill
from core.clock import Clock

DEADLINE_MS = 4_500
"""The platform gives up after 5 s; half a second is for the way back."""
FLOOR_MS = 6_000
_STALL_MS = 600
_STALLED_TURNS = 3
_TICK_S = 0.1


@dataclass(slots=True)
class Pulse:
    """Whether the dialogue core answers anybody at all. While it does not, no request is held open for long.

    One slow answer is worth waiting for. When ``_STALLED_TURNS`` requests wait and nothing was answered for
    ``_STALL_MS``, requests are acknowledged after that time, and their answers sent later, until one of
    them is answered in time again.
    """

    clock: Clock
    _waiting: dict[str, float] = field(default_factory=dict)
    _answered_ms: float = -1e12
    _stalled: bool = False

    def begin(self, key: str) -> None:
        """A request waits."""
        self._waiting[key] = self.clock.monotonic_ms()

    def end(self, key: str, *, answered: bool) -> None:
        """A request waits no longer."""
        self._waiting.pop(key, None)
        if answered:
            self._answered_ms = self.clock.monotonic_ms()
            self._stalled = False

    def in_vain(self, key: str) -> bool:
        """Whether the request ``key`` has waited long enough, as things stand."""
        now = self.clock.monotonic_ms()
        waits = [now - since >= _STALL_MS for since in self._waiting.values()]
        if now - self._answered_ms >= _STALL_MS and sum(waits) >= _STALLED_TURNS:
            self._stalled = True
        return self._stalled and now - self._waiting.get(key, now) >= _STALL_MS


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a request answers with. ``before`` and ``place`` are for taking it back.

    ``groups`` are those entries of the log that it holds wholly.
    """

    text: str
    before: Progress
    place: Progress
    groups: tuple[tuple[Event, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PassiveReply:
    """Waits for answers and claims them. Raises ``QueueError``."""

    inbox: Inbox
    log: EventLog
    outgoing: Outgoing
    outlet: WechatOutlet
    clock: Clock
    pulse: Pulse
    deadline_ms: int = DEADLINE_MS

    async def wait(
        self, request: web.Request, conversation_id: str, message_id: str, *, silent: bool = False
    ) -> Claimed | None:
        """Return the answer to ``message_id`` and mark it as delivered; ``None``: a courier will send it.

        What could not be sent before, because the platform wanted the citizen to write first, comes along.
        ``silent``: nothing is to be waited for, because a person will answer.
        """
        key = f"{conversation_id}/{message_id}"
        until = self.clock.monotonic_ms() + (0 if silent else self.deadline_ms)
        claimed: Claimed | None = None
        self.pulse.begin(key)
        try:
            async with self.inbox.reader(conversation_id) as ready:
                while claimed is None and not self.inbox.closed:
                    last = self.clock.monotonic_ms() >= until or self.pulse.in_vain(key)
                    if not is_connected(request):
                        break
                    claimed = await self._claim(conversation_id, message_id, last=last)
                    if last or claimed is not None:
                        break
                    await self._news(ready, until, key)
        finally:
            self.pulse.end(key, answered=claimed is not None)
        return claimed

    async def _news(self, ready: asyncio.Event, until: float, key: str) -> None:
        """Wait for the log to grow, for the end, or for a stall."""
        while not ready.is_set() and self.clock.monotonic_ms() < until and not self.pulse.in_vain(key):
            with suppress(TimeoutError):
                left_s = (until - self.clock.monotonic_ms()) / 1000
                await asyncio.wait_for(ready.wait(), max(0.0, min(_TICK_S, left_s)))
        ready.clear()

    async def _claim(self, conversation_id: str, message_id: str, *, last: bool) -> Claimed | None:
        before = await self.outgoing.progress(conversation_id)
        page = await self.log.since(conversation_id, before.after)
        found = groups(page.events)
        mine = [index for index, group in enumerate(found) if group[0].message_id == message_id]
        if not found or not (last or any(is_final(found[index][0]) for index in mine)):
            return None
        found = found[: mine[-1] + 1] if mine else found
        filled: Filled = fill(self.outlet, before, found)
        if not filled.text or not await self.outgoing.claim(
            conversation_id, message_id, before, filled.place, filled.text
        ):
            return None
        await self.outgoing.offer(conversation_id, filled.choices)
        ends = [group[-1].id for group in found]
        whole = ends.index(filled.place.after) + 1 if filled.place.after in ends else 0
        return Claimed(filled.text, before, filled.place, tuple(found[:whole]))


def is_connected(request: web.Request) -> bool:
    """Tell whether the platform still waits for the response."""
    return request.transport is not None and not request.transport.is_closing()
