"""The processes of a chaos run. Each is the real thing with short times; calls go to simulated media."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from redis.asyncio import Redis

import casework.__main__ as casework_process
from casework import dispatcher, intake, leadership
from casework.store import open_store, open_vault
from core import faults, process
from core.clock import SystemClock
from core.dialogue import ScriptedDialogue
from core.logs import configure_logs
from core.settings import Settings, load_settings
from core.streams import CALLS_STREAM, RedisStreamQueue
from core.types import Answer, AudioFrame, CallAction, CallTask, ConversationState, Disposition, Reply
from voice.accounting import Accounting
from voice.engines.scripted import EnergyVad, ScriptedRecognizer, ToneSynthesizer
from voice.limits import SessionLimits
from voice.manner import Manner
from voice.session import CallSession, Equipment
from voice.spool import Spool
from voice.transport.loopback import LoopbackCall, LoopbackPeer, LoopbackTransport
from voice.words import load_words
from voice.worker import Worker, WorkerOptions

LEASE_MS = 3_000
LINES = 4
_PLAIN = Manner()
_GOODBYE = Answer(
    (Reply("再见", call=CallAction.HANGUP),),
    ConversationState(disposition=Disposition.COMPLETED, completed="follow_up"),
)
_CONSUMER = Path(__file__).parent.parent / "examples" / "consumer" / "nuanye_consumer.py"


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a process dies: at its ``nth`` pass of ``point``; empty: nowhere."""

    point: str = ""
    nth: int = 1


def run_part(role: str, settings: Settings, folder: Path, fault: Fault) -> None:
    """Be one process until SIGTERM, or until the fault. Never returns."""
    sys.stdout = sys.stderr = (folder / f"{role}.log").open("a", buffering=1)
    faults.install(_killer(fault))
    _short_times()
    configure_logs("warning", process=role)
    os.environ |= {"NUANYE_DATA_DIR": str(settings.data_dir), "NUANYE_REDIS_URL": settings.redis_url}
    os.environ |= {"NUANYE_DATABASE_URL": settings.database_url, "NUANYE_SECRET_KEY": settings.secret_key}
    os.environ["NUANYE_CASEWORK_PORT"] = "0"
    if role.startswith("district"):
        _consume(settings, folder, role.partition(":")[2])
    serve = partial(_voice, folder=folder) if role.startswith("voice") else casework_process.serve
    os._exit(process.run_process(role, serve))


def _killer(fault: Fault) -> Callable[[str], None]:
    passed = 0

    def hook(point: str) -> None:
        nonlocal passed
        if point == fault.point:
            passed += 1
            if passed == fault.nth:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _short_times() -> None:
    """What takes ten seconds or a minute in service takes two here."""
    dispatcher.LOST_AFTER_MS = 2_000
    dispatcher.TICK_S = 0.05
    intake.STALE_MS = 2_000
    leadership.Leadership.__init__.__kwdefaults__["ttl_ms"] = 1_500  # type: ignore[index]


class _Humming:
    """Every sentence is a tone of the same tenth of a second."""

    async def render(self, text: str, manner: Manner = _PLAIN) -> Sequence[AudioFrame]:
        return [frame async for frame in ToneSynthesizer(ms_per_char=50).speak("再见")]


class _CountedTransport:
    """The loopback line; writes down every dial before it rings."""

    def __init__(self, journal: Path, clock: SystemClock) -> None:
        self._journal = journal
        self._line = LoopbackTransport(lambda _: LoopbackPeer(ring_ms=20), clock=clock)

    @asynccontextmanager
    async def dial(self, task: CallTask) -> AsyncIterator[LoopbackCall]:
        with self._journal.open("a") as journal:
            journal.write(f"{task.task_id}\n")
        async with self._line.dial(task) as call:
            yield call


async def _voice(settings: Settings, stop: asyncio.Event, *, folder: Path) -> None:
    name, clock = f"chaos-{os.getpid()}", SystemClock()
    redis = Redis.from_url(settings.redis, socket_connect_timeout=5, socket_timeout=10)
    async with redis, await open_store(settings) as store:
        equipment = Equipment(
            transport=_CountedTransport(folder / "dials", clock),
            dialogue=ScriptedDialogue(lambda _: _GOODBYE),
            recognizer=ScriptedRecognizer(lambda start, end: "是我"),
            speech=_Humming(),
            make_activity=EnergyVad,
            words=load_words(),
            clock=clock,
            limits=SessionLimits(),
            agency="测试中心",
        )
        queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
        # Each life has a spool of its own: what a killed one left there the next one stores.
        accounting = Accounting(store, queue, Spool(folder / "spool", open_vault(settings)), retry_s=0.5)
        options = WorkerOptions(name, LINES, lease_ms=LEASE_MS, block_ms=200, backoff_most_ms=1_000)
        worker = Worker(queue, store, accounting, lambda task: CallSession(equipment, task), clock, options)

        async def status() -> dict[str, int]:
            return {"lines_total": LINES, "lines_free": worker.lines_free}

        async with asyncio.TaskGroup() as group:
            group.create_task(process.beat(redis, f"nuanye:alive:voice:{name}", status, stop))
            await worker.run(stop)
            stop.set()


def _consumer() -> ModuleType:
    spec: Any = importlib.util.spec_from_file_location("nuanye_consumer", _CONSUMER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _consume(settings: Settings, folder: Path, district: str) -> None:
    """A district's system: one effect per result, whatever comes how often; answers each result."""
    module = _consumer()
    module.STALE_MS = 2_000
    books = open_books(folder)

    def take_over(result: dict[str, Any]) -> None:
        with books:
            known = books.execute("SELECT 1 FROM effects WHERE result_id = ?", (result["result_id"],))
            if known.fetchone():
                books.execute("INSERT INTO repeats VALUES (?)", (result["result_id"],))
            else:
                books.execute("INSERT INTO effects VALUES (?)", (result["result_id"],))
        faults.reach("district.stored")
        consumer.answer(result["result_id"], "reviewed", district)

    consumer = module.Consumer(settings.redis_url, district, take_over, name="desk", pause_s=0.2)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        consumer.run()


def open_books(folder: Path) -> sqlite3.Connection:
    """Open the districts' own database: what they did, and what they recognised as a repeat."""
    books = sqlite3.connect(folder / "district.db", timeout=15)
    books.execute("CREATE TABLE IF NOT EXISTS effects (result_id TEXT)")
    books.execute("CREATE TABLE IF NOT EXISTS repeats (result_id TEXT)")
    return books


if __name__ == "__main__":
    run_part(sys.argv[1], load_settings(os.environ), Path(sys.argv[2]), Fault())
