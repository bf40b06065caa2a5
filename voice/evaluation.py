"""`nuanye eval turns`: how well the end of a turn is judged from its words. Pure but for reading the file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from core.errors import BadInput
from voice.lab.rows import read_rows
from voice.turns import Turn, judge
from voice.words import VoiceWords

_NEEDS = f"text and label ({', '.join(each.value for each in Turn)})"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A transcript and what it is."""

    text: str
    label: Turn


@dataclass(frozen=True, slots=True)
class Judged:
    """One line's outcome; ``milliseconds`` is what the judgement took."""

    line: Labelled
    found: Turn
    milliseconds: float


def read_turns(paths: Sequence[Path]) -> tuple[Labelled, ...]:
    """Read JSON lines of ``text`` and ``label``. Raises ``BadInput`` naming file and line."""
    return tuple(_labelled(where, row) for where, row in read_rows(paths, _NEEDS))


def judge_all(lines: Sequence[Labelled], words: VoiceWords) -> tuple[Judged, ...]:
    """Judge every line and time it."""
    judged = []
    for line in lines:
        started = time.perf_counter()
        found = judge(line.text, words)
        judged.append(Judged(line, found, (time.perf_counter() - started) * 1000))
    return tuple(judged)


def summarise_turns(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the share judged rightly of each label (``None``: no such line), and the latency."""
    summary: dict[str, Any] = {"n": len(judged)}
    for label in Turn:
        own = [item for item in judged if item.line.label is label]
        right = sum(item.found is label for item in own)
        summary[label.value] = round(right / len(own), 3) if own else None
    spent = sorted(item.milliseconds for item in judged)
    cuts = quantiles(spent, n=100, method="inclusive") if len(spent) > 1 else spent * 99
    summary["latency_ms"] = {
        "p50": round(cuts[49], 4),
        "p95": round(cuts[94], 4),
        "max": round(spent[-1], 4),
    }
    return summary


def _labelled(where: str, row: Mapping[str, Any]) -> Labelled:
    text, label = row.get("text"), row.get("label")
    if not isinstance(text, str) or label not in {each.value for each in Turn}:
        raise BadInput(f"{where}: not an object with {_NEEDS}")
    return Labelled(text, Turn(label))
