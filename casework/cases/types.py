"""A case and its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CaseState(StrEnum):
    """Open until an outcome is known."""

    OPEN = "open"
    CLOSED = "closed"


class EventKind(StrEnum):
    """What a line of a timeline says."""

    OPENED = "opened"
    SIGNAL = "signal"  # another result of this person says that help is needed
    FEEDBACK = "feedback"  # a district or a member of staff did something
    ESCALATED = "escalated"  # nobody answered in time: the next level is responsible
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Case:
    """One person who needs help. ``level`` 0: the street, 1: the district, 2: the city.

    ``subject`` is a person's id, or a conversation's when the person is not known. ``outcome``:
    the closing feedback's, empty while open.
    """

    case_id: str
    subject: str
    district: str
    street: str
    reasons: tuple[str, ...]
    urgent: bool
    state: CaseState
    outcome: str
    opened_at: datetime
    due_at: datetime
    level: int
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One line of a case's timeline."""

    at: datetime
    kind: EventKind
    by: str = ""
    outcome: str = ""
    result_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; what is empty does not choose."""

    state: CaseState | None = None
    district: str = ""
    street: str = ""
    overdue_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page of cases, the most pressing first. ``after`` fetches the next one; empty on the last page."""

    cases: tuple[Case, ...]
    after: str = ""
