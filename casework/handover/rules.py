"""When staff can be expected, and when waiting has lasted too long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.handover.types import Handover, HandoverLine, HandoverState
from casework.hours import OFFICE_HOURS, Hours, next_allowed, window_at, windows_of
from core.clock import CHINA

_DAY = timedelta(days=1)
# The servicers of a platform are asked before our own staff's hours matter.
_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a resident waits for somebody, for an answer, and how long we wait for a message.

    ``hours`` are those in which staff are there.
    """

    claim: timedelta = timedelta(minutes=10)
    answer: timedelta = timedelta(minutes=10)
    message: timedelta = timedelta(minutes=15)
    hours: Hours = OFFICE_HOURS


def first_state(at: datetime, *, urgent: bool, hours: Hours = OFFICE_HOURS) -> HandoverState:
    """Return where a request made at ``at`` begins.

    After hours a message is taken. Who is in danger is asked for none: staff find them first thing, and
    the assistant does not leave them alone meanwhile.
    """
    if window_at(at, hours) is not None:
        return HandoverState.WAITING
    return HandoverState.TASK if urgent else HandoverState.TAKING


def overdue(handover: Handover, now: datetime, patience: Patience) -> HandoverState | None:
    """Return the state that a handover has to move to because somebody kept silent; ``None``: none.

    Who waits is asked for a message when the time is over, or staff have gone home. Who was taken and
    then left without an answer goes back to the queue. A message that is never finished counts as it is.
    """
    if handover.state is HandoverState.WAITING:
        gone = window_at(now, patience.hours) is None
        if now - handover.since < (_MOMENT if gone else patience.claim):
            return None
        return HandoverState.TASK if handover.urgent and gone else HandoverState.TAKING
    if handover.state is HandoverState.ACTIVE:
        return HandoverState.WAITING if _unanswered_for(handover, now) >= patience.answer else None
    if handover.state is HandoverState.TAKING:
        last = max(handover.since, handover.resident_at or handover.since)
        return HandoverState.TASK if now - last >= patience.message else None
    return None


def _unanswered_for(handover: Handover, now: datetime) -> timedelta:
    """Return how long the resident has waited for the member of staff who has taken them."""
    since = handover.since
    if handover.staff_at is not None and handover.staff_at >= since:
        if handover.resident_at is None or handover.resident_at <= handover.staff_at:
            return timedelta(0)
        since = handover.resident_at
    return now - since


def answer_by(at: datetime, hours: Hours = OFFICE_HOURS) -> datetime:
    """Return when a message left at ``at`` is answered at the latest: the end of the next office day.

    Before an office day begins, that day is meant; once it has begun, the next one.
    """
    begin = next_allowed(at, hours)
    today = windows_of(begin.astimezone(CHINA).date(), hours)
    if at >= today[0].opens:
        midnight = begin.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = next_allowed(midnight + _DAY, hours)
        today = windows_of(begin.astimezone(CHINA).date(), hours)
    return today[-1].closes


def summary_of(lines: Sequence[HandoverLine], width: int = 40) -> str:
    """Return two lines about a conversation that the dialogue core has none of: the resident's last ones."""
    said = [" ".join(line.text.split()) for line in lines if line.who == "resident" and line.text.strip()]
    return "\n".join(text if len(text) <= width else f"{text[: width - 1]}…" for text in said[-2:])
