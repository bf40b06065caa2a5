"""Pure: the one result that a finished attempt has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casework.types import CallRecord
from core.ids import result_id
from core.types import Result


def call_result(record: CallRecord, detail: Mapping[str, Any], *, confidence: float = 1.0) -> Result:
    """Return what the districts are told of a call; its id is derived from the attempt's."""
    return Result(
        result_id=result_id("call", record.call_id),
        kind="call",
        subject=record.person_id,
        source=record.call_id,
        channel="phone",
        at=record.ended_at,
        fields=record.fields,
        disposition=record.disposition,
        confidence=confidence,
        needs_review=record.needs_review,
        detail={
            "campaign_id": record.campaign_id,
            "attempt": record.attempt,
            "district": record.district,
            **detail,
        },
    )
