"""Values in Chinese, evidence in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.present import Piece, call_view, duration_text, field_rows, mark_evidence, value_text
from console.texts import load_texts
from core.types import FieldValue
from tests.console import seed

TEXTS = load_texts()


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("identity", "self", "本人"),
        ("convenient", False, "否"),
        ("social_insurance", "yes", "已参保"),
        ("wanted_jobs", ["保安", "司机"], "保安、司机"),
        ("hardship", ["illness", "debt"], "患病、负债"),
        ("hardship", [], "无"),
        ("expected_pay", {"min": 4000, "max": 4000}, "4000 元/月"),
        ("expected_pay", {"min": None, "max": 5000}, "5000 元/月以下"),
        ("expected_pay", {}, "面议"),
        (
            "callback_time",
            {"said": "明天三点", "at": "2026-11-23T07:00:00+00:00"},
            "11-23 15:00（明天三点）",
        ),
        ("callback_time", {"said": "过几天", "at": None}, "过几天"),
        ("callback_time", {"said": "回头", "at": "nonsense"}, "回头"),
        ("working_time", "做六休一", "做六休一"),
        ("current_work", None, "未填"),
        ("something_new", 7, "7"),
    ],
)
def test_values_are_said_in_chinese(key: str, value: object, shown: str) -> None:
    """Codes become words; what is no code stays as it was said."""
    assert value_text(key, value, TEXTS) == shown


def test_longer_evidence_wins_over_what_lies_inside() -> None:
    """Overlapping words are marked once, and the text stays whole."""
    pieces = mark_evidence("想找仓库的活", [("仓库", "a"), ("仓库的活", "b"), ("没说过", "c")])

    assert pieces == (Piece("想找"), Piece("仓库的活", "b"))


def test_field_without_times_takes_its_turns() -> None:
    """Evidence that only names its turn points at the whole utterance."""
    lines = seed.talk()
    [row] = field_rows({"district": FieldValue("荔湾区", "荔湾", "m9")}, TEXTS, lines)

    assert (row.line, row.start_ms, row.end_ms) == (9, lines[9].start_ms, lines[9].end_ms)


def test_known_values_have_no_place_in_the_recording() -> None:
    """What was registered before the call is not shown as said in it."""
    [row] = field_rows({"district": FieldValue("荔湾区", source="register")}, TEXTS, seed.talk())

    assert (row.line, row.start_ms, row.source, row.doubtful) == (None, None, "原有登记", False)


def test_gaps_stand_before_the_bots_answers_only() -> None:
    """A line has a gap when the bot answers the resident."""
    view = call_view(seed.completed_call(), TEXTS)

    assert view.lines[2].gap_ms == 1300
    assert [line.gap_ms for line in view.lines if line.speaker == "resident"] == [None] * 10
    assert (view.gap_p50_ms, view.gap_max_ms) == (1400, 2700)
    assert duration_text(view.talk_ms) == "1:37"


def test_a_second_hearing_stands_under_the_line_it_doubts() -> None:
    """The second recognition's words are shown with the line that begins there; junk shows nothing."""
    call = seed.completed_call()
    line = next(item for item in call.utterances if item.speaker == "resident")
    second = {"engine": "x", "lines": [{"start_ms": line.start_ms, "text": "荔湾"}, {"start_ms": "x"}, 7]}
    view = call_view(replace(call, detail={"second_hearing": second}), TEXTS)
    assert [item.again for item in view.lines if item.again] == ["荔湾"]
    assert not [i for i in call_view(replace(call, detail={"second_hearing": 3}), TEXTS).lines if i.again]
