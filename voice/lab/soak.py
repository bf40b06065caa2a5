"""Many calls at once for a long time against an echo, and what is left afterwards."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from casework.store import Store, open_store
from casework.types import CallRecord, CampaignState, Contact
from casework.vault import Vault
from core.clock import SystemClock
from core.errors import ModelError
from core.ids import new_id
from core.interfaces import Dialogue
from core.secret import load_secret
from core.settings import Settings
from core.streams import CALLS_STREAM, RedisStreamQueue
from core.tasks import end_tasks
from core.types import CallTask
from voice.accounting import Accounting
from voice.assembly import phone_door
from voice.engines.told import ToldRecognizer, WordLine
from voice.lab.leaks import Ground
from voice.lab.witness import Witness
from voice.session import CallSession, Equipment
from voice.spool import Spool
from voice.worker import Worker, WorkerOptions

_BATCH = 50
_TICK_S = 0.25
_SIPP_STARTS_S = 1.0


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """``lines`` calls at once for ``seconds``, each to its own user at ``where`` (host:port)."""

    where: str
    lines: int = 20
    seconds: float = 1800.0


@asynccontextmanager
async def sipp_echo(folder: Path) -> AsyncIterator[str]:
    """Run SIPp as an answering machine that echoes RTP; gives its host and port.

    Raises ``ModelError`` when the program is not installed.
    """
    program = shutil.which("sipp")
    if program is None:
        raise ModelError("the program sipp is not installed", hint="install the package sip-tester")
    port, media = _free_port(), _free_port() & ~1
    process = await asyncio.create_subprocess_exec(
        program, "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-rtp_echo", "-mp", str(media),
        "-nostdin",
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await asyncio.sleep(_SIPP_STARTS_S)
        if process.returncode is not None:
            raise ModelError("sipp did not stay up")
        yield f"127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def soak(
    plan: SoakPlan,
    settings: Settings,
    progress: Callable[[int, int], None] = lambda calls, seconds: None,
    *,
    dialogue: Dialogue | None = None,
) -> dict[str, Any]:
    """Hold the calls and return the report; ``dialogue`` stands in for that of ``settings``."""
    before, used = Ground.now(), resource.getrusage(resource.RUSAGE_SELF)
    began = asyncio.get_running_loop().time()
    run = _Run(plan, settings, progress)
    attempts = await run.hold(dialogue)
    await asyncio.sleep(0)
    left, now = before.since(), resource.getrusage(resource.RUSAGE_SELF)
    elapsed = asyncio.get_running_loop().time() - began
    return {
        "calls": sum(run.dispositions.values()),
        "lines": plan.lines,
        "seconds": round(elapsed),
        "most_at_once": run.most,
        "dispositions": dict(sorted(run.dispositions.items())),
        "cores": round((now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) / elapsed, 3),
        "memory_mb": {"after_a_minute": run.memory_mb, "at_the_end": _memory_mb()},
        "leaks": {"tasks": left.tasks, "sockets": left.sockets, "attempts": attempts},
    }


class _Run:
    """One soak: a worker that is fed until the time is over."""

    def __init__(self, plan: SoakPlan, settings: Settings, progress: Callable[[int, int], None]) -> None:
        self.dispositions: Counter[str] = Counter()
        self.most = 0
        self.memory_mb = 0
        self._plan = plan
        self._settings = settings
        self._progress = progress

    async def hold(self, dialogue: Dialogue | None) -> int:
        """Call until the time is over; return how many attempts are still open then."""
        deaf = ToldRecognizer(WordLine())
        async with (
            Redis.from_url(self._settings.redis) as redis,
            await open_store(self._settings) as store,
            phone_door(self._settings, recognizer=deaf) as (equipment, speaker),
        ):
            await speaker.prefetch_fixed()
            if dialogue is not None:
                equipment = replace(equipment, dialogue=dialogue)
            queue = RedisStreamQueue(redis, CALLS_STREAM, CallTask)
            await self._work(store, queue, replace(equipment, recordings_dir=None))
            return await store.count_busy()

    async def _work(self, store: Store, queue: RedisStreamQueue[CallTask], equipment: Equipment) -> None:
        witness = Witness(store, self._ended)
        spool = Spool(self._settings.data_dir / "spool", Vault(load_secret(self._settings)))
        worker = Worker(
            queue,
            witness,
            Accounting(witness, queue, spool),
            lambda task: CallSession(equipment, task),
            SystemClock(),
            WorkerOptions(new_id("soak"), self._plan.lines, block_ms=200),
        )
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        feeding = asyncio.create_task(self._feed(store, queue))
        try:
            await asyncio.wait({running, feeding}, return_when=asyncio.FIRST_COMPLETED)
            await feeding
        finally:
            stop.set()
            await running
            await end_tasks([feeding])

    def _ended(self, record: CallRecord) -> None:
        self.dispositions[record.disposition.value] += 1

    async def _feed(self, store: Store, queue: RedisStreamQueue[CallTask]) -> None:
        loop = asyncio.get_running_loop()
        began, planned, handed, open_campaigns = loop.time(), 0, 0, []
        while (elapsed := loop.time() - began) < self._plan.seconds:
            if handed == planned:
                contacts = [
                    Contact("何某", f"sip:echo{planned + number}@{self._plan.where}", "", {})
                    for number in range(_BATCH)
                ]
                campaign = await store.start_campaign("soak", contacts, ignore_window=True)
                open_campaigns.append(campaign.campaign_id)
                planned += _BATCH
            busy = await store.count_busy()
            self.most = max(self.most, busy)
            for task in await store.hand_out(0, min(1, self._plan.lines - busy)):
                await queue.publish(task)
                handed += 1
            if self.memory_mb == 0 and elapsed > min(60.0, self._plan.seconds / 2):
                self.memory_mb = _memory_mb()
            self._progress(sum(self.dispositions.values()), int(elapsed))
            await asyncio.sleep(_TICK_S)
        for campaign_id in open_campaigns:
            await _stop(store, campaign_id)


async def _stop(store: Store, campaign_id: str) -> None:
    progress = await store.campaign_progress(campaign_id)
    if progress is not None and progress.campaign.state is CampaignState.RUNNING:
        await store.set_campaign_state(campaign_id, CampaignState.STOPPED)


def _memory_mb() -> int:
    """Return what this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() >> 20
