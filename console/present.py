"""Records turned into what a page shows: Chinese values, clock times, evidence with its place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from casework.types import CallRecord
from console.texts import Texts
from core.clock import CHINA
from core.types import FieldValue, Utterance

# Fields in the order in which the conversation asks for them.
_ORDER = (
    "identity", "convenient", "callback_time", "employment_status", "current_work", "work_since",
    "social_insurance", "wanted_jobs", "district", "expected_pay", "working_time", "contact_consent",
    "training_wish", "training_topic", "hardship", "summary_confirmed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of an utterance's text; ``field`` names what was learnt from it (empty: nothing)."""

    text: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance. ``gap_ms`` is the silence before it when it answers the other side."""

    index: int
    speaker: str
    pieces: tuple[Piece, ...]
    start_ms: int
    end_ms: int
    doubtful: bool
    interrupted: bool
    gap_ms: int | None
    again: str = ""  # what the second pass heard instead


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One fact with its evidence; without times the words were not heard in this recording."""

    key: str
    name: str
    value: str
    words: str
    source: str
    percent: int
    doubtful: bool
    start_ms: int | None = None
    end_ms: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class CallView:
    """Everything the page of one call shows beside what ``CallRecord`` says itself."""

    lines: tuple[Line, ...]
    fields: tuple[FieldRow, ...]
    reasons: tuple[str, ...]
    gap_p50_ms: int | None
    gap_max_ms: int | None
    talk_ms: int
    detail: tuple[tuple[str, str], ...] = field(default=())


