"""The one decision: which rule allows or stops a contact, and when to ask again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.hours import OFFICE_HOURS, Hours, day_part, next_other_part, window_at, within
from casework.permission import Rule, Standing, decide
from casework.rules import Ended, Limits, Policy, Redial, next_attempt, within_budget
from casework.titles import RULES
from core.clock import CHINA
from core.types import Disposition


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


TEN = _at("2026-11-23 10:00")
EVENING = Hours((((9 * 60, 12 * 60), (14 * 60, 21 * 60)),) * 7)


@pytest.mark.parametrize(
    ("at", "policy", "standing", "rule", "until"),
    [
        ("2026-11-23 10:00", Policy(), Standing(), Rule.ALLOWED, None),
        ("2026-11-23 10:00", Policy(), Standing(barred=True), Rule.DO_NOT_CALL, None),
        ("2026-11-22 03:00", Policy(ignore_window=True), Standing(), Rule.REHEARSAL, None),
        ("2026-11-22 03:00", Policy(ignore_window=True), Standing(barred=True), Rule.DO_NOT_CALL, None),
        ("2026-11-23 10:00", Policy(ends_at=TEN), Standing(), Rule.CAMPAIGN_OVER, None),
        ("2026-11-23 12:30", Policy(), Standing(), Rule.OUT_OF_HOURS, "2026-11-23 14:00"),
        ("2026-11-21 10:00", Policy(), Standing(), Rule.OUT_OF_HOURS, "2026-11-23 09:00"),
        ("2026-10-01 10:00", Policy(), Standing(), Rule.HOLIDAY, "2026-10-08 09:00"),
        ("2026-11-23 20:00", Policy(EVENING), Standing(), Rule.QUIET_HOURS, "2026-11-24 09:00"),
        ("2026-11-23 19:59", Policy(EVENING), Standing(), Rule.ALLOWED, None),
        ("2026-11-23 10:00", Policy(), Standing(in_contact=True), Rule.IN_CONTACT, None),
        (
            "2026-11-23 10:00",
            Policy(),
            Standing(earlier=[TEN - timedelta(minutes=n) for n in (5, 50)]),
            Rule.BUDGET_DAY,
            "2026-11-24 09:00",
        ),
        (
            "2026-11-23 10:00",
            Policy(),
            Standing(earlier=[TEN - timedelta(days=n) for n in (1, 2, 3, 6)]),
            Rule.BUDGET_WEEK,
            "2026-11-25 09:00",
        ),
        (
            "2026-11-23 10:00",
            Policy(),
            Standing(earlier=[TEN - timedelta(days=n) for n in (1, 2, 3, 10, 11, 12, 20, 29)]),
            Rule.BUDGET_MONTH,
            "2026-11-25 09:00",
        ),
    ],
)
def test_the_first_rule_that_applies_decides(
    at: str, policy: Policy, standing: Standing, rule: Rule, until: str | None
) -> None:
    """Refusals first, then end, hours, the call under way, the budget; each says when to ask again."""
    verdict = decide(policy, standing, _at(at))
    assert verdict.rule is rule
    assert verdict.allowed is (rule in (Rule.ALLOWED, Rule.REHEARSAL))
    assert verdict.final is (rule in (Rule.DO_NOT_CALL, Rule.CAMPAIGN_OVER))
    if rule is Rule.BUDGET_WEEK or rule is Rule.BUDGET_MONTH:
        assert verdict.until is not None
        assert within_budget(standing.earlier, verdict.until)
        assert verdict.until > _at(at)
    else:
        assert verdict.until == (_at(until) if until else None)


def test_hours_that_nothing_is_left_of_never_call() -> None:
    """A campaign for the evening in a house that closes at six is asked about again, never called."""
    night = Policy(Hours((((19 * 60, 20 * 60),),) * 7))
    verdict = decide(night, Standing(), _at("2026-11-23 19:30"), Limits(closes=18 * 60))
    assert (verdict.rule, verdict.until) == (Rule.QUIET_HOURS, _at("2026-11-24 19:30"))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(CHINA)),
    st.lists(st.integers(0, 40 * 24 * 60), max_size=12),
)
def test_what_is_allowed_keeps_every_limit(now: datetime, minutes: list[int]) -> None:
    """Whenever the decision allows, hours and budget hold; whenever it waits, it waits for later."""
    standing = Standing(earlier=[now - timedelta(minutes=each) for each in minutes])
    verdict = decide(Policy(), standing, now)
    if verdict.allowed:
        assert window_at(now, OFFICE_HOURS) is not None
        assert within_budget(standing.earlier, now)
    else:
        assert verdict.until is not None
        assert verdict.until > now


def test_every_rule_has_a_name_for_staff() -> None:
    """No code is shown bare."""
    assert set(RULES) == set(Rule)


@pytest.mark.parametrize(
    ("ended", "due"),
    [
        ("2026-11-23 09:30", "2026-11-23 14:00"),
        ("2026-11-23 14:30", "2026-11-23 17:30"),
        ("2026-11-23 17:30", "2026-11-24 09:00"),
        ("2026-11-20 17:30", "2026-11-23 09:00"),
    ],
)
def test_another_time_of_day_is_another_part_of_the_day(ended: str, due: str) -> None:
    """Nobody at home in the morning: the afternoon; in the late afternoon: a morning."""
    policy = Policy(redial={Disposition.NO_ANSWER: Redial(timedelta(hours=3), other_time=True)})
    found = next_attempt(Ended(Disposition.NO_ANSWER, 1, _at(ended)), policy)
    assert found == _at(due)


def test_hours_with_one_part_of_the_day_have_no_other() -> None:
    """Mornings only: the next morning has to do."""
    mornings = Hours((((9 * 60, 11 * 60),),) * 5 + ((),) * 2)
    at = _at("2026-11-23 09:30")
    assert next_other_part(at, day_part(at), mornings) == at


def test_a_disposition_is_redialled_as_often_as_its_rule_says() -> None:
    """Busy twice at most: the third busy ends it, though attempts are left."""
    policy = Policy(redial={Disposition.BUSY: Redial(timedelta(minutes=20), times=2)}, max_attempts=9)
    again = [
        next_attempt(Ended(Disposition.BUSY, number, TEN, same=number), policy) is not None
        for number in (1, 2, 3)
    ]
    assert again == [True, True, False]


def test_no_redial_falls_due_after_the_campaign_has_ended() -> None:
    """A redial for tomorrow in a campaign that ends tonight is none."""
    policy = Policy(ends_at=_at("2026-11-23 18:00"))
    assert next_attempt(Ended(Disposition.REJECTED, 1, TEN), policy) is None
    assert next_attempt(Ended(Disposition.BUSY, 1, TEN), policy) is not None


def test_hours_are_cut_to_those_of_the_house() -> None:
    """What lies outside falls away; spans that vanish do not open for no time."""
    assert within(EVENING, 10 * 60, 14 * 60).week[0] == ((600, 720),)
