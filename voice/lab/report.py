"""Pure: the report of many calls, from each call's measures and result."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from casework.types import CallRecord
from core.codec import to_plain
from voice.lab.measures import PARTS, Gap, Measured
from voice.resident.persona import Expectation


@dataclass(frozen=True, slots=True)
class Fields:
    """How the fields of a result compare with what the resident said. ``evident`` of ``right`` carry
    words that stand in the transcript, with their place in the recording."""

    right: int = 0
    wrong: int = 0
    lacking: int = 0
    evident: int = 0


@dataclass(frozen=True, slots=True)
class Called:
    """One call of the lab. ``wrong`` names everything that differs from the resident's file."""

    resident: str
    variety: str
    level: str  # "audio" or "text": how the bot heard
    disposition: str
    as_expected: bool
    fields: Fields
    measured: Measured
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaks:
    """What was still there after the last call."""

    tasks: int = 0
    sockets: int = 0
    attempts: int = 0


def compare(expected: Expectation, record: CallRecord) -> tuple[Fields, tuple[str, ...]]:
    """Compare the fields that were said in a call with those that the resident's file states.

    In the file ``"*"`` stands for any text, alone for any value (a date that depends on today).
    A field that was said but is not in the file counts as wrong, unless the file states none.
    """
    said = {name: value for name, value in record.fields.items() if value.source == "said"}
    transcript = [item.text for item in record.utterances if item.speaker == "resident"]
    right = evident = lacking = invented = 0
    wrong: list[str] = []
    for name, value in expected.fields.items():
        found = record.fields.get(name)
        plain = to_plain(found.value) if found is not None else None
        if found is None or not matches(value, plain):
            wrong.append(f"{name}: {plain!r} instead of {value!r}")
            lacking += 1
            invented += found is not None
            continue
        right += 1
        own = said.get(name)
        evident += own is not None and own.start_ms is not None and any(own.words in t for t in transcript)
    for name in said if expected.fields else ():
        if name not in expected.fields:
            wrong.append(f"{name}: {to_plain(said[name].value)!r}, nothing expected")
            invented += 1
    return Fields(right, invented, lacking, evident), tuple(wrong)


def matches(wanted: Any, found: Any) -> bool:
    """Whether a plain value is what a resident's file states; see ``compare``."""
    if not isinstance(wanted, str) or "*" not in wanted:
        return bool(wanted == found)
    if wanted == "*":
        return found not in (None, "", [])
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return fnmatchcase(text, wanted)


def report(calls: Sequence[Called], leaks: Leaks, condition: str, engine: str) -> dict[str, Any]:
    """Return the whole report. Calls heard at text level in a run of an engine are reported apart too."""
    level = "text" if engine == "text" else "audio"
    counted = [call for call in calls if call.level == level]
    apart = [call for call in calls if call.level != level]
    summary = {"engine": engine, "condition": condition, **_figures(counted)}
    if apart:
        summary["apart_at_text_level"] = _figures(apart)
    groups: dict[str, list[Called]] = defaultdict(list)
    varieties: dict[str, list[Called]] = defaultdict(list)
    for call in calls:
        groups[call.resident].append(call)
        varieties[call.variety].append(call)
    summary["leaks"] = {"tasks": leaks.tasks, "sockets": leaks.sockets, "attempts": leaks.attempts}
    summary["by_variety"] = {name: _brief(own) for name, own in sorted(varieties.items())}
    summary["by_resident"] = {name: _brief(own) for name, own in sorted(groups.items())}
    summary["misses"] = [f"{call.resident}: {what}" for call in calls for what in call.wrong]
    return summary


def _figures(calls: Sequence[Called]) -> dict[str, Any]:
    gaps = [gap for call in calls for gap in call.measured.gaps]
    turns = sum(call.measured.turns for call in calls)
    nods = sum(call.measured.back_channels for call in calls)
    lengths = [call.measured.length_ms for call in calls if call.measured.length_ms]
    return {
        "calls": len(calls),
        "disposition_accuracy": _share(sum(call.as_expected for call in calls), len(calls)),
        "field_f1": f1(call.fields for call in calls),
        "field_evidence": _share(
            sum(call.fields.evident for call in calls), sum(call.fields.right for call in calls)
        ),
        "turn_gap_ms": quantiles([gap.total_ms for gap in gaps], (50, 90, 99)),
        "turn_gap_parts_ms": _parts(gaps),
        "turn_gap_but_recognition_ms": quantiles(
            [gap.total_ms - gap.parts["recognition"] for gap in gaps if gap.parts], (50, 90)
        ),
        "barge_in_ms": quantiles([ms for call in calls for ms in call.measured.barge_ins_ms], (50, 90)),
        "false_cut_rate": _share(sum(call.measured.false_cuts for call in calls), turns),
        "missed_turn_rate": _share(sum(call.measured.missed_turns for call in calls), turns),
        "false_stop_rate": _share(sum(call.measured.false_stops for call in calls), nods),
        "greeting_talked_over": sum(call.measured.greeted_over for call in calls),
        "talk_over_s": round(sum(call.measured.talk_over_ms for call in calls) / 1000, 1),
        "call_s": quantiles([ms // 1000 for ms in lengths], (50, 90)),
        "turns": turns,
        "back_channels": nods,
    }


def _parts(gaps: Sequence[Gap]) -> dict[str, Any]:
    """Return the quantiles of each part; what no step of the program explains is the way to and fro."""
    known = [gap for gap in gaps if gap.parts]
    table = {part: quantiles([gap.parts[part] for gap in known], (50, 90)) for part in PARTS}
    rest = [max(0, gap.total_ms - sum(gap.parts[part] for part in PARTS)) for gap in known]
    return {**table, "transport": quantiles(rest, (50, 90))}


def _brief(calls: Sequence[Called]) -> dict[str, Any]:
    gaps = [gap.total_ms for call in calls for gap in call.measured.gaps]
    return {
        "calls": len(calls),
        "dispositions": sorted({call.disposition for call in calls}),
        "disposition_accuracy": _share(sum(call.as_expected for call in calls), len(calls)),
        "field_f1": f1(call.fields for call in calls),
        "turn_gap_ms": quantiles(gaps, (50, 90)),
        "false_cuts": sum(call.measured.false_cuts for call in calls),
        "missed_turns": sum(call.measured.missed_turns for call in calls),
        "false_stops": sum(call.measured.false_stops for call in calls),
    }


def f1(fields: Iterable[Fields]) -> float | None:
    """Return the F1 score over all fields of all calls, ``None`` without any."""
    listed = list(fields)
    right = sum(item.right for item in listed)
    of = 2 * right + sum(item.wrong + item.lacking for item in listed)
    return round(2 * right / of, 4) if of else None


def quantiles(values: Sequence[int], percents: Sequence[int]) -> Mapping[str, int | None]:
    """Return percentiles by nearest rank, ``None`` for nothing."""
    ordered = sorted(values)
    return {
        f"p{percent}": ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
        for percent in percents
    }


def _share(some: int, of: int) -> float | None:
    return round(some / of, 4) if of else None
