"""What somebody must be told at once, on its way to the alerts stream and the notifiers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

ALERTS_STREAM = "nuanye:alerts"


class AlertKind(StrEnum):
    """What happened."""

    CRISIS = "crisis"  # somebody spoke of dying: a person must get in touch now
    CASE_OVERDUE = "case_overdue"  # nobody has answered an open case in time
    FAILURE_SPIKE = "failure_spike"  # a campaign paused itself
    DEAD_LETTER = "dead_letter"  # an entry that nobody could use
    QUEUE_STALE = "queue_stale"  # a consumer has not taken or acknowledged for long
    QUEUE_DOWN = "queue_down"  # Redis is gone, full or read-only
    DATABASE_DOWN = "database_down"


@dataclass(frozen=True, slots=True)
class Alert:
    """JSON Schema: ``docs/schema/alert-v1.json``. The same id again is the same alert.

    ``subject`` is what it is about: an id of ours or a stream's name, never a name or a number.
    """

    alert_id: str
    kind: AlertKind
    subject: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = 1


def alert(
    kind: AlertKind, subject: str, at: datetime, *, key: str = "", detail: Mapping[str, Any] | None = None
) -> Alert:
    """Return the alert of ``kind`` about ``subject``; ``key`` tells repeats that are news apart."""
    digest = hashlib.sha256("\x1f".join((kind, subject, key)).encode()).hexdigest()
    return Alert(f"alr_{digest[:24]}", kind, subject, at, detail or {})
