"""Pure: what is left of a document when the person is taken out of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from casework.types import CallRecord
from core.types import Result

# What says nothing about the person: needed to balance the books.
_KEPT_DETAIL = ("campaign_id", "attempt", "district", "corrects", "hung_up_by", "sip_code")


def blank_record(record: CallRecord) -> CallRecord:
    """Return a call of which only the bookkeeping is left: when, which attempt, how it ended."""
    return dataclasses.replace(
        record,
        callee_name="",
        callee_address="",
        recording="",
        utterances=(),
        fields={},
        needs_review=(),
        detail=_kept(record.detail),
    )


def blank_result(result: Result, subject: str) -> Result:
    """Return a result without what was learnt; ``subject`` stands in for the person."""
    return dataclasses.replace(
        result, subject=subject, fields={}, needs_review=(), detail={**_kept(result.detail), "erased": True}
    )


def _kept(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {name: detail[name] for name in _KEPT_DETAIL if name in detail}
