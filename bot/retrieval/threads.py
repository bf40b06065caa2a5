"""Keep one search on one processor.

A search is too short to share out: with several processes on a machine, waiting for helper threads
costs ten times what they save (260 ms against 18 ms an embedding, measured at load 9 on 2 cores).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def single_thread() -> AbstractContextManager[Any]:
    """Limit OpenMP and BLAS to the calling thread while the context lasts."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limit


@cache
def _controller() -> Any:
    # Looks at the libraries loaded so far, so it is made at the first search, after the model.
    return ThreadpoolController()
