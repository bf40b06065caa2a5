"""Shared types to JSON and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codec import from_json, from_plain, to_json, to_plain
from core.errors import BadInput
from core.types import Answer, ConversationState, Disposition, FieldValue, Reply, Result, Turn, TurnEvent

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@given(st.text(max_size=50), st.text(max_size=20))
def test_a_turn_survives_the_round_trip(text: str, message_id: str) -> None:
    """Any text comes back as it went in."""
    turn = Turn("c1", "web", text, message_id, AT, TurnEvent.UTTERANCE, {"a": [1, "二"]})

    assert turn == from_json(to_json(turn), Turn)


def test_a_result_survives_with_its_evidence() -> None:
    """Nested evidence and enumerations come back as their own types."""
    result = Result(
        "res_1", "call", "p1", "att_1", "phone", AT,
        {"district": FieldValue("天河区", "天和区", "m3", 0.7, start_ms=100, end_ms=900)},
        Disposition.COMPLETED,
    )  # fmt: skip

    assert result == from_json(to_json(result), Result)


def test_an_answer_survives_as_plain_values() -> None:
    """Plain dicts and lists carry an answer too."""
    answer = Answer((Reply("您好"),), ConversationState(open_question="district", keys=("1", "2")))

    assert answer == from_plain(to_plain(answer), Answer)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"text":1}', b"\xff\xfe", b'{"conversation_id":"c","channel":"web"}', b"null"],
)
def test_malformed_json_is_bad_input(data: bytes) -> None:
    """Every malformed document is refused with our own error."""
    with pytest.raises(BadInput, match="not a valid Turn"):
        from_json(data, Turn)


def test_the_error_does_not_quote_the_content() -> None:
    """A refused document's values stay out of the message."""
    with pytest.raises(BadInput) as caught:
        from_json('{"conversation_id": {"name": "陈桂英"}}', Turn)

    assert "陈桂英" not in str(caught.value)
