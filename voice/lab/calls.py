"""`nuanye eval calls`: places calls to residents, many at once, and measures each on its recordings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from redis.asyncio import Redis

from casework.store import Store, open_store
from casework.types import CallRecord, CampaignState, Contact
from casework.vault import Vault
from core.clock import SystemClock
from core.errors import NuanyeError, QueueError, StorageError
from core.ids import new_id
from core.interfaces import Dialogue
from core.logs import get_log
from core.secret import load_secret
from core.settings import Settings
from core.streams import CALLS_STREAM, RedisStreamQueue
from core.tasks import end_tasks
from core.types import CallTask
from voice.accounting import Accounting
from voice.assembly import phone_door
from voice.engines import vad
from voice.engines.told import ToldRecognizer
from voice.lab.callees import Callee, Callees
from voice.lab.leaks import Ground
from voice.lab.reading import called
from voice.lab.report import Called, Leaks
from voice.lab.street import Conditions
from voice.lab.witness import Witness
from voice.resident.persona import Persona
from voice.session import CallSession, Equipment
from voice.spool import Spool
from voice.worker import Worker, WorkerOptions

_LOG = get_log("voice.lab")

TEXT = "text"
_VISIT_ENDS_S = 30.0
# No two calls begin in the same instant, as on no trunk.
_SPACING_S = 0.25

Progress = Callable[[Called, int, int], None]


class LabError(NuanyeError):
    """Raised when the lab itself did not work, whatever the calls were like."""

    code = "lab.failed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to call and how. ``hears`` are the varieties that the engine understands; the others are
    called at text level, all of them when ``engine`` is ``text``. ``folder`` receives the recordings."""

    personas: Sequence[Persona]
    folder: Path
    conditions: Conditions = Conditions()
    engine: str = TEXT
    hears: tuple[str, ...] = ("mandarin", "mixed")
    repeat: int = 1
    parallel: int = 8
    seed: int = 7

    def level(self, persona: Persona) -> str:
        """How the bot hears this resident."""
        return "audio" if self.engine != TEXT and persona.variety in self.hears else TEXT


async def run_calls(
    plan: Plan, settings: Settings, progress: Progress, *, dialogue: Dialogue | None = None
) -> tuple[list[Called], Leaks]:
    """Place all calls; Redis and the dialogue core of ``settings`` (or ``dialogue``) must be running.

    Raises:
        BadInput, ModelError: nothing can be called with this plan.
        LabError: a call was lost on the way.
    """
    before = Ground.now()
    calls, attempts = await _place_all(plan, settings, progress, dialogue)
    await asyncio.sleep(0)  # let what was closed go
    left = before.since()
    return calls, Leaks(left.tasks, left.sockets, attempts)


async def _place_all(
    plan: Plan, settings: Settings, progress: Progress, dialogue: Dialogue | None
) -> tuple[list[Called], int]:
    from voice.transport.uas import AnsweringTransport

    told = ToldRecognizer(Callee(plan.personas[0], 0, plan.folder).words) if plan.engine == TEXT else None
    numbered = [person for _ in range(plan.repeat) for person in plan.personas]
    callees = [
        Callee(person, number, plan.folder / f"{number:03d}-{person.user}.handset.wav")
        for number, person in enumerate(numbered, 1)
    ]
    street = Callees(callees, settings, plan.conditions, seed=plan.seed)
    await street.prepare()
    await asyncio.to_thread(vad.prepare, 2 * plan.parallel)  # both ends listen
    async with (
        Redis.from_url(settings.redis) as redis,
        await open_store(settings) as store,
        phone_door(settings, recognizer=told) as (equipment, speaker),
        AnsweringTransport(street.on_call) as far,
    ):
        await speaker.prefetch_fixed()
        contacts = [_contact(callee, f"{far.host}:{far.port}") for callee in callees]
        desk = _Desk(plan, store, RedisStreamQueue(redis, CALLS_STREAM, CallTask), street)
        equipment = replace(
            equipment, recordings_dir=plan.folder / "bot", dialogue=dialogue or equipment.dialogue
        )
        calls = await desk.work(equipment, settings, contacts, progress)
        return calls, await store.count_busy()


def _contact(callee: Callee, where: str) -> Contact:
    facts = dict(callee.persona.facts)
    return Contact(callee.persona.name, f"sip:{callee.user}@{where}", str(facts.get("district", "")), facts)


class _Desk:
    """Hands the calls out to a worker and collects what became of them."""

    def __init__(self, plan: Plan, store: Store, queue: RedisStreamQueue[CallTask], street: Callees) -> None:
        self._plan = plan
        self._store = store
        self._queue = queue
        self._street = street
        self._records: asyncio.Queue[CallRecord] = asyncio.Queue()

    async def work(
        self, equipment: Equipment, settings: Settings, contacts: Sequence[Contact], progress: Progress
    ) -> list[Called]:
        """Call everybody in ``contacts``."""
        witness = Witness(self._store, self._records.put_nowait)
        spool = Spool(settings.data_dir / "spool", Vault(load_secret(settings)))
        worker = Worker(
            self._queue,
            witness,
            Accounting(witness, self._queue, spool),
            lambda task: self._session(equipment, task),
            SystemClock(),
            WorkerOptions(new_id("lab"), self._plan.parallel, block_ms=200),
        )
        campaign = await self._store.start_campaign("lab", contacts, ignore_window=True)
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        feeding = asyncio.create_task(self._feed(len(contacts)))
        try:
            return [
                await self._collect(feeding, done, len(contacts), progress)
                for done in range(1, len(contacts) + 1)
            ]
        finally:
            await end_tasks([feeding])
            stop.set()
            await running
            # What the campaign would try again is not called: nobody is at home any more.
            await self._store.set_campaign_state(campaign.campaign_id, CampaignState.STOPPED)

    def _callee(self, address: str) -> Callee:
        return self._street.by_user[address.removeprefix("sip:").split("@")[0]]

    def _session(self, equipment: Equipment, task: CallTask) -> CallSession:
        callee = self._callee(task.callee.address)
        if self._plan.level(callee.persona) == TEXT:
            equipment = replace(equipment, recognizer=ToldRecognizer(callee.words))
        return CallSession(equipment, task, on_utterance=callee.on_utterance)

    async def _feed(self, calls: int) -> None:
        """Keep every line busy until all calls were handed out."""
        handed = 0
        while handed < calls:
            try:
                free = self._plan.parallel - await self._store.count_busy()
                for task in await self._store.hand_out(0, min(free, 1)):
                    await self._queue.publish(task)
                    handed += 1
            except (StorageError, QueueError) as error:  # a busy machine: the next round tries again
                _LOG.warning("hand_out_failed", code=error.code)
            await asyncio.sleep(_SPACING_S)

    async def _collect(self, feeding: asyncio.Task[None], done: int, of: int, progress: Progress) -> Called:
        waiting = asyncio.create_task(self._records.get())
        await asyncio.wait({waiting, feeding}, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done() and feeding.exception() is not None:
            waiting.cancel()
            error = feeding.exception()
            raise LabError(f"the calls could not be handed out ({type(error).__name__})") from error
        record = await waiting
        callee = self._callee(record.callee_address)
        try:
            await asyncio.wait_for(callee.done.wait(), _VISIT_ENDS_S)
        except TimeoutError as error:
            raise LabError(f"{callee.user}: the resident's end of the call did not close") from error
        found = await asyncio.to_thread(
            called, callee, record, self._plan.folder, self._plan.level(callee.persona)
        )
        progress(found, done, of)
        return found
