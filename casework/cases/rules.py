"""Which results open a case, how long there is to answer, and what closes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.types import Disposition, FeedbackOutcome, Result

# Reasons for a review that say somebody needs help; the others are about our own doubts.
HELP_REASONS = ("crisis", "hardship_signal", "human_requested", "asked_human", "complaint")
URGENT_REASONS = ("crisis",)
URGENT_WITHIN = timedelta(hours=1)
ANSWER_WITHIN = timedelta(days=3)
CLOSE_WITHIN = timedelta(days=14)  # once somebody is at it
TOP_LEVEL = 2

CLOSING = (FeedbackOutcome.PLACED, FeedbackOutcome.REFUSED, FeedbackOutcome.NOT_FOUND)
_WORKING_ON_IT = (FeedbackOutcome.CONTACTED, FeedbackOutcome.OFFERED)

AT_WORK = ("employed", "self_employed", "flexible")
CHECK_IN_DAYS = (30, 90)
CHECK_IN_PREFIX = "cmp_still"
_TALKED = (Disposition.COMPLETED, Disposition.PARTIAL)


def signals(result: Result) -> tuple[str, ...]:
    """Return why ``result`` asks for help; empty: it does not."""
    found = [reason for reason in result.needs_review if reason in HELP_REASONS]
    hardship, training = result.fields.get("hardship"), result.fields.get("training_wish")
    if hardship is not None and hardship.value:
        found.append("hardship_signal")
    if training is not None and training.value is True:
        found.append("training_wish")
    if is_check_in(result) and _status(result) == "unemployed":
        found.append("lost_work")
    return tuple(dict.fromkeys(found))


def is_urgent(reasons: Sequence[str]) -> bool:
    """Return whether somebody must get in touch within the hour."""
    return any(reason in URGENT_REASONS for reason in reasons)


def first_due(reasons: Sequence[str], now: datetime) -> datetime:
    """Return until when a new case must be answered."""
    return now + (URGENT_WITHIN if is_urgent(reasons) else ANSWER_WITHIN)


def due_after(outcome: FeedbackOutcome, due_at: datetime, now: datetime) -> datetime:
    """Return the date by which a case that stays open must move again; never sooner than before."""
    return max(due_at, now + CLOSE_WITHIN) if outcome in _WORKING_ON_IT else due_at


def escalated_due(due_at: datetime, *, urgent: bool, now: datetime) -> datetime:
    """Return the next level's time to answer."""
    return max(due_at, now) + (URGENT_WITHIN if urgent else ANSWER_WITHIN)


def is_check_in(result: Result) -> bool:
    """Return whether this was the question of somebody at work whether they still are."""
    return str(result.detail.get("campaign_id", "")).startswith(CHECK_IN_PREFIX)


def says_at_work(result: Result) -> bool | None:
    """Return whether the person said they are in work; ``None``: it was not talked about."""
    status = _status(result)
    if status is None or result.channel != "phone" or result.disposition not in _TALKED:
        return None
    return status in AT_WORK


def _status(result: Result) -> str | None:
    value = result.fields.get("employment_status")
    return value.value if value is not None and isinstance(value.value, str) else None
