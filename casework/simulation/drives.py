"""What is simulated: districts, campaigns ("drives") and how a run is set up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from casework.hours import OFFICE_HOURS, Hours
from casework.rules import DEFAULT_REDIAL, LIMITS, Limits, Policy, Redial
from core.clock import CHINA
from core.types import Disposition

# Residents in 10,000, seventh national census (2020), as a stand-in for who is registered where.
DISTRICTS = {
    "白云区": 374,
    "番禺区": 266,
    "天河区": 224,
    "海珠区": 182,
    "花都区": 164,
    "增城区": 147,
    "黄埔区": 126,
    "荔湾区": 124,
    "越秀区": 104,
    "南沙区": 85,
    "从化区": 72,
}

# With an evening hour and a Saturday morning, for people who work by day.
LATE_HOURS = Hours(
    (((9 * 60, 12 * 60), (14 * 60, 19 * 60)),) * 5 + (((10 * 60, 12 * 60),),) + ((),),
)
START = date(2026, 9, 14)  # thirty days with two holidays and two make-up workdays


@dataclass(frozen=True, slots=True)
class Drive:
    """A campaign to simulate. ``share`` of all people are in it.

    First contacts fall due over ``spread_days``. ``talk_s``: seconds of a completed call.
    ``channel`` is ``phone`` or ``chat``.
    """

    name: str
    policy: Policy
    share: float
    priority: int = 5
    spread_days: int = 0
    talk_s: int = 100
    channel: str = "phone"


@dataclass(frozen=True, slots=True)
class Setup:
    """One run. ``lines`` 0: as many as the work needs, estimated from a sample of the people."""

    people: int = 340_000
    days: int = 30
    seed: int = 1
    start: date = START
    lines: int = 0
    limits: Limits = LIMITS

    @property
    def begins(self) -> datetime:
        """Midnight of the first day in China, in UTC."""
        return datetime(self.start.year, self.start.month, self.start.day, tzinfo=CHINA).astimezone(UTC)

    @property
    def ends(self) -> datetime:
        """The end of the last day."""
        return self.begins + timedelta(days=self.days)


def drives_of(setup: Setup) -> tuple[Drive, ...]:
    """Return the campaigns of a usual month: follow-up, policy notice (calls, messages), 30/90-day check."""
    other_time = {
        disposition: Redial(DEFAULT_REDIAL[disposition].delay, other_time=True)
        for disposition in (Disposition.NO_ANSWER, Disposition.UNREACHABLE, Disposition.VOICEMAIL)
    }
    redial = {**DEFAULT_REDIAL, **other_time}
    notice_ends = min(setup.ends, setup.begins + timedelta(days=21))
    return (
        Drive("就业跟踪回访", Policy(OFFICE_HOURS, redial, 3, setup.ends), share=1.0),
        Drive("政策通知", Policy(OFFICE_HOURS, redial, 2, notice_ends), share=0.2, priority=4, talk_s=45),
        Drive("政策消息", Policy(LATE_HOURS, redial, 1, notice_ends), share=0.15, channel="chat"),
        Drive(
            "就业满30天、90天回访",
            Policy(LATE_HOURS, redial, 3, setup.ends),
            share=0.12,
            priority=6,
            spread_days=max(1, setup.days - 5),
            talk_s=40,
        ),
    )
