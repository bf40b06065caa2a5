"""From a call's story to its disposition, evidence and review reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codec import from_json, to_json
from core.ids import result_id
from core.types import CallEvent, ConversationState, Disposition, FieldValue, Result, Utterance
from tests.voice.test_session import TASK
from tests.voice.virtual_time import START
from voice.notes import CallStory, EndedBy, TurnGap
from voice.outcome import as_transcribed, disposition_of, record_of

ANSWERED = CallStory(
    TASK, START, START + timedelta(seconds=50), EndedBy.RESIDENT, answered_at=START + timedelta(seconds=5)
)
UNANSWERED = replace(ANSWERED, answered_at=None)
SAID = Utterance("resident", "我在天河区上班", 4000, 6200, "m3", 0.8)
STATUS = FieldValue("employed", "上班", "m3", 0.95)


def with_fields(**fields: FieldValue) -> CallStory:
    return replace(ANSWERED, utterances=(SAID,), state=ConversationState(fields=fields))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (replace(UNANSWERED, events=(CallEvent("rejected", 9, {"code": 486}),)), Disposition.BUSY),
        (replace(UNANSWERED, events=(CallEvent("rejected", 9, {"code": 603}),)), Disposition.REJECTED),
        (
            replace(
                UNANSWERED, events=(CallEvent("rejected", 9, {"code": 480, "disposition": "powered_off"}),)
            ),
            Disposition.POWERED_OFF,
        ),
        (replace(UNANSWERED, events=(CallEvent("failed", 9, {"code": 0}),)), Disposition.FAILED),
        (replace(UNANSWERED, ended_by=EndedBy.RESIDENT), Disposition.NO_ANSWER),
        (replace(UNANSWERED, ended_by=EndedBy.SHUTDOWN), Disposition.INTERRUPTED),
        (replace(UNANSWERED, ended_by=EndedBy.FAULT), Disposition.FAILED),
        (
            replace(
                UNANSWERED,
                announcement=Disposition.SUSPENDED,
                events=(CallEvent("rejected", 9, {"code": 480}),),
            ),
            Disposition.SUSPENDED,
        ),
        (replace(UNANSWERED, disposition=Disposition.UNREACHABLE), Disposition.UNREACHABLE),
        (ANSWERED, Disposition.HUNG_UP),
        (replace(ANSWERED, ended_by=EndedBy.BOT), Disposition.NO_SPEECH),
        (replace(ANSWERED, ended_by=EndedBy.BOT, utterances=(SAID,)), Disposition.FAILED),
        (replace(ANSWERED, ended_by=EndedBy.NETWORK), Disposition.MEDIA_FAILED),
        (replace(ANSWERED, ended_by=EndedBy.FAULT), Disposition.FAILED),
        (replace(ANSWERED, ended_by=EndedBy.SHUTDOWN), Disposition.INTERRUPTED),
        (replace(ANSWERED, announcement=Disposition.VOICEMAIL), Disposition.VOICEMAIL),
        (with_fields(employment_status=STATUS), Disposition.PARTIAL),
        (with_fields(district=FieldValue("天河区", source="register")), Disposition.HUNG_UP),
        (
            replace(ANSWERED, state=ConversationState(disposition=Disposition.CALLBACK)),
            Disposition.CALLBACK,
        ),
    ],
)
def test_every_ending_has_its_name(story: CallStory, expected: Disposition) -> None:
    """The network's word, the core's word and what was said decide, in this order."""
    assert disposition_of(story) is expected


def test_a_field_points_at_where_it_was_said() -> None:
    """Times and the lower confidence come from the utterance of the same turn."""
    record, result = record_of(with_fields(employment_status=STATUS))
    field = result.fields["employment_status"]
    assert (field.start_ms, field.end_ms, field.confidence) == (4000, 6200, 0.8)
    assert record.fields == result.fields
    assert result.confidence == 0.8


def test_a_field_from_the_register_has_no_place_in_the_recording() -> None:
    """What was known before keeps its confidence and gets no times."""
    known = FieldValue("天河区", "", "m3", 1.0, "register")
    _, result = record_of(with_fields(district=known))
    assert result.fields["district"] == known


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        (with_fields(employment_status=replace(STATUS, confidence=0.3)), "low_confidence"),
        (with_fields(hardship=FieldValue(["illness"], "生病", "m3", 0.9)), "hardship_signal"),
        (replace(ANSWERED, state=ConversationState(disposition=Disposition.TRANSFERRED)), "asked_human"),
        (replace(ANSWERED, state=ConversationState(needs_review=("anger",))), "anger"),
        (replace(ANSWERED, detail={"recognizer_failures": 2}), "recognizer_failed"),
        (replace(ANSWERED, ended_by=EndedBy.FAULT), "technical_fault"),
    ],
)
def test_what_needs_a_human_is_marked(story: CallStory, reason: str) -> None:
    """Each reason to look at a call is named in record and result."""
    record, result = record_of(story)
    assert reason in record.needs_review
    assert record.needs_review == result.needs_review


def test_a_clean_call_needs_nobody() -> None:
    """Sure answers and no signals leave the review list empty."""
    record, _ = record_of(with_fields(employment_status=STATUS, hardship=FieldValue([], "没有", "m3", 0.9)))
    assert record.needs_review == ()


def test_an_unanswered_attempt_also_has_a_result() -> None:
    """Districts learn of every attempt, under an id that a repeat shares."""
    story = replace(UNANSWERED, events=(CallEvent("rejected", 9, {"code": 486, "reason": "Busy Here"}),))
    record, result = record_of(story)
    again, _ = record_of(story)
    assert result.result_id == result_id("call", TASK.task_id)
    assert result.disposition is Disposition.BUSY
    assert record == again
    assert record.detail["sip_code"] == 486


def test_gaps_are_kept_with_their_parts() -> None:
    """The record holds the total per turn and, in detail, what it was made of."""
    gap = TurnGap(2100, 640, 1300, 60, 90)
    record, _ = record_of(replace(ANSWERED, gaps=(gap,)))
    assert record.turn_gaps_ms == (2100,)
    assert record.detail["turn_gaps"][0]["other_ms"] == 160


DISPOSITIONS = st.none() | st.sampled_from(list(Disposition))


@given(
    st.builds(
        CallStory,
        task=st.just(TASK),
        started_at=st.just(START),
        ended_at=st.just(START),
        ended_by=st.sampled_from(list(EndedBy)),
        answered_at=st.sampled_from([None, START]),
        events=st.lists(
            st.builds(
                CallEvent,
                st.sampled_from(["ringing", "rejected", "failed", "hung_up", "dtmf"]),
                st.integers(0, 99),
                st.fixed_dictionaries({}, optional={"code": st.integers(0, 999), "disposition": st.text()}),
            ),
            max_size=3,
        ).map(tuple),
        announcement=DISPOSITIONS,
        disposition=DISPOSITIONS,
        state=st.builds(ConversationState, disposition=DISPOSITIONS),
        utterances=st.just(()),
        gaps=st.just(()),
        detail=st.just({}),
    )
)
def test_any_story_can_be_told(story: CallStory) -> None:
    """Whatever happened, there is one disposition, and the result survives its way through JSON."""
    _, result = record_of(story)
    assert from_json(to_json(result), Result) == result


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("是的,我就是。", "是的，我就是。", "是的，我就是。"),
        ("5000元", "一个月５０００元吧", "５０００元"),
        ("荔湾区", "我想再立湾取上班。", "荔湾区"),
        ("", "好的", ""),
    ],
)
def test_evidence_reads_as_the_transcript_does(words: str, text: str, found: str) -> None:
    """Only the width of characters may differ; words that are not there stay as they are."""
    assert as_transcribed(words, text) == found
