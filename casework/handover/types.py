"""What a handover is, as the doors and the console speak of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HandoverState(StrEnum):
    """Where a handover stands. While it is waiting, active or taking, the assistant is silent."""

    WAITING = "waiting"  # nobody has taken it yet
    ACTIVE = "active"  # a member of staff, or a servicer of the platform, answers
    TAKING = "taking"  # nobody is there: the resident is being asked for a message
    TASK = "task"  # a message was left: staff are to answer later
    CLOSED = "closed"


class HandoverEnd(StrEnum):
    """Why a handover is closed."""

    RETURNED = "returned"  # staff gave the conversation back to the assistant, with a note
    SETTLED = "settled"  # staff ended it
    WITHDRAWN = "withdrawn"  # the resident did not want to wait any more
    ELSEWHERE = "elsewhere"  # the session with the platform's servicer has ended


SILENT = frozenset({HandoverState.WAITING, HandoverState.ACTIVE, HandoverState.TAKING})
"""The states in which the assistant does not answer."""


class Delivery(StrEnum):
    """What became of a line that staff wrote; a refusal is the code of its error instead."""

    PENDING = "pending"  # the door has not seen it yet
    QUEUED = "queued"  # the courier has it
    SENT = "sent"  # the platform, or the page, has it


@dataclass(frozen=True, slots=True)
class Contact:
    """What a resident left when nobody was there; parts they did not want to give are empty."""

    about: str = ""
    name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class HandoverRequest:
    """A reply has said that a person is to take over. ``handover_id`` is derived from the turn.

    ``state`` is where it begins: waiting, taking, or a task at once. ``summary`` has up to two lines.
    """

    handover_id: str
    conversation_id: str
    channel: str
    message_id: str
    at: datetime
    state: HandoverState
    urgent: bool = False
    district: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Handover:
    """One handover as it stands.

    ``version`` grows with every change of state; ``heeded`` is the version the doors have acted on.
    ``resident_at`` and ``staff_at``: when each side last wrote. ``log_cursor``: how far the
    conversation's log was copied.
    """

    handover_id: str
    conversation_id: str
    channel: str
    message_id: str
    asked_at: datetime
    state: HandoverState
    since: datetime  # when it came into this state
    urgent: bool = False
    district: str = ""
    summary: str = ""
    staff: str = ""
    contact: Contact | None = None
    note: str = ""
    end: str = ""
    version: int = 1
    heeded: int = 0
    resident_at: datetime | None = None
    staff_at: datetime | None = None
    log_cursor: str = "0-0"


@dataclass(frozen=True, slots=True)
class HandoverLine:
    """One line of the conversation. ``who`` is ``resident``, ``bot``, ``staff`` or ``notice``.

    ``delivery`` concerns lines of staff: a ``Delivery`` or the code of an error.
    """

    line_id: str
    at: datetime
    who: str
    text: str
    by: str = ""
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class PendingLine:
    """A line of staff that the door of ``channel`` has to say in ``conversation_id``."""

    conversation_id: str
    channel: str
    handover_id: str
    line: HandoverLine
