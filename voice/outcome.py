"""Folds one attempt's story into its disposition, its record and its result. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from casework.results import call_result
from casework.types import CallRecord
from core.types import CallEvent, Disposition, FieldValue, Result, Utterance
from voice.notes import CallStory, EndedBy, TurnGap
from voice.transport.causes import disposition_for

# Below this a field is worth a human's ear.
LOW_CONFIDENCE = 0.5


def disposition_of(story: CallStory) -> Disposition:
    """How the attempt ended."""
    if story.answered_at is None:
        return _unanswered(story)
    if story.announcement is not None:
        return story.announcement
    if story.state.disposition is not None:
        return story.state.disposition
    if story.ended_by is EndedBy.SHUTDOWN:
        return Disposition.INTERRUPTED
    if any(value.source == "said" for value in story.state.fields.values()):
        return Disposition.PARTIAL
    return _answered_without_answers(story)


def _answered_without_answers(story: CallStory) -> Disposition:
    spoke = any(item.speaker == "resident" for item in story.utterances)
    if story.ended_by is EndedBy.FAULT:
        return story.disposition or Disposition.FAILED
    if story.ended_by is EndedBy.NETWORK:
        return story.disposition or Disposition.MEDIA_FAILED
    if story.ended_by is EndedBy.RESIDENT:
        return Disposition.HUNG_UP
    return Disposition.FAILED if spoke else Disposition.NO_SPEECH


def _unanswered(story: CallStory) -> Disposition:
    if story.announcement is not None:
        return story.announcement
    if story.ended_by is EndedBy.SHUTDOWN:
        return Disposition.INTERRUPTED
    for event in reversed(story.events):
        if event.kind in {"rejected", "failed"}:
            return _of_event(event)
    if story.disposition is not None:
        return story.disposition
    return Disposition.FAILED if story.ended_by is EndedBy.FAULT else Disposition.NO_ANSWER


def _of_event(event: CallEvent) -> Disposition:
    named = event.detail.get("disposition")
    if named in set(Disposition):
        return Disposition(named)
    code = event.detail.get("code")
    if isinstance(code, int) and 300 <= code <= 699:
        return disposition_for(code)
    return Disposition.REJECTED if event.kind == "rejected" else Disposition.FAILED


def with_evidence(fields: Mapping[str, FieldValue], utterances: Iterable[Utterance]) -> dict[str, FieldValue]:
    """Point every field that was said at the stretch of the recording it came from.

    Its confidence becomes the lower of the core's (was it understood?) and the recogniser's
    (was it heard?): one doubt is enough to send a listener there.
    """
    spoken = {item.message_id: item for item in utterances if item.speaker == "resident" and item.message_id}
    evidenced: dict[str, FieldValue] = {}
    for name, value in fields.items():
        utterance = spoken.get(value.message_id)
        if utterance is None or value.source != "said":
            evidenced[name] = value
            continue
        heard = 1.0 if utterance.confidence is None else utterance.confidence
        evidenced[name] = replace(
            value,
            words=as_transcribed(value.words, utterance.text),
            start_ms=utterance.start_ms,
            end_ms=utterance.end_ms,
            confidence=round(min(value.confidence, heard), 3),
        )
    return evidenced


def as_transcribed(words: str, text: str) -> str:
    """Return the stretch of ``text`` that reads like ``words`` but for the width of its characters.

    The core reads half-width text; staff look the words up in the transcript as it stands.
    """
    folded = [(unicodedata.normalize("NFKC", char), place) for place, char in enumerate(text)]
    places = [place for forms, place in folded for _ in forms]
    start = "".join(forms for forms, _ in folded).find(unicodedata.normalize("NFKC", words))
    if start < 0 or not words:
        return words
    return text[places[start] : places[start + len(unicodedata.normalize("NFKC", words)) - 1] + 1]


def review_reasons(
    story: CallStory, fields: Mapping[str, FieldValue], disposition: Disposition
) -> tuple[str, ...]:
    """Why somebody should look at this call; the core's own reasons come first."""
    reasons = list(story.state.needs_review)
    if any(value.confidence < LOW_CONFIDENCE for value in fields.values() if value.source == "said"):
        reasons.append("low_confidence")
    if disposition is Disposition.TRANSFERRED:
        reasons.append("asked_human")
    hardship = fields.get("hardship")
    if hardship is not None and hardship.value:
        reasons.append("hardship_signal")
    if story.detail.get("recognizer_failures"):
        reasons.append("recognizer_failed")
    if any(event.detail.get("audio") for event in story.events):
        reasons.append("one_way_audio")
    if story.answered_at is not None and story.ended_by is EndedBy.FAULT:
        reasons.append("technical_fault")
    return tuple(dict.fromkeys(reasons))


def record_of(story: CallStory) -> tuple[CallRecord, Result]:
    """Return what is stored about the attempt and what is told to the districts."""
    task = story.task
    disposition = disposition_of(story)
    fields = with_evidence(story.state.fields, story.utterances)
    reasons = review_reasons(story, fields, disposition)
    record = CallRecord(
        call_id=task.task_id,
        campaign_id=task.campaign_id,
        person_id=task.callee.person_id,
        callee_name=task.callee.name,
        callee_address=task.callee.address,
        district=task.callee.district,
        attempt=task.attempt,
        started_at=story.started_at,
        ended_at=story.ended_at,
        disposition=disposition,
        answered_at=story.answered_at,
        recording=story.recording,
        utterances=story.utterances,
        fields=fields,
        needs_review=reasons,
        turn_gaps_ms=tuple(gap.total_ms for gap in story.gaps),
        detail=_record_detail(story),
    )
    return record, _result_of(story, record)


def _result_of(story: CallStory, record: CallRecord) -> Result:
    said = [value.confidence for value in record.fields.values() if value.source == "said"]
    started = record.answered_at or record.ended_at
    detail = {
        "district": record.district,
        "talk_seconds": round(max(0.0, (record.ended_at - started).total_seconds()), 1),
        "recording": record.recording,
        "policy_ids": list(story.state.policy_ids),
        "summary": list(story.state.summary),
        "ended_by": story.ended_by.value,
    }
    return call_result(record, detail, confidence=min(said, default=1.0))


def _record_detail(story: CallStory) -> dict[str, Any]:
    detail: dict[str, Any] = dict(story.detail)
    detail["hung_up_by"] = story.ended_by.value
    if story.fault:
        detail["fault"] = story.fault
    for event in story.events:
        if event.detail.get("code"):
            detail["sip_code"] = event.detail["code"]
            detail["sip_reason"] = str(event.detail.get("reason", ""))
        if event.detail.get("audio"):
            detail["audio"] = event.detail["audio"]
    if story.state.summary:
        detail["summary"] = list(story.state.summary)
    if story.state.open_question:
        detail["open_question"] = story.state.open_question
    detail["turn_gaps"] = [_gap_detail(gap) for gap in story.gaps]
    return detail


def _gap_detail(gap: TurnGap) -> dict[str, int]:
    return {
        "total_ms": gap.total_ms,
        "endpoint_ms": gap.endpoint_ms,
        "recognition_ms": gap.recognition_ms,
        "dialogue_ms": gap.dialogue_ms,
        "synthesis_ms": gap.synthesis_ms,
        "other_ms": gap.other_ms,
    }
