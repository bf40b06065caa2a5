"""`nuanye eval turns`: how well the end of a turn is judged from its words. Pure but for reading the file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from core.errors import BadInput
from voice.turns import Turn, judge
from voice.words import VoiceWords

MAX_BYTES = 50_000_000


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
    return tuple(item for path in paths for item in _read(path))


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


def _read(path: Path) -> list[Labelled]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path.name}: larger than {MAX_BYTES // 1_000_000} MB", hint="split it")
        rows = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read ({type(error).__name__})") from None
    lines = []
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            raw = json.loads(row)
            text, label = raw["text"], Turn(raw["label"])
        except (ValueError, KeyError, TypeError):
            text, label = None, Turn.FINISHED
        if not isinstance(text, str):
            known = ", ".join(each.value for each in Turn)
            raise BadInput(f"{path.name}, line {number}: not an object with text and label ({known})")
        lines.append(Labelled(text, label))
    if not lines:
        raise BadInput(f"{path.name}: no lines")
    return lines
