"""Reads one finished call of the lab: its two recordings, its record, its resident's promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from casework.types import CallRecord
from core.types import Utterance
from voice.lab.callees import Callee
from voice.lab.legs import read_legs, stretches
from voice.lab.measures import Measured, Program, SaidLine, measure, offset_between
from voice.lab.report import Called, compare

# What is said at the very end may fade out after the recorders stopped.
_SHORTEST_BYTES = 1_000
_WHO = {"bot": "bot", "resident": "bot heard"}
_BROKEN_OFF = " [broken off]"


def called(callee: Callee, record: CallRecord, folder: Path, level: str) -> Called:
    """Compare a call with the resident's file and measure it on its recordings.

    The bot's recording is moved to ``folder`` beside the resident's.
    """
    expected = callee.persona.expect
    fields, wrong = compare(expected, record)
    as_expected = expected.disposition in {None, record.disposition}
    if not as_expected:
        wrong = (f"disposition: {record.disposition} instead of {expected.disposition}", *wrong)
    own = folder / "bot" / record.recording if record.recording else None
    if own is not None and own.is_file():
        own = own.replace(folder / callee.handset.name.replace(".handset", ""))
    return Called(
        callee.persona.user,
        callee.persona.variety,
        level,
        record.disposition.value,
        as_expected,
        fields,
        _measured(callee, record, own),
        wrong,
    )


def _measured(callee: Callee, record: CallRecord, own: Path | None) -> Measured:
    if callee.visit is None or not callee.visit.answered or not _sounds(callee.handset) or own is None:
        return Measured()
    bot_leg, resident_leg, rate_hz = read_legs(callee.handset)
    _, bot_as_sent, _ = read_legs(own)
    later_ms = offset_between(bot_as_sent, bot_leg, rate_hz)
    moved = tuple(
        replace(item, start_ms=item.start_ms + later_ms, end_ms=item.end_ms + later_ms)
        for item in record.utterances
    )
    lines = [
        SaidLine(item.kind, max(0, item.start_ms - callee.origin_ms), max(0, item.end_ms - callee.origin_ms))
        for item in callee.visit.lines
    ]
    _write_transcript(callee, moved)
    return measure(
        lines,
        stretches(resident_leg, rate_hz),
        stretches(bot_leg, rate_hz),
        Program(moved, tuple(record.detail.get("turn_gaps", ()))),
    )


def _write_transcript(callee: Callee, utterances: tuple[Utterance, ...]) -> None:
    """Write what was said and what was heard of it, in the time of the resident's recording."""
    rows = [
        (item.start_ms, _WHO[item.speaker], item.text + _BROKEN_OFF * item.interrupted) for item in utterances
    ]
    for line in callee.visit.lines if callee.visit is not None else ():
        rows.append((max(0, line.start_ms - callee.origin_ms), f"resident says ({line.kind})", line.text))
    text = "".join(f"{start / 1000:7.2f}  {who}: {said}\n" for start, who, said in sorted(rows))
    callee.handset.with_suffix("").with_suffix(".txt").write_text(text, encoding="utf-8")


def _sounds(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > _SHORTEST_BYTES
