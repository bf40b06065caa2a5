"""The report counts calls, fields and pauses as its documentation says."""

from __future__ import annotations

from datetime import UTC, datetime

from casework.types import CallRecord
from core.types import Disposition, FieldValue, Utterance
from voice.lab.measures import Gap, Measured
from voice.lab.report import Called, Fields, Leaks, compare, f1, quantiles, report
from voice.resident.persona import Expectation

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
KEYS = {"calls", "disposition_accuracy", "field_f1", "turn_gap_ms", "turn_gap_parts_ms", "barge_in_ms",
        "false_cut_rate", "false_stop_rate", "leaks", "by_resident"}  # fmt: skip


def record(**fields: FieldValue) -> CallRecord:
    """A stored call in which 我想做保安 was said."""
    said = (Utterance("resident", "我想做保安", 1000, 2000, "m2"),)
    return CallRecord(
        "a1", "c1", "p1", "何某", "sip:x@127.0.0.1", "", 1, AT, AT, Disposition.COMPLETED,
        utterances=said, fields=fields,
    )  # fmt: skip


def call(resident: str = "x", level: str = "text", **changes: object) -> Called:
    """A call with one pause."""
    parts = {"endpoint": 300, "recognition": 60, "dialogue": 20, "synthesis": 5}
    measured = Measured((Gap(500, parts),), turns=2, false_cuts=1, back_channels=4, false_stops=1)
    values = {"disposition": "completed", "as_expected": True, "fields": Fields(1), "measured": measured}
    return Called(resident, "mandarin", level, **{**values, **changes})  # type: ignore[arg-type]


def test_fields_are_right_wrong_lacking_or_invented() -> None:
    """Each difference is named; evidence is words of the transcript with their time."""
    said = FieldValue(["保安"], words="保安", message_id="m2", start_ms=1000, end_ms=2000)
    found = record(wanted_jobs=said, district=FieldValue("天河区"), hardship=FieldValue([]))
    wanted = {"wanted_jobs": ["保安"], "district": "荔湾区", "expected_pay": 3000}

    fields, wrong = compare(Expectation(Disposition.COMPLETED, wanted), found)

    assert fields == Fields(right=1, wrong=2, lacking=2, evident=1)
    assert len(wrong) == 3
    assert f1([fields]) == round(2 / 6, 4)
    assert compare(Expectation(), found) == (Fields(), ())


def test_a_report_has_the_keys_that_others_read() -> None:
    """One JSON object with every documented key, figures rounded, nothing where nothing was measured."""
    summary = report([call(), call("y", as_expected=False, wrong=("w",))], Leaks(sockets=1), "alaw8k", "text")

    assert summary.keys() >= KEYS
    assert (summary["calls"], summary["disposition_accuracy"], summary["field_f1"]) == (2, 0.5, 1.0)
    assert (summary["false_cut_rate"], summary["false_stop_rate"]) == (0.5, 0.25)
    assert summary["turn_gap_ms"] == {"p50": 500, "p90": 500, "p99": 500}
    assert summary["turn_gap_parts_ms"]["transport"] == {"p50": 115, "p90": 115}
    assert summary["turn_gap_but_recognition_ms"]["p50"] == 440
    assert summary["barge_in_ms"] == {"p50": None, "p90": None}
    assert summary["leaks"] == {"tasks": 0, "sockets": 1, "attempts": 0}
    assert summary["by_resident"]["y"]["disposition_accuracy"] == 0.0
    assert summary["misses"] == ["y: w"]


def test_calls_at_text_level_are_reported_apart_from_those_that_were_heard() -> None:
    """A variety that the engine does not hear is neither dropped nor counted with the others."""
    summary = report([call(level="audio"), call("y", as_expected=False)], Leaks(), "alaw8k", "whisper")

    assert (summary["calls"], summary["disposition_accuracy"]) == (1, 1.0)
    assert summary["apart_at_text_level"]["calls"] == 1
    assert set(summary["by_resident"]) == {"x", "y"}


def test_percentiles_are_nearest_ranks() -> None:
    """Of ten values the ninth is p90; of nothing there is none."""
    assert quantiles(range(1, 11), (50, 90, 99)) == {"p50": 5, "p90": 9, "p99": 10}
    assert quantiles([], (50,)) == {"p50": None}
