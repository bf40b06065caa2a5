"""Score a ranking function on held-out questions. Pure; ``nuanye eval policy`` prints it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.retrieval.types import Ranking
from core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Example:
    """One question; any of ``policy_ids`` is right, none means that no entry answers it."""

    question: str
    policy_ids: tuple[str, ...]
    variety: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the search made of one example. ``rank`` is 0 for the first candidate, -1 for absent."""

    example: Example
    rank: int
    decision: str
    latency_ms: float


def read_examples(path: Path) -> tuple[Example, ...]:
    """Read JSON lines of question, policy_ids and variety.

    Raises:
        BadInput: naming the line that breaks the format.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read ({type(error).__name__})") from error
    examples = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            question, ids, variety = raw["question"], raw["policy_ids"], raw["variety"]
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{path.name}, line {number}: needs question, policy_ids and variety") from None
        if not isinstance(question, str) or not isinstance(ids, list) or not isinstance(variety, str):
            raise BadInput(f"{path.name}, line {number}: needs text, a list and text")
        examples.append(Example(question, tuple(map(str, ids)), variety))
    if not examples:
        raise BadInput(f"{path.name}: no questions")
    return tuple(examples)


def run(examples: Sequence[Example], search: Callable[[str], Ranking]) -> tuple[Outcome, ...]:
    """Search every question, timing each."""
    outcomes = []
    for example in examples:
        started = time.perf_counter()
        ranking = search(example.question)
        latency = (time.perf_counter() - started) * 1000
        found = [item.policy_id for item in ranking.candidates]
        ranks = [position for position, name in enumerate(found) if name in example.policy_ids]
        outcomes.append(Outcome(example, min(ranks, default=-1), ranking.decision, latency))
    return tuple(outcomes)


def summarise(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """The measures of docs/retrieval.md, shares between 0 and 1, latencies in milliseconds."""
    known = [item for item in outcomes if item.example.policy_ids]
    foreign = [item for item in outcomes if not item.example.policy_ids]
    varieties = sorted({item.example.variety for item in outcomes})
    latencies = [item.latency_ms for item in outcomes]
    answered = [item for item in known if item.decision == "answer"]
    return {
        "n": len(outcomes),
        **_ranked(known),
        "answered": _share(known, lambda item: item.decision == "answer"),
        "answered_right": _share(answered, lambda item: item.rank == 0),
        "asked": _share(known, lambda item: item.decision == "ask"),
        "false_reject": _share(known, lambda item: item.decision == "unknown"),
        "oos_recall": _share(foreign, lambda item: item.decision == "unknown"),
        "oos_answered": _share(foreign, lambda item: item.decision == "answer"),
        "by_variety": {
            name: _ranked([item for item in known if item.example.variety == name]) for name in varieties
        },
        "latency_ms": {
            "p50": round(float(np.percentile(latencies, 50)), 1),
            "p95": round(float(np.percentile(latencies, 95)), 1),
        },
    }


def _ranked(known: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "known": len(known),
        "top1": _share(known, lambda item: item.rank == 0),
        "top3": _share(known, lambda item: 0 <= item.rank < 3),
        "mrr": round(sum(1 / (item.rank + 1) for item in known if item.rank >= 0) / max(len(known), 1), 3),
    }


def _share(items: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> float:
    return round(sum(map(holds, items)) / len(items), 3) if items else 0.0
