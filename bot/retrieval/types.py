"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Decision = Literal["answer", "ask", "unknown"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry. ``score`` orders (higher is better, no unit); ``confidence`` is a probability."""

    policy_id: str
    score: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates, best first (none for an empty question), and what to do with them.

    ``answer``: the first is meant. ``ask``: one of the first three may be. ``unknown``: none is.
    """

    candidates: tuple[Candidate, ...]
    decision: Decision
