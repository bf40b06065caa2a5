"""Delivers what the conversations' logs hold to citizens who are reached by a platform's API.

For each conversation whose log has grown one process at a time (a lease in Redis) sends what follows the
place that was delivered, piece by piece, and notes each piece once the platform has taken it. A process
that dies leaves its lease to lapse and the next goes on; only a piece that the platform took in the very
moment of dying is sent again. What cannot be sent now is kept: for a while when the platform is away,
until the citizen writes when the platform wants that first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from connectors.outgoing import Outgoing, Progress
from connectors.rich import groups
from connectors.store import EventLog
from connectors.tencent.errors import (
    NotPermitted,
    PlatformError,
    PlatformUnavailable,
    TokenRejected,
    WindowClosed,
)
from connectors.types import Event
from core.errors import NuanyeError, QueueError
from core.ids import new_id
from core.logs import get_log
from core.metrics import TURN_FAILURES
from core.tasks import end_tasks

_log = get_log("courier")

_LEASE_MS = 60_000
_SWEEP_S = 1.0
_LONGEST_PAUSE_S = 60
_CONCURRENT = 32
_STOP_S = 3.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the platform takes it; ``choices`` are what the numbers in it stand for."""

    payload: Mapping[str, Any]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """To whom, and a key that is the same when the same message is sent again (32 characters of hex)."""

    conversation_id: str
    address: str
    key: str


Report = Callable[[Sequence[Event], str], Awaitable[None]]
"""Hears what became of each group: ``sent``, or the code of an error. Raises ``QueueError``."""


class Outlet(Protocol):
    """What a channel adds to the courier."""

    @property
    def name(self) -> str:
        """The channel's name: its conversations' ids begin with it and an underscore."""
        ...

    def render(self, group: Sequence[Event]) -> Sequence[Message]:
        """Write one answer or notice as messages, each within the platform's limits. Deterministic."""
        ...

    async def deliver(self, envelope: Envelope, message: Message) -> None:
        """Hand one message to the platform. Raises ``PlatformError``s and ``QueueError``."""
        ...


