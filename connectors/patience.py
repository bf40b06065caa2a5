"""How long the inbox waits, for whom, and how it works meanwhile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the inbox waits for whom, in milliseconds.

    After ``deadline_ms`` without an answer the citizen is told that it takes longer. An unreachable
    core is asked again after ``retry_ms``, twice as long each time up to ``retry_max_ms``, until
    ``give_up_ms``. A turn on which the core fails is tried ``attempts`` times.
    """

    deadline_ms: int = 4_000
    retry_ms: int = 500
    retry_max_ms: int = 10_000
    give_up_ms: int = 15 * 60_000
    attempts: int = 3
    lease_ms: int = 15_000
    sweep_ms: int = 2_000
    concurrent: int = 64
