"""The inbox that every chat door shares: take a turn once, answer each conversation in order, lose nothing.

A turn is *accepted* into the store (which drops repeats and says no to floods) before the citizen's
message is acknowledged. A *drain* per conversation then asks the dialogue core and *commits* the
answer to the conversation's log, holding a lease so that one process does it at a time. A process
that dies leaves the turn in the store and its lease to lapse; the next sweep of any process goes on.
The dialogue core answers a repeated message id with its first answer, so going on never doubles.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from connectors.patience import Patience
from connectors.prepare import NotReady, Prepare, StaffGate, Unusable
from connectors.store import Store
from connectors.texts import Texts
from connectors.types import Event, EventType, LogPage, Verdict, reply_events
from core.clock import Clock, SystemClock
from core.errors import BadInput, DialogueError, DialogueUnavailable, NuanyeError, QueueError
from core.ids import new_id
from core.interfaces import Dialogue
from core.logs import get_log
from core.metrics import TURN_FAILURES, TURN_SECONDS
from core.tasks import end_tasks
from core.types import Answer, Turn, TurnEvent

_log = get_log("inbox")

OnAnswer = Callable[[Turn, Answer], Awaitable[None]]


@dataclass(slots=True)
class _Case:
    """A turn that is being answered: as it is put to the core, and what its sender was told meanwhile."""

    turn: Turn
    ready: Turn | None = None
    told: set[str] = field(default_factory=set)


class Inbox:
    """See the module. ``on_answer`` runs before an answer is committed and may run twice for one turn."""

    def __init__(
        self,
        store: Store,
        dialogue: Dialogue,
        texts: Texts,
        *,
        on_answer: OnAnswer,
        patience: Patience | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._dialogue = dialogue
        self._texts = texts
        self._on_answer = on_answer
        self._patience = patience or Patience()
        self._clock = clock or SystemClock()
        self._slots = asyncio.Semaphore(self._patience.concurrent)
        self._drains: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._readers: dict[str, set[asyncio.Event]] = {}
        self._services: list[asyncio.Task[None]] = []
        self._closed = False
        self._prepare: dict[str, Prepare] = {}
        self._staff: StaffGate | None = None

    def hand_over_by(self, staff: StaffGate) -> None:
        """From now on staff may take conversations over."""
        self._staff = staff

    def prepare_with(self, channel: str, prepare: Prepare) -> None:
        """Have every turn of ``channel`` prepared, while its sender is not kept waiting."""
        self._prepare[channel] = prepare

    async def start(self) -> None:
        """Begin to listen for news and to sweep up what earlier processes left."""
        self._closed = False
        self._services = [
            asyncio.create_task(self._supervise(self._listen)),
            asyncio.create_task(self._supervise(self._sweep)),
        ]

    async def stop(self) -> None:
        """Stop answering; unanswered turns stay in the store. Readers are woken."""
        self._closed = True
        await end_tasks([*self._services, *self._drains.values()])
        for ready in [event for events in self._readers.values() for event in events]:
            ready.set()

    async def accept(self, turn: Turn, user_id: str) -> Verdict:
        """Take a turn. Raises ``QueueError`` when it could not be stored: the sender must repeat it."""
        echo = None
        if turn.event is TurnEvent.UTTERANCE:
            echo = Event(EventType.MESSAGE, turn.at, turn.message_id, turn.text)
        verdict = await self._store.accept(turn, user_id, echo)
        if verdict is Verdict.ACCEPTED:
            self._kick(turn.conversation_id)
        elif verdict is not Verdict.REPEAT:
            TURN_FAILURES.labels(f"inbox.{verdict}").inc()
            _log.warning("turn_refused", verdict=verdict, channel=turn.channel)
        return verdict

    async def since(self, conversation_id: str, cursor: str, *, wait_ms: int = 0) -> LogPage:
        """Return the log after ``cursor``, waiting up to ``wait_ms`` for the first entry."""
        async with self.reader(conversation_id) as ready:
            page = await self._store.since(conversation_id, cursor)
            deadline = self._clock.monotonic_ms() + wait_ms
            while not page.events and not self._closed:
                left = deadline - self._clock.monotonic_ms()
                if left <= 0:
                    break
                with suppress(TimeoutError):
                    await asyncio.wait_for(ready.wait(), left / 1000)
                ready.clear()
                page = await self._store.since(conversation_id, cursor)
            return page

    @asynccontextmanager
    async def reader(self, conversation_id: str) -> AsyncIterator[asyncio.Event]:
        """Hand out an event that is set whenever the conversation's log may have grown."""
        ready = asyncio.Event()
        readers = self._readers.setdefault(conversation_id, set())
        readers.add(ready)
        try:
            yield ready
        finally:
            readers.discard(ready)
            if not readers and self._readers.get(conversation_id) is readers:
                del self._readers[conversation_id]

    @property
    def closed(self) -> bool:
        """Whether ``stop`` was called."""
        return self._closed

    def _kick(self, conversation_id: str) -> None:
        if self._closed:
            return
        if conversation_id in self._drains:
            self._again.add(conversation_id)
            return
        task = asyncio.create_task(self._drain(conversation_id))
        self._drains[conversation_id] = task
        task.add_done_callback(lambda _: self._drained(conversation_id))

    def _drained(self, conversation_id: str) -> None:
        del self._drains[conversation_id]
        if conversation_id in self._again:
            self._again.discard(conversation_id)
            self._kick(conversation_id)

    async def _drain(self, conversation_id: str) -> None:
        owner = new_id("own")
        try:
            async with self._slots:
                while turn := await self._store.claim(conversation_id, owner, self._patience.lease_ms):
                    async with self._lease_kept(conversation_id, owner):
                        events = await self._answer(turn)
                    if not await self._store.commit(turn, owner, events):
                        _log.warning("lease_lost", conversation=conversation_id)
                        return
        except NuanyeError as error:
            # The turn is still in the store: the sweep tries again.
            _log.error("drain_failed", code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001 - supervised: the sweep starts the drain again
            _log.error("drain_failed", code="error", reason=type(error).__name__)
        finally:
            with suppress(QueueError):
                await self._store.release(conversation_id, owner)

    @asynccontextmanager
    async def _lease_kept(self, conversation_id: str, owner: str) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(self._patience.lease_ms / 3000)
                with suppress(QueueError):
                    await self._store.claim(conversation_id, owner, self._patience.lease_ms)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            await end_tasks([task])

    async def _answer(self, turn: Turn) -> tuple[Event, ...]:
        """Ask until there is an answer, or a sentence to say instead of one."""
        begun = self._clock.monotonic_ms()
        pause: float = self._patience.retry_ms
        failures = 0
        case = _Case(turn)
        while True:
            try:
                answer = await self._ask(case)
                if isinstance(answer, tuple):
                    return answer
                await self._on_answer(turn, answer)
                shown, further = await self._staff.heed(turn, answer) if self._staff else (answer, ())
            except Unusable as error:
                TURN_FAILURES.labels(error.code).inc()
                return (self._notice(turn, error.notice, error.text),)
            except (DialogueUnavailable, NotReady, QueueError) as error:
                TURN_FAILURES.labels(error.code).inc()
                if self._clock.monotonic_ms() - begun >= self._patience.give_up_ms:
                    return (self._notice(turn, "gave_up"),)
                await self._tell_once(case, "unavailable")
            except (BadInput, DialogueError) as error:
                failures += 1
                TURN_FAILURES.labels(error.code).inc()
                _log.warning("turn_failed", code=error.code, reason=str(error), attempt=failures)
                if isinstance(error, BadInput) or failures >= self._patience.attempts:
                    return (self._notice(turn, "failed"),)
            else:
                return (*reply_events(turn, shown, self._clock.now()), *further)
            await self._clock.sleep_ms(pause)
            pause = min(pause * 2, self._patience.retry_max_ms)

    async def _ask(self, case: _Case) -> Answer | tuple[Event, ...]:
        """Return the core's answer; or what is said instead, when a person is to answer."""
        turn = case.turn

        async def respond() -> Answer | tuple[Event, ...]:
            prepare = self._prepare.get(turn.channel)
            if case.ready is None:
                case.ready = await prepare(turn) if prepare else turn
            held = await self._staff.hold(turn, case.ready) if self._staff else case.ready
            return await self._dialogue.respond(held) if isinstance(held, Turn) else held

        started = time.perf_counter()
        asking = asyncio.ensure_future(respond())
        timer = asyncio.ensure_future(self._clock.sleep_ms(self._patience.deadline_ms))
        try:
            await asyncio.wait({asking, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                await self._tell_once(case, "slow")
            answer = await asking
        finally:
            timer.cancel()
            asking.cancel()
        TURN_SECONDS.labels(turn.channel).observe(time.perf_counter() - started)
        return answer

    async def _tell_once(self, case: _Case, code: str) -> None:
        """Say ``code`` unless this turn's sender was already told something; one apology is enough."""
        if not case.told:
            case.told.add(code)
            with suppress(QueueError):
                await self._store.append(case.turn.conversation_id, [self._notice(case.turn, code)])

    def _notice(self, turn: Turn, code: str, text: str = "") -> Event:
        text = text or self._texts.notice(code)
        return Event(EventType.NOTICE, self._clock.now(), turn.message_id, text, code=code)

    async def _listen(self) -> None:
        async for conversation_id in self._store.wakeups():
            if conversation_id:
                ready = self._readers.get(conversation_id, set())
            else:
                ready = {event for events in self._readers.values() for event in events}
            for event in ready:
                event.set()

    async def _sweep(self) -> None:
        while True:
            for conversation_id in await self._store.waiting():
                if conversation_id not in self._drains:
                    self._kick(conversation_id)
            await asyncio.sleep(self._patience.sweep_ms / 1000)

    async def _supervise(self, service: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await service()
            except QueueError as error:
                _log.error("inbox_service_failed", code=error.code, reason=str(error))
            except Exception as error:  # noqa: BLE001 - supervised: without it nobody would be answered
                _log.error("inbox_service_failed", code="error", reason=type(error).__name__)
            await asyncio.sleep(1)
