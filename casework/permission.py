"""May this person be contacted now, and which rule says so? Pure.

The one decision that the dispatcher, proactive chat messages and the simulator share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from casework.hours import Hours, is_holiday, minute_of, next_allowed, window_at, within
from casework.rules import LIMITS, Limits, Policy, budget_broken, budget_free_at
from core.clock import CHINA


class Rule(StrEnum):
    """What allowed or stopped a contact. The Chinese names are in ``docs/glossary.md``."""

    ALLOWED = "allowed"
    REHEARSAL = "rehearsal"  # allowed because hours and budget are ignored
    DO_NOT_CALL = "do_not_call"
    CAMPAIGN_OVER = "campaign_over"  # its end date has passed
    CAMPAIGN_STOPPED = "campaign_stopped"  # by staff
    QUIET_HOURS = "quiet_hours"  # of the house, whatever the campaign's hours are
    HOLIDAY = "holiday"
    OUT_OF_HOURS = "out_of_hours"  # of the campaign
    IN_CONTACT = "in_contact"  # the same number is being called
    BUDGET_DAY = "budget_day"
    BUDGET_WEEK = "budget_week"
    BUDGET_MONTH = "budget_month"


_FINAL = (Rule.DO_NOT_CALL, Rule.CAMPAIGN_OVER, Rule.CAMPAIGN_STOPPED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a person's address at the moment of the decision.

    ``earlier``: when contacts of any campaign and channel began, at least those of 30 days.
    """

    barred: bool = False
    in_contact: bool = False
    earlier: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision. ``until``: when to ask again; ``None`` with a final rule, or for "soon"."""

    rule: Rule
    until: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Whether the contact may begin now."""
        return self.rule in (Rule.ALLOWED, Rule.REHEARSAL)

    @property
    def final(self) -> bool:
        """Whether asking again is of no use."""
        return self.rule in _FINAL


def decide(policy: Policy, standing: Standing, now: datetime, limits: Limits = LIMITS) -> Verdict:
    """Return the first rule that stops a contact at ``now``, else the one that allows it.

    A refusal of the person comes before everything, also in a rehearsal.
    """
    if standing.barred:
        return Verdict(Rule.DO_NOT_CALL)
    if policy.ends_at is not None and now >= policy.ends_at:
        return Verdict(Rule.CAMPAIGN_OVER)
    hours = within(policy.hours, limits.opens, limits.closes)
    if not policy.ignore_window and window_at(now, hours) is None:
        return Verdict(_why_closed(now, limits), _opens_again(now, hours))
    if standing.in_contact:
        return Verdict(Rule.IN_CONTACT)
    if policy.ignore_window:
        return Verdict(Rule.REHEARSAL)
    broken = budget_broken(standing.earlier, now, limits)
    if broken:
        return Verdict(Rule(f"budget_{broken}"), budget_free_at(standing.earlier, now, limits, hours))
    return Verdict(Rule.ALLOWED)


def _why_closed(now: datetime, limits: Limits) -> Rule:
    if not limits.opens <= minute_of(now) < limits.closes:
        return Rule.QUIET_HOURS
    return Rule.HOLIDAY if is_holiday(now.astimezone(CHINA).date()) else Rule.OUT_OF_HOURS


def _opens_again(now: datetime, hours: Hours) -> datetime:
    """Hours that the house's own leave nothing of are asked about again tomorrow: both can be changed."""
    try:
        return next_allowed(now, hours)
    except ValueError:
        return now + timedelta(days=1)
