"""Prepares the rows of a long list in processes of their own, in order, a few chunks ahead."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from casework.register.preparing import Prepared, Preparer, Row
from casework.register.rows import RowReader
from casework.register.types import RowProblem
from casework.vault import Vault
from core.errors import StorageError
from core.secret import KeyRing

MOST_WORKERS = 4
# Below this a process costs more than it saves.
FEWEST_ROWS = 10_000

Part = list[Prepared | RowProblem]

_preparer: Preparer | None = None
_helpers_kb = 0


def helpers_peak_kb() -> int:
    """Return the most memory that the processes of the last import held, each at its own peak."""
    return _helpers_kb


def own_peak_kb() -> int:
    """Return the most memory this process has held, in kB.

    Not ``ru_maxrss`` where Linux tells better: that of a new process begins with its parent's.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if sys.platform == "darwin" else peak


def worker_count(rows: int) -> int:
    """Return how many processes a list of ``rows`` is worth; 0: prepare it here."""
    return 0 if rows < FEWEST_ROWS else max(1, min(MOST_WORKERS, (os.cpu_count() or 2) - 1))


async def prepared_parts(
    rows: Iterator[Row], ring: KeyRing, reader: RowReader, *, workers: int, chunk: int
) -> AsyncGenerator[Part, None]:
    """Yield the prepared rows, ``chunk`` of the list at a time. Raises what reading the list raises.

    Raises ``StorageError`` when a process dies (out of memory, killed): what was yielded is right.
    """
    if workers == 0:
        here = Preparer(Vault(ring), reader)
        while taken := await asyncio.to_thread(_take, rows, chunk):
            yield await asyncio.to_thread(here.rows, taken)
        return
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(ring, reader)
    )
    global _helpers_kb
    _helpers_kb = 0
    ahead: deque[Future[tuple[Part, int]]] = deque()
    try:
        more = True
        while more or ahead:
            while more and len(ahead) <= workers:
                taken = await asyncio.to_thread(_take, rows, chunk)
                more = bool(taken)
                if taken:
                    ahead.append(pool.submit(_prepare, taken))
            if ahead:
                part, peak_kb = await asyncio.wrap_future(ahead.popleft())
                _helpers_kb = max(_helpers_kb, workers * peak_kb)
                yield part
    except BrokenProcessPool as error:
        raise StorageError(
            "a process that prepares the list died", hint="is there enough memory? import it again"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _take(rows: Iterator[Row], chunk: int) -> list[Row]:
    return list(islice(rows, chunk))


def _begin(ring: KeyRing, reader: RowReader) -> None:
    global _preparer
    _preparer = Preparer(Vault(ring), reader)


def _prepare(rows: list[Row]) -> tuple[Part, int]:
    if _preparer is None:
        raise RuntimeError("the process was not begun")
    return _preparer.rows(rows), own_peak_kb()
