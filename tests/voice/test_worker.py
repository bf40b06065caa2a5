"""The worker in virtual time: which tasks it takes, how it accounts for them, how it stops."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from casework.vault import Vault
from core.dialogue import ScriptedDialogue
from core.errors import QueueError
from core.streams import MemoryQueue
from core.types import Answer, CallTask, ConversationState, Disposition, TurnEvent
from tests.voice.ledgers import MemoryLedger
from tests.voice.line import FarEnd, Person, PersonTransport
from tests.voice.test_session import BYE, IDENTITY, TASK, ToneSpeech, asked
from tests.voice.virtual_time import START, LoopClock, run_virtual
from voice.accounting import GROUP, Accounting
from voice.engines.scripted import EnergyVad, ScriptedRecognizer
from voice.limits import SessionLimits
from voice.session import CallSession, Equipment
from voice.spool import Spool
from voice.words import load_words
from voice.worker import Worker, WorkerOptions


class Office:
    """A worker with its surroundings; made inside the virtual loop."""

    def __init__(self, folder: Path, far_end: FarEnd, lines: int = 2) -> None:
        self.clock = LoopClock()
        self.queue: MemoryQueue[CallTask] = MemoryQueue(self.clock)
        self.ledger = MemoryLedger()
        self.folder = folder
        self.stop = asyncio.Event()
        self.dialled: list[str] = []
        self.busy = self.busiest = 0
        self._far_end = far_end
        options = WorkerOptions("w1", lines, lease_ms=6_000, drain_ms=15_000)
        accounting = Accounting(self.ledger, self.queue, Spool(folder, Vault(b"k" * 32)))
        self.worker = Worker(self.queue, self.ledger, accounting, self.session, self.clock, options)

    def session(self, task: CallTask) -> CallSession:
        self.dialled.append(task.task_id)
        transport = PersonTransport(self._count)

        def script(turn: object) -> Answer:
            event = turn.event  # type: ignore[attr-defined]
            return asked("identity", IDENTITY) if event is TurnEvent.CALL_ANSWERED else BYE

        equipment = Equipment(
            transport=transport,
            dialogue=ScriptedDialogue(script),
            recognizer=ScriptedRecognizer(transport.words),
            speech=ToneSpeech(),
            make_activity=EnergyVad,
            words=load_words(),
            clock=self.clock,
            limits=SessionLimits(),
            agency="测试中心",
        )
        return CallSession(equipment, task)

    async def _count(self, person: Person) -> None:
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await self._far_end(person)
            await person.wait(60_000)
        finally:
            self.busy -= 1

    async def unacknowledged(self) -> int:
        return len(await self.queue.claim_stale(GROUP, "probe", idle_ms=0))

    async def run_for(self, seconds: float) -> None:
        working = asyncio.create_task(self.worker.run(self.stop))
        await asyncio.sleep(seconds)
        self.stop.set()
        await working


async def talkative(person: Person) -> None:
    await person.reply("是我")


async def silent(person: Person) -> None:
    await person.wait(30_000)


def task(number: int, **changes: object) -> CallTask:
    return replace(TASK, task_id=f"att_{number}", **changes)  # type: ignore[arg-type]


def modes(folder: Path) -> list[int]:
    """Permissions of the spooled files."""
    return [stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.sealed")]


def found_in(folder: Path, *words: str) -> bool:
    """Whether personal data lies open in a file."""
    return any(word in path.read_text() for path in folder.iterdir() for word in words)


def in_office(folder: Path, far_end: FarEnd, work: Callable[[Office], Awaitable[None]]) -> Office:
    async def play() -> Office:
        office = Office(folder, far_end)
        await work(office)
        return office

    return run_virtual(play())


def test_tasks_are_called_and_accounted_for(tmp_path: Path) -> None:
    """Every task becomes a stored call; its entry is acknowledged; lines are never exceeded."""

    async def work(office: Office) -> None:
        for number in range(5):
            await office.queue.publish(task(number))
        await office.run_for(60)
        assert await office.unacknowledged() == 0

    office = in_office(tmp_path, talkative, work)
    assert sorted(office.ledger.saved) == [f"att_{number}" for number in range(5)]
    assert {record.disposition for record, _ in office.ledger.saved.values()} == {Disposition.COMPLETED}
    assert office.busiest == 2


def test_a_late_task_is_not_dialled(tmp_path: Path) -> None:
    """A task past its time is acknowledged without a call."""

    async def work(office: Office) -> None:
        await office.queue.publish(task(1, not_after=START - timedelta(seconds=1)))
        await office.run_for(5)
        assert await office.unacknowledged() == 0

    office = in_office(tmp_path, talkative, work)
    assert not office.dialled
    assert not office.ledger.begun


def test_what_the_ledger_refuses_is_never_dialled(tmp_path: Path) -> None:
    """An attempt that was begun elsewhere, also one taken over from a dead worker, is left alone."""

    async def work(office: Office) -> None:
        office.ledger.refused.add("att_1")
        await office.queue.publish(task(1))
        await office.queue.read(GROUP, "dead worker")
        await asyncio.sleep(20)
        await office.run_for(10)
        assert await office.unacknowledged() == 0

    office = in_office(tmp_path, talkative, work)
    assert not office.dialled


def test_what_a_dead_worker_had_only_read_is_called(tmp_path: Path) -> None:
    """An entry that was taken but never begun is taken over."""

    async def work(office: Office) -> None:
        await office.queue.publish(task(1))
        await office.queue.read(GROUP, "dead worker")
        await asyncio.sleep(20)
        await office.run_for(30)

    office = in_office(tmp_path, talkative, work)
    assert list(office.ledger.saved) == ["att_1"]


def test_the_lease_is_extended_while_the_call_lasts(tmp_path: Path) -> None:
    """Every third of the lease the ledger hears that the call is alive, and not afterwards."""

    async def work(office: Office) -> None:
        await office.queue.publish(task(1))
        await office.run_for(9)

    office = in_office(tmp_path, silent, work)
    record, _ = office.ledger.saved["att_1"]
    seconds = (record.ended_at - record.started_at).total_seconds()
    assert len(office.ledger.extended) == int(seconds / 2)


def test_a_call_survives_a_missing_database(tmp_path: Path) -> None:
    """The finished call waits on disk, sealed, and is stored and acknowledged later."""

    async def work(office: Office) -> None:
        await office.queue.publish(task(1))
        working = asyncio.create_task(office.worker.run(office.stop))
        await asyncio.sleep(2)
        office.ledger.down = True
        await asyncio.sleep(20)
        assert modes(tmp_path) == [0o600]
        assert not found_in(tmp_path, "陈小明", "13800138001")
        assert await office.unacknowledged() == 1
        office.ledger.down = False
        await asyncio.sleep(10)
        assert await office.unacknowledged() == 0
        office.stop.set()
        await working

    office = in_office(tmp_path, talkative, work)
    assert list(office.ledger.saved) == ["att_1"]
    assert not list(tmp_path.iterdir())


def test_a_restarted_worker_stores_what_its_predecessor_kept(tmp_path: Path) -> None:
    """The spool outlives the process."""

    async def first(office: Office) -> None:
        await office.queue.publish(task(1))
        working = asyncio.create_task(office.worker.run(office.stop))
        await asyncio.sleep(2)
        office.ledger.down = True
        await asyncio.sleep(20)
        office.stop.set()
        await working

    async def second(office: Office) -> None:
        await office.run_for(2)

    before = in_office(tmp_path, talkative, first)
    assert not before.ledger.saved
    after = in_office(tmp_path, talkative, second)
    assert after.ledger.saved["att_1"][0].disposition is Disposition.COMPLETED


def test_a_call_survives_database_and_disk(tmp_path: Path) -> None:
    """When neither takes it, the call is kept in memory until one does."""
    blocked = tmp_path / "spool"
    blocked.write_text("not a folder")

    async def work(office: Office) -> None:
        await office.queue.publish(task(1))
        working = asyncio.create_task(office.worker.run(office.stop))
        await asyncio.sleep(2)
        office.ledger.down = True
        await asyncio.sleep(20)
        office.ledger.down = False
        await asyncio.sleep(6)
        office.stop.set()
        await working

    office = in_office(blocked, talkative, work)
    assert list(office.ledger.saved) == ["att_1"]


def test_an_unreadable_spool_file_is_set_aside(tmp_path: Path) -> None:
    """Half a file does not keep the others from being stored."""
    (tmp_path / "att_9.sealed").write_text("v1.half")

    async def work(office: Office) -> None:
        await office.run_for(2)

    in_office(tmp_path, talkative, work)
    assert [path.name for path in tmp_path.iterdir()] == ["att_9.bad"]


def test_a_queue_that_goes_away_does_not_touch_the_call(tmp_path: Path) -> None:
    """While Redis is gone the call goes on and is stored; its entry is acknowledged afterwards."""

    async def work(office: Office) -> None:
        await office.queue.publish(task(1))
        await office.queue.publish(task(2))
        working = asyncio.create_task(office.worker.run(office.stop))
        await asyncio.sleep(2)
        real = (office.queue.read, office.queue.ack)

        async def gone(*_: object, **__: object) -> list[tuple[str, CallTask]]:
            raise QueueError("gone")

        office.queue.read = office.queue.ack = gone  # type: ignore[method-assign,assignment]
        await asyncio.sleep(30)
        assert sorted(office.ledger.saved) == ["att_1", "att_2"]
        office.queue.read, office.queue.ack = real  # type: ignore[method-assign]
        await office.queue.publish(task(3))
        await asyncio.sleep(40)
        assert await office.unacknowledged() == 0
        office.stop.set()
        await working

    office = in_office(tmp_path, talkative, work)
    assert sorted(office.ledger.saved) == ["att_1", "att_2", "att_3"]


def test_a_ledger_that_is_away_at_the_start_delays_the_call(tmp_path: Path) -> None:
    """Nothing is dialled that nobody could account for; the task stays in the stream."""

    async def work(office: Office) -> None:
        office.ledger.down = True
        await office.queue.publish(task(1))
        await office.run_for(5)
        assert not office.dialled
        assert await office.unacknowledged() == 1

    in_office(tmp_path, talkative, work)


@pytest.mark.parametrize("lines", [1, 2])
def test_a_stopping_worker_ends_its_calls_politely(tmp_path: Path, lines: int) -> None:
    """Calls in progress get their goodbye and a record; waiting tasks stay for the next worker."""

    async def play() -> None:
        office = Office(tmp_path, silent, lines)
        for number in range(3):
            await office.queue.publish(task(number))
        await office.run_for(6)
        assert len(office.ledger.saved) == lines
        for record, _ in office.ledger.saved.values():
            assert record.disposition is Disposition.INTERRUPTED
            assert record.utterances[-1].text == load_words().emergency["shutting_down"]
        assert len(await office.queue.read(GROUP, "next", count=9, block_ms=1)) == 3 - lines

    run_virtual(play())


def test_states_with_a_verdict_survive_a_stop(tmp_path: Path) -> None:
    """Who asked not to be called again is not turned into "interrupted" by our shutdown."""
    from voice.notes import CallStory, EndedBy
    from voice.outcome import disposition_of

    state = ConversationState(disposition=Disposition.OPT_OUT)
    story = CallStory(TASK, START, START, EndedBy.SHUTDOWN, answered_at=START, state=state)
    assert disposition_of(story) is Disposition.OPT_OUT
