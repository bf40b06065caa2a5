"""How many calls may begin now: lines per campaign, trunk and caller number, calls per second. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from casework.plans import CampaignPlan

MAX_RATE_WINDOW = timedelta(seconds=60)
_BURST, _STRETCH = timedelta(seconds=1), timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class LineLimits:
    """Of the whole house; 0: none. ``trunk``: calls at once, ``callers``: at once per calling number."""

    trunk: int = 0
    callers: Mapping[str, int] = field(default_factory=dict)
    per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that waits for a worker, is under way, or began a moment ago (``busy`` false: it is over)."""

    campaign_id: str
    caller: str
    queued_at: datetime
    busy: bool


class Pacer:
    """Counts what is placed; ``caller_for`` says whether one more call may be, ``took`` counts it."""

    def __init__(self, limits: LineLimits, placed: Iterable[Placed], now: datetime) -> None:
        self._limits, self._now = limits, now
        self._campaigns: Counter[str] = Counter()
        self._callers: Counter[str] = Counter()
        self._begun: dict[str, list[datetime]] = {}
        self._busy = 0
        for call in placed:
            self._begun.setdefault(call.campaign_id, []).append(call.queued_at)
            if call.busy:
                self._count(call.campaign_id, call.caller)

    def caller_for(self, campaign_id: str, plan: CampaignPlan) -> str | None:
        """Return the number to call from (``""``: the trunk's own); ``None``: no call may begin now."""
        limits = self._limits
        if limits.trunk and self._busy >= limits.trunk:
            return None
        if plan.max_lines and self._campaigns[campaign_id] >= plan.max_lines:
            return None
        mine = self._begun.get(campaign_id, ())
        everybody = [at for begun in self._begun.values() for at in begun] if limits.per_second else ()
        if not self._keeps(plan.calls_per_second, mine) or not self._keeps(limits.per_second, everybody):
            return None
        if not plan.callers:
            return ""
        free = {caller: self._free(caller) for caller in plan.callers}
        best = max(plan.callers, key=lambda caller: free[caller])
        return best if free[best] > 0 else None

    def took(self, campaign_id: str, caller: str) -> None:
        """Count a call that begins now."""
        self._begun.setdefault(campaign_id, []).append(self._now)
        self._count(campaign_id, caller)

    def _count(self, campaign_id: str, caller: str) -> None:
        self._busy += 1
        self._campaigns[campaign_id] += 1
        self._callers[caller] += 1

    def _free(self, caller: str) -> float:
        """Lines left on a calling number; without a limit, the least used one comes first."""
        limit = self._limits.callers.get(caller, 0)
        return limit - self._callers[caller] if limit else 1_000_000 - self._callers[caller]

    def _keeps(self, per_second: float, begun: Iterable[datetime]) -> bool:
        """Whether one more call keeps the rate: in a burst, rounded up, and over ten seconds, exactly."""
        if not per_second:
            return True
        times = list(begun)
        long = max(_STRETCH, min(MAX_RATE_WINDOW, timedelta(seconds=1 / per_second)))
        for window in (_BURST, long):
            exact = per_second * window.total_seconds()
            allowed = math.ceil(exact) if window is _BURST else max(1, int(exact))
            if sum(at > self._now - window for at in times) >= allowed:
                return False
        return True
