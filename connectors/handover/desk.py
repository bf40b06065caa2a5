"""Keeps the doors in step with the database: says what staff wrote, tells residents what changed.

One process at a time (a lease in Redis) goes over the handovers that matter whenever something is new, and
every two seconds. Every step may be repeated: what a resident reads is logged once under a key, states change
by compare-and-set, lines are copied once. A process that dies in the middle is followed by the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from prometheus_client import Gauge
from redis.asyncio import Redis

from casework.handover.rules import overdue
from casework.handover.types import (
    SILENT,
    Contact,
    Delivery,
    Handover,
    HandoverEnd,
    HandoverLine,
    HandoverState,
    PendingLine,
)
from connectors.handover.facts import Facts, HandoverLedger, ring
from connectors.handover.gate import PLATFORM_STAFF, Gate
from connectors.handover.mark import Mark, Phase
from connectors.handover.message import FIRST
from connectors.redis_store import RedisStore
from connectors.types import STAFF, Event, EventType
from core.clock import Clock
from core.errors import NuanyeError
from core.ids import new_id
from core.logs import get_log
from core.metrics import REGISTRY
from core.streams import HANDOVER_STREAM, newest_entry, read_from, redis_errors
from core.tasks import end_tasks
from core.types import Turn

_log = get_log("handover")

_LEASE = "nuanye:handover:desk"
_LEASE_MS = 15_000
_SWEEP_S = 2.0
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

WAITING = Gauge("nuanye_handovers_waiting", "Residents who wait for staff in a chat.", registry=REGISTRY)
LONGEST = Gauge(
    "nuanye_handover_wait_seconds", "How long the one has waited who waits longest.", registry=REGISTRY
)

Notify = Callable[[Handover], Awaitable[None]]
"""Tells staff elsewhere that somebody waits; must neither raise nor take long."""


class Desk:
    """See the module. ``sweep_s`` is how long a lost piece of news can go unnoticed."""

    def __init__(
        self, redis: Redis, ledger: HandoverLedger, gate: Gate, store: RedisStore, *, notify: Notify | None
    ) -> None:
        self._redis = redis
        self._ledger = ledger
        self._gate = gate
        self._store = store
        self._clock: Clock = gate.clock
        self._notify = notify
        self._owner = new_id("own")
        self._hold = redis.register_script(_HOLD)
        self._release = redis.register_script(_RELEASE)
        self._open: frozenset[str] = frozenset()
        self._news = asyncio.Event()
        self._service: list[asyncio.Task[None]] = []

    async def start(self, facts: Facts) -> None:
        """Begin, first with what earlier processes left."""

        async def pause() -> None:
            await self._clock.sleep_ms(1_000)

        self._service = [
            asyncio.create_task(service)
            for service in (self._run(), self._follow_log(), self._follow_news(), facts.run(pause))
        ]

    async def stop(self) -> None:
        """Stop; the next process goes on at once."""
        await end_tasks(self._service)
        with suppress(NuanyeError), redis_errors():
            await self._release(keys=[_LEASE], args=[self._owner])

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                with redis_errors():
                    held = await self._hold(keys=[_LEASE], args=[self._owner, _LEASE_MS])
                if held:
                    await self.go_over()
                else:
                    self._count(())  # another process counts
            except NuanyeError as error:
                _log.error("handover_waits", code=error.code, reason=str(error))
            except Exception as error:  # noqa: BLE001 - supervised: without it nobody would hear of staff
                _log.error("handover_waits", code="error", reason=type(error).__name__)
                await asyncio.sleep(_SWEEP_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _SWEEP_S)

    async def _follow_log(self) -> None:
        while True:
            with suppress(NuanyeError):
                async for conversation_id in self._store.wakeups():
                    if not conversation_id or conversation_id in self._open:
                        self._news.set()
            await asyncio.sleep(_SWEEP_S)

    async def _follow_news(self) -> None:
        while True:
            with suppress(NuanyeError):
                after = await newest_entry(self._redis, HANDOVER_STREAM)
                async for _ in read_from(self._redis, HANDOVER_STREAM, after):
                    self._news.set()
            await asyncio.sleep(_SWEEP_S)

    async def go_over(self) -> None:
        """Do everything that is to be done now. Raises ``QueueError`` and ``StorageError``."""
        # Lines first: then the claim that each of them rests on is among what is read after them.
        pending = await self._ledger.pending_lines()
        found = await self._ledger.handovers_for_doors()
        self._open = frozenset(each.conversation_id for each in found)
        self._count(found)
        lost = await self._gate.marks.are_lost()
        for handover in found:
            if lost and handover.state in SILENT:
                await self._mark_again(handover)
            lines = [line for line in pending if line.handover_id == handover.handover_id]
            # Who comes is announced before their first line, who goes after their last one.
            comes = handover.state is HandoverState.ACTIVE
            for step in (self._heed, self._say_all) if comes else (self._say_all, self._heed):
                await step(handover, lines)
            await self._copy(handover)
            await self._move_on(handover)
            if self._notify is not None:
                await self._notify(handover)
        if lost:
            await self._gate.marks.are_complete()

    def _count(self, found: Sequence[Handover]) -> None:
        now = self._clock.now()
        waits = [now - each.since for each in found if each.state is HandoverState.WAITING]
        WAITING.set(len(waits))
        LONGEST.set(max(waits, default=timedelta()).total_seconds())

    async def _mark_again(self, handover: Handover) -> None:
        mark = Mark(handover.handover_id, handover.message_id, Phase.QUEUE)
        if handover.state is HandoverState.TAKING:
            mark = replace(mark, phase=Phase.TAKING, question=FIRST)
        elif handover.state is HandoverState.ACTIVE:
            phase = Phase.PLATFORM if handover.staff.startswith(PLATFORM_STAFF) else Phase.QUEUE
            mark = replace(mark, phase=phase, claimed=True)
        await self._gate.marks.put(handover.conversation_id, mark)

    async def _heed(self, handover: Handover, _lines: Sequence[PendingLine]) -> None:
        """Act on a change of state: mark the conversation, and tell the resident."""
        if handover.heeded >= handover.version:
            return
        conversation_id, marks = handover.conversation_id, self._gate.marks
        mark = await marks.get(conversation_id)
        mine = mark is not None and mark.handover_id == handover.handover_id
        phase = mark.phase if mark is not None and mine else Phase.OVER
        code = ""
        if handover.state is HandoverState.ACTIVE:
            if not handover.staff.startswith(PLATFORM_STAFF):
                code = "staff_here"
            await self._mark_again(handover)
        elif handover.state is HandoverState.WAITING:
            code = "back_in_queue"
            await self._mark_again(handover)
        elif handover.state is HandoverState.TAKING:
            if phase is not Phase.TAKING:
                code = "nobody_came"
                await self._mark_again(handover)
        elif phase is not Phase.OVER:
            code = self._ending(handover, phase)
            await self._let_go(handover)
        if code:
            await self._tell(handover, code)
        await self._ledger.heed(handover.handover_id, handover.version)
        await ring(self._redis, handover.handover_id)

    def _ending(self, handover: Handover, phase: Phase) -> str:
        if handover.state is HandoverState.TASK:
            return "kept" if phase is Phase.TAKING else "staff_later"
        ours = handover.end in {HandoverEnd.RETURNED, HandoverEnd.SETTLED}
        return "staff_done" if ours and phase is Phase.QUEUE else ""

    async def _let_go(self, handover: Handover) -> None:
        if handover.note:
            mark = Mark(handover.handover_id, handover.message_id, Phase.OVER, note=handover.note)
            await self._gate.marks.put(handover.conversation_id, mark)
        else:
            await self._gate.marks.drop(handover.conversation_id)

    async def _tell(self, handover: Handover, code: str) -> None:
        turn = Turn(handover.conversation_id, handover.channel, "", new_id("push"), self._clock.now())
        codes = (code, FIRST) if code == "nobody_came" else (code,)
        events = [self._gate.notice(turn, each) for each in codes]
        key = f"{handover.handover_id}:{handover.version}"
        await self._store.append_once(handover.conversation_id, key, events)

    async def _copy(self, handover: Handover) -> None:
        """Copy what the log has grown by into the database, where it stays."""
        cursor, copied = handover.log_cursor, False
        while True:
            page = await self._store.since(handover.conversation_id, cursor)
            if not page.events:
                break
            cursor, copied = page.cursor, True
            lines = [line for line in map(_line, page.events) if line.text]
            await self._ledger.copy_lines(handover.handover_id, lines, cursor)
        if copied:
            await ring(self._redis, handover.handover_id)

    async def _move_on(self, handover: Handover) -> None:
        state = overdue(handover, self._clock.now(), self._gate.patience)
        if state is None or handover.staff.startswith(PLATFORM_STAFF):
            return
        _log.info("handover_overdue", handover=handover.handover_id, state=handover.state, next=state)
        if state is HandoverState.WAITING:
            moved = await self._ledger.put_back(handover.handover_id)
        elif state is HandoverState.TAKING:
            moved = await self._ledger.take_message(handover.handover_id)
        else:
            mark = await self._gate.marks.get(handover.conversation_id)
            contact = mark.contact if mark and mark.handover_id == handover.handover_id else Contact()
            moved = await self._ledger.leave_task(handover.handover_id, contact)
        if moved:
            self._news.set()

    async def _say_all(self, _handover: Handover, lines: Sequence[PendingLine]) -> None:
        for line in lines:
            await self._say(line)

    async def _say(self, pending: PendingLine) -> None:
        line = pending.line
        event = Event(EventType.REPLY, line.at, line.line_id, line.text, code=STAFF)
        await self._store.append_once(pending.conversation_id, line.line_id, [event])
        pushed = self._store.is_pushed(pending.conversation_id)
        await self._ledger.note_delivery(line.line_id, Delivery.QUEUED if pushed else Delivery.SENT)
        await ring(self._redis, pending.handover_id)


def _line(event: Event) -> HandoverLine:
    if event.type is EventType.MESSAGE:
        return HandoverLine(event.id, event.at, "resident", event.text, by=event.code)
    if event.type is EventType.NOTICE:
        return HandoverLine(event.id, event.at, "notice", event.text)
    if event.code == STAFF:
        return HandoverLine(event.message_id, event.at, "staff", event.text)
    return HandoverLine(event.id, event.at, "bot", event.text)
