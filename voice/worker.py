"""Takes call tasks from the stream and runs each as a session, on a limited number of lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from casework.interfaces import CallLedger
from casework.types import CallRecord
from core.clock import Clock
from core.errors import QueueError, StorageError
from core.faults import reach
from core.interfaces import Queue
from core.logs import get_log
from core.metrics import CALLS, TURN_GAP_SECONDS
from core.types import CallTask
from voice.accounting import GROUP, Accounting
from voice.notes import CallStory
from voice.outcome import record_of
from voice.session import CallSession

_LOG = get_log("voice.worker")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """``name`` is unique among workers. Times in ms."""

    name: str
    lines: int
    lease_ms: int = 60_000
    block_ms: int = 1_000
    drain_ms: int = 20_000  # for calls to end politely after a stop …
    abort_ms: int = 5_000  # … and for those that did not, to hang up
    backoff_first_ms: int = 500
    backoff_most_ms: int = 10_000
    on_stored: Callable[[CallRecord], None] | None = None


class Worker:
    """One process's share of the calls. ``run`` returns when stopped and every call is accounted for."""

    def __init__(
        self,
        queue: Queue[CallTask],
        ledger: CallLedger,
        accounting: Accounting,
        make_session: Callable[[CallTask], CallSession],
        clock: Clock,
        options: WorkerOptions,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._accounting = accounting
        self._make_session = make_session
        self._clock = clock
        self._options = options
        self._sessions: dict[str, CallSession] = {}
        self._calls: dict[str, asyncio.Task[None]] = {}  # by stream entry
        self._freed = asyncio.Event()

    @property
    def lines_free(self) -> int:
        """How many more calls could start now."""
        return self._options.lines - len(self._calls)

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""
        return not self._calls

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; then let calls end within the drain limit."""
        accounting_stop = asyncio.Event()
        accounting = asyncio.create_task(self._accounting.run(accounting_stop))
        try:
            await self._read_until(stop)
            await self._drain()
        finally:
            accounting_stop.set()
            await accounting

    async def _read_until(self, stop: asyncio.Event) -> None:
        backoff_ms = self._options.backoff_first_ms
        next_claim_ms = 0.0
        while not stop.is_set():
            if self.lines_free <= 0:
                await self._until_line_or(stop)
                continue
            try:
                if self._clock.monotonic_ms() >= next_claim_ms:
                    await self._claim()
                    next_claim_ms = self._clock.monotonic_ms() + self._options.lease_ms
                entries = await self._queue.read(
                    GROUP, self._options.name, count=self.lines_free, block_ms=self._options.block_ms
                )
            except QueueError as error:
                _LOG.warning("queue_unreachable", code=error.code, retry_ms=backoff_ms)
                await _wait(stop, backoff_ms)
                backoff_ms = min(backoff_ms * 2, self._options.backoff_most_ms)
                continue
            backoff_ms = self._options.backoff_first_ms
            for entry_id, task in entries:
                self._start(entry_id, task)

    async def _claim(self) -> None:
        """Take over what a dead worker had read. Whether it may be dialled, the ledger knows."""
        stale = await self._queue.claim_stale(
            GROUP, self._options.name, idle_ms=2 * self._options.lease_ms, count=self.lines_free
        )
        for entry_id, task in stale:
            if entry_id not in self._calls:
                self._start(entry_id, task)

    async def _until_line_or(self, stop: asyncio.Event) -> None:
        self._freed.clear()
        waits = [asyncio.create_task(self._freed.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def _start(self, entry_id: str, task: CallTask) -> None:
        running = asyncio.create_task(self._supervised(entry_id, task))
        self._calls[entry_id] = running

        def ended(_: Any) -> None:
            self._calls.pop(entry_id, None)
            self._freed.set()

        running.add_done_callback(ended)

    async def _supervised(self, entry_id: str, task: CallTask) -> None:
        try:
            await self._attempt(entry_id, task)
        except Exception as error:  # noqa: BLE001 - supervised here: one broken call must not take the others along
            _LOG.error("attempt_broke", call_id=task.task_id, error=type(error).__name__)
        finally:
            self._sessions.pop(task.task_id, None)

    async def _attempt(self, entry_id: str, task: CallTask) -> None:
        if self._clock.now() > task.not_after:
            _LOG.info("task_too_late", call_id=task.task_id)
            await self._accounting.acknowledge(entry_id)
            return
        reach("worker.read")
        try:
            ours = await self._ledger.begin_attempt(task, self._options.name, lease_ms=self._options.lease_ms)
        except StorageError as error:
            # Not acknowledged: it is claimed again, by whoever can reach the ledger then.
            _LOG.warning("ledger_unreachable", call_id=task.task_id, code=error.code)
            await self._clock.sleep_ms(self._options.backoff_first_ms)
            return
        if not ours:
            _LOG.info("task_refused", call_id=task.task_id)
            await self._accounting.acknowledge(entry_id)
            return
        reach("worker.claimed")
        await self._place(entry_id, task)

    async def _place(self, entry_id: str, task: CallTask) -> None:
        lease = asyncio.create_task(self._hold_lease(task))
        try:
            session = self._make_session(task)
            self._sessions[task.task_id] = session
            _LOG.info("call_started", call_id=task.task_id, attempt=task.attempt)
            story = await session.run()
            record, result = record_of(story)
            reach("worker.talked")
            await self._accounting.store(entry_id, record, result)
            if self._options.on_stored is not None:
                self._options.on_stored(record)
        finally:
            lease.cancel()
        _measure(story, record.disposition.value)

    async def _hold_lease(self, task: CallTask) -> None:
        while True:
            await self._clock.sleep_ms(self._options.lease_ms / 3)
            try:
                await self._ledger.extend_lease(
                    task.task_id, self._options.name, lease_ms=self._options.lease_ms
                )
            except StorageError as error:
                _LOG.warning("lease_not_extended", call_id=task.task_id, code=error.code)

    async def _drain(self) -> None:
        if not self._calls:
            return
        _LOG.info("draining", calls=len(self._calls))
        for session in tuple(self._sessions.values()):
            session.drain()
        await asyncio.wait(tuple(self._calls.values()), timeout=self._options.drain_ms / 1000)
        for session in tuple(self._sessions.values()):
            session.abort()
        if self._calls:
            await asyncio.wait(tuple(self._calls.values()), timeout=self._options.abort_ms / 1000)


def _measure(story: CallStory, disposition: str) -> None:
    CALLS.labels(disposition=disposition).inc()
    for gap in story.gaps:
        TURN_GAP_SECONDS.observe(gap.total_ms / 1000)
    gaps = sorted(gap.total_ms for gap in story.gaps)
    _LOG.info(
        "call_ended",
        call_id=story.task.task_id,
        disposition=disposition,
        ended_by=story.ended_by.value,
        fault=story.fault,
        turns=len(gaps),
        gap_p50_ms=gaps[len(gaps) // 2] if gaps else None,
        gap_max_ms=gaps[-1] if gaps else None,
        other_max_ms=max((gap.other_ms for gap in story.gaps), default=None),
    )


async def _wait(stop: asyncio.Event, duration_ms: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), duration_ms / 1000)
    except TimeoutError:
        return
