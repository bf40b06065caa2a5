"""What a campaign wants: whom, when, how often, how fast, and when it stops itself. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from casework.fairness import NORMAL_PRIORITY
from casework.hours import OFFICE_HOURS, Hours
from casework.rules import DEFAULT_REDIAL, MAX_ATTEMPTS, Policy, Redial
from core.codec import from_json
from core.types import Disposition

# Endings that say something is wrong with our line rather than with reaching one person.
FAILURES = (
    Disposition.FAILED,
    Disposition.MEDIA_FAILED,
    Disposition.INTERRUPTED,
    Disposition.UNREACHABLE,
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of the script (A/B). ``script`` empty: the campaign's own, told the variant's name."""

    name: str
    weight: float = 1.0
    script: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """Pause when of the calls that ended in the last ``minutes``, at least ``minimum``, ``rate`` failed."""

    rate: float = 0.5
    minutes: int = 10
    minimum: int = 20


@dataclass(frozen=True, slots=True)
class Audience:
    """A saved query over the register; what is not given does not choose. Both ends are included.

    ``months_unemployed`` counts whole months since registration, ``age`` by year of birth.
    ``not_contacted_days``: no call began in so many days. ``hardship``: any of these words
    stands in the register; ``("any",)`` takes everybody with an entry.
    """

    districts: tuple[str, ...] = ()
    streets: tuple[str, ...] = ()
    months_unemployed: tuple[int, int] | None = None
    age: tuple[int, int] | None = None
    graduate_years: tuple[int, int] | None = None
    not_contacted_days: int = 0
    hardship: tuple[str, ...] = ()
    education: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Everything about a campaign but its people. ``redial`` replaces the default rules it names.

    ``max_lines``, ``calls_per_second`` 0: no limit of its own. ``callers``: numbers to call from.
    """

    script: str = ""
    variants: tuple[Variant, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    register_variables: Mapping[str, str] = field(default_factory=dict)  # name -> column of the register
    hours: Hours = OFFICE_HOURS
    redial: Mapping[Disposition, Redial] = field(default_factory=dict)
    max_attempts: int = MAX_ATTEMPTS
    priority: int = NORMAL_PRIORITY
    max_lines: int = 0
    calls_per_second: float = 0.0
    callers: tuple[str, ...] = ()
    ends_at: datetime | None = None
    guard: Guard | None = field(default_factory=Guard)
    audience: Audience | None = None

    def policy(self, *, ignore_window: bool = False) -> Policy:
        """Return what the rules need to know."""
        redial = {**DEFAULT_REDIAL, **self.redial} if self.redial else DEFAULT_REDIAL
        return Policy(self.hours, redial, self.max_attempts, self.ends_at, ignore_window)

    def script_of(self, variant: str) -> str:
        """Return the script that people of ``variant`` hear."""
        named = (each.script for each in self.variants if each.name == variant)
        return next(named, "") or self.script


@lru_cache(maxsize=512)
def read_plan(document: str) -> CampaignPlan:
    """Return a stored plan. Raises ``BadInput``."""
    return from_json(document, CampaignPlan)


def assign_variant(plan: CampaignPlan, campaign_id: str, person_id: str) -> str:
    """Return the variant of a person: by weight, evenly, and the same however often it is asked."""
    if not plan.variants:
        return ""
    digest = hashlib.sha256(f"{campaign_id}\x1f{person_id}".encode()).digest()
    point = int.from_bytes(digest[:8]) / 2**64 * sum(each.weight for each in plan.variants)
    for variant in plan.variants:
        point -= variant.weight
        if point < 0:
            return variant.name
    return plan.variants[-1].name


def spikes(guard: Guard, ended: int, failed: int) -> bool:
    """Return whether ``failed`` of ``ended`` calls are too many."""
    return ended >= guard.minimum and failed >= guard.rate * ended


def guard_since(guard: Guard, now: datetime, resumed_at: datetime | None) -> datetime:
    """Return from when on ended calls count: since the window began, or since somebody resumed."""
    begins = now - timedelta(minutes=guard.minutes)
    return begins if resumed_at is None else max(begins, resumed_at)