def call_view(record: CallRecord, texts: Texts) -> CallView:
    """Prepare one call."""
    ordered = tuple(sorted(record.utterances, key=lambda item: item.start_ms))
    gaps = sorted(record.turn_gaps_ms)
    begun = record.answered_at or record.ended_at
    return CallView(
        lines=_lines(ordered, record.fields, _heard_again(record.detail)),
        fields=field_rows(record.fields, texts, ordered),
        reasons=tuple(dict.fromkeys(texts.reason(code) for code in record.needs_review)),
        gap_p50_ms=gaps[(len(gaps) - 1) // 2] if gaps else None,
        gap_max_ms=gaps[-1] if gaps else None,
        talk_ms=max(0, round((record.ended_at - begun).total_seconds() * 1000)),
        detail=_detail(record.detail, texts),
    )


def field_rows(
    fields: Mapping[str, FieldValue], texts: Texts, utterances: Sequence[Utterance] = ()
) -> tuple[FieldRow, ...]:
    """List the fields in the order of the conversation, unknown ones last."""
    known = [name for name in _ORDER if name in fields]
    names = known + sorted(name for name in fields if name not in _ORDER)
    return tuple(_field_row(name, fields[name], texts, utterances) for name in names)


def _field_row(key: str, value: FieldValue, texts: Texts, utterances: Sequence[Utterance]) -> FieldRow:
    line = _line_of(value, utterances)
    start, end = value.start_ms, value.end_ms
    if line is not None and (start is None or end is None):
        start, end = utterances[line].start_ms, utterances[line].end_ms
    return FieldRow(
        key=key,
        name=texts.name("fields", key),
        value=value_text(key, value.value, texts),
        words=value.words,
        source=texts.name("sources", value.source),
        percent=round(max(0.0, min(1.0, value.confidence)) * 100),
        doubtful=value.source == "said" and value.confidence < 0.6,
        start_ms=start,
        end_ms=end,
        line=line,
    )


def _line_of(value: FieldValue, utterances: Sequence[Utterance]) -> int | None:
    if value.source != "said":
        return None
    for index, item in enumerate(utterances):
        if value.message_id and item.speaker == "resident" and item.message_id == value.message_id:
            return index
    for index, item in enumerate(utterances):
        if value.start_ms is not None and item.start_ms <= value.start_ms < item.end_ms:
            return index
    return None


def _heard_again(detail: Mapping[str, Any]) -> dict[int, str]:
    """What a second recognition made of the recording, by the place of the utterance."""
    second = detail.get("second_hearing")
    lines = second.get("lines") if isinstance(second, dict) else None
    return {
        item["start_ms"]: str(item["text"])
        for item in (lines if isinstance(lines, list) else ())
        if isinstance(item, dict) and isinstance(item.get("start_ms"), int) and item.get("text")
    }


def _lines(
    utterances: Sequence[Utterance], fields: Mapping[str, FieldValue], again: Mapping[int, str]
) -> tuple[Line, ...]:
    evidence: dict[int, list[tuple[str, str]]] = {}
    for name, value in fields.items():
        place = _line_of(value, utterances)
        if place is not None and value.words:
            evidence.setdefault(place, []).append((value.words, name))
    lines: list[Line] = []
    for index, item in enumerate(utterances):
        before = utterances[index - 1] if index else None
        answers = before is not None and before.speaker == "resident" and item.speaker == "bot"
        lines.append(
            Line(
                index=index,
                speaker="resident" if item.speaker == "resident" else "bot",
                pieces=mark_evidence(item.text, evidence.get(index, [])),
                start_ms=item.start_ms,
                end_ms=item.end_ms,
                doubtful=item.confidence is not None and item.confidence < 0.6,
                interrupted=item.interrupted,
                gap_ms=max(0, item.start_ms - before.end_ms) if before and answers else None,
                again=again.get(item.start_ms, "") if item.speaker == "resident" else "",
            )
        )
    return tuple(lines)


def mark_evidence(text: str, evidence: Sequence[tuple[str, str]]) -> tuple[Piece, ...]:
    """Cut ``text`` at the words a field was taken from; of overlapping words the longer ones win."""
    taken: list[tuple[int, int, str]] = []
    for words, name in sorted(evidence, key=lambda item: -len(item[0])):
        at = text.find(words)
        if at >= 0 and all(at + len(words) <= start or at >= end for start, end, _ in taken):
            taken.append((at, at + len(words), name))
    pieces: list[Piece] = []
    position = 0
    for start, end, name in sorted(taken):
        if start > position:
            pieces.append(Piece(text[position:start]))
        pieces.append(Piece(text[start:end], name))
        position = end
    if position < len(text):
        pieces.append(Piece(text[position:]))
    return tuple(pieces)


def value_text(key: str, value: Any, texts: Texts) -> str:
    """Say a field's value in Chinese; a value of an unforeseen shape is shown as plain text."""
    if isinstance(value, bool):
        return texts.name("booleans", str(value).lower())
    if isinstance(value, list | tuple):
        return "、".join(texts.value_name(key, str(item)) for item in value) or "无"
    if key == "expected_pay" and isinstance(value, Mapping):
        return _pay_text(value)
    if key == "callback_time" and isinstance(value, Mapping):
        return _time_text(value)
    if isinstance(value, Mapping):
        return "，".join(f"{name} {item}" for name, item in value.items())
    return "未填" if value is None or value == "" else texts.value_name(key, str(value))


def _pay_text(value: Mapping[str, Any]) -> str:
    low, high = value.get("min"), value.get("max")
    if low is not None and high is not None:
        return f"{low} 元/月" if low == high else f"{low}–{high} 元/月"
    if low is not None:
        return f"{low} 元/月以上"
    return f"{high} 元/月以下" if high is not None else "面议"


def _time_text(value: Mapping[str, Any]) -> str:
    said, at = str(value.get("said", "")), value.get("at")
    if not at:
        return said or "未填"
    try:
        parsed = datetime.fromisoformat(str(at))
    except ValueError:
        return said or str(at)
    clock = clock_text(parsed) if parsed.tzinfo else f"{parsed:%m-%d %H:%M}"
    return f"{clock}（{said}）" if said else clock


def _detail(detail: Mapping[str, Any], texts: Texts) -> tuple[tuple[str, str], ...]:
    rows = []
    if detail.get("hung_up_by"):
        rows.append(("结束方式", texts.name("hung_up_by", str(detail["hung_up_by"]))))
    if detail.get("sip_code"):
        rows.append(("线路代码", f"{detail['sip_code']} {detail.get('sip_reason', '')}".strip()))
    rows += [
        (label, str(detail[key]))
        for key, label in (("recognizer", "语音识别"), ("synthesizer", "语音合成"))
        if detail.get(key)
    ]
    return tuple(rows)


def clock_text(at: datetime) -> str:
    """``11-22 09:30`` by China's clock."""
    return f"{at.astimezone(CHINA):%m-%d %H:%M}"


def full_time_text(at: datetime) -> str:
    """``2026-11-22 09:30:05`` by China's clock."""
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def duration_text(duration_ms: int) -> str:
    """``3:07`` for three minutes and seven seconds."""
    seconds = max(0, round(duration_ms / 1000))
    return f"{seconds // 60}:{seconds % 60:02d}"


def gap_text(gap_ms: int) -> str:
    """``1.2 秒``."""
    return f"{gap_ms / 1000:.1f} 秒"


def waited_text(since: datetime, now: datetime) -> str:
    """``刚刚``, ``3 分钟``, ``2 小时``, ``3 天``."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "刚刚"
    if minutes < 60:
        return f"{minutes} 分钟"
    return f"{minutes // 60} 小时" if minutes < 48 * 60 else f"{minutes // 1440} 天"