@dataclass(slots=True)
class Courier:
    """One channel's deliveries in this process."""

    log: EventLog
    outgoing: Outgoing
    outlet: Outlet
    lease_ms: int = _LEASE_MS
    report: Report | None = None
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _service: list[asyncio.Task[None]] = field(default_factory=list)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT))
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    async def start(self) -> None:
        """Begin to deliver, first what earlier processes left."""
        self._service = [asyncio.create_task(self._run()), asyncio.create_task(self._listen())]

    async def stop(self) -> None:
        """Stop after the messages that are just being handed over; what was not delivered stays due."""
        self._stopping = True
        await end_tasks(self._service)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=_STOP_S)
        await end_tasks(self._tasks.values())

    async def _run(self) -> None:
        while True:
            try:
                for conversation_id in await self.outgoing.due():
                    self._begin(conversation_id)
            except QueueError as error:
                _log.error("courier_waits", code=error.code, reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _SWEEP_S)
            self._news.clear()

    async def _listen(self) -> None:
        prefix = f"{self.outlet.name}_"
        while True:
            try:
                async for conversation_id in self.log.wakeups():
                    if not conversation_id or conversation_id.startswith(prefix):
                        self._news.set()
            except QueueError as error:
                _log.error("courier_deaf", code=error.code, reason=str(error))
            await asyncio.sleep(_SWEEP_S)

    def _begin(self, conversation_id: str) -> None:
        if conversation_id not in self._tasks:
            task = asyncio.create_task(self._work(conversation_id))
            self._tasks[conversation_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(conversation_id, None))

    async def _work(self, conversation_id: str) -> None:
        owner = new_id("own")
        try:
            async with self._slots:
                progress = await self.outgoing.begin(conversation_id, owner, self.lease_ms)
                if progress is not None:
                    await self._deliver(conversation_id, owner, progress)
        except asyncio.CancelledError:
            # The next process need not wait for the lease to lapse.
            with suppress(QueueError):
                await self.outgoing.postpone(conversation_id, owner, 0)
            raise
        except NuanyeError as error:
            _log.error("delivery_failed", code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001 - supervised: the lease lapses and the sweep begins again
            _log.error("delivery_failed", code="error", reason=type(error).__name__)

    async def _deliver(self, conversation_id: str, owner: str, progress: Progress) -> None:
        while True:
            page = await self.log.since(conversation_id, progress.after)
            for group in groups(page.events):
                later = await self._send(conversation_id, owner, progress, group, page.cursor)
                if later is None:
                    return
                progress = later
            if not page.events:
                await self.outgoing.finish(conversation_id, owner, progress.after)
                return
            # Behind the last group only the citizen's own words are left.
            progress = Progress(after=page.cursor)
            if not await self.outgoing.advance(conversation_id, owner, progress, self.lease_ms):
                return

    async def _send(
        self, conversation_id: str, owner: str, progress: Progress, group: tuple[Event, ...], seen: str
    ) -> Progress | None:
        """Send the rest of one group and return where that leaves us; ``None``: no further now.

        ``seen`` is the end of the log as it was read.
        """
        messages = self.outlet.render(group)
        done, refused = Progress(after=group[-1].id), False
        for part in range(progress.part, len(messages)):
            here = replace(progress, part=part)
            if self._stopping:
                await self.outgoing.postpone(conversation_id, owner, 0)
                return None
            try:
                if not await self._send_one(conversation_id, here, group, messages[part]):
                    await self._park(conversation_id, owner, seen, "no_window", here.after)
                    return None
            except (PlatformUnavailable, TokenRejected) as error:
                await self._postpone(conversation_id, owner, here, error, group)
                return None
            except (WindowClosed, NotPermitted) as error:
                _log.warning("delivery_parked", code=error.code, reason=str(error), hint=error.hint)
                await self._park(conversation_id, owner, seen, error.code, here.after)
                return None
            except PlatformError as error:
                # Refused for good: what follows may still be taken.
                refused = True
                TURN_FAILURES.labels(error.code).inc()
                _log.error("message_refused", code=error.code, reason=str(error))
                await self._told(group, error.code)
            after = done if part + 1 == len(messages) else replace(here, part=part + 1, tries=0)
            if not await self.outgoing.advance(conversation_id, owner, after, self.lease_ms):
                _log.warning("courier_lease_lost", conversation=conversation_id)
                return None
            progress = after
        if not refused:
            await self._told(group, "sent")
        return done

    async def _told(self, group: tuple[Event, ...], code: str) -> None:
        if self.report is not None:
            await self.report(group, code)

    async def _send_one(
        self, conversation_id: str, here: Progress, group: tuple[Event, ...], message: Message
    ) -> bool:
        allowed = await self.outgoing.take(conversation_id)
        if allowed is None:
            return False
        key = f"{conversation_id[-16:]}{group[-1].id.replace('-', '')[-14:]:0>14}{here.part:02}"
        try:
            await self.outlet.deliver(Envelope(conversation_id, allowed.address, key), message)
        except (PlatformUnavailable, TokenRejected, NotPermitted):
            with suppress(QueueError):
                await self.outgoing.give_back(conversation_id, allowed)
            raise
        await self.outgoing.offer(conversation_id, message.choices)
        return True

    async def _postpone(
        self, conversation_id: str, owner: str, here: Progress, error: PlatformError, group: tuple[Event, ...]
    ) -> None:
        TURN_FAILURES.labels(error.code).inc()
        _log.warning("delivery_postponed", code=error.code, reason=str(error), tries=here.tries)
        again = replace(here, tries=here.tries + 1)
        await self.outgoing.advance(conversation_id, owner, again, self.lease_ms)
        await self.outgoing.postpone(conversation_id, owner, min(2**here.tries, _LONGEST_PAUSE_S))
        await self._told(group, error.code)

    async def _park(self, conversation_id: str, owner: str, seen: str, why: str, after: str) -> None:
        TURN_FAILURES.labels(f"delivery.{why}").inc()
        _log.info("delivery_waits_for_user", conversation=conversation_id, reason=why)
        await self.outgoing.finish(conversation_id, owner, seen)
        if self.report is not None:
            for group in groups((await self.log.since(conversation_id, after)).events):
                await self._told(group, why)
