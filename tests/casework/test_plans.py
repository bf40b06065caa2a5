"""Plans as staff write them, script variants, pacing, fair turns and the guard: pure rules."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.fairness import FairTurns, weight_of
from casework.pacing import LineLimits, Pacer, Placed
from casework.plan_files import MAX_BYTES, read_plan_file
from casework.plans import (
    Audience,
    CampaignPlan,
    Guard,
    Variant,
    assign_variant,
    guard_since,
    read_plan,
    spikes,
)
from casework.rules import Redial
from core.clock import CHINA
from core.codec import to_json
from core.errors import BadInput
from core.types import Disposition

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

FULL = """
name: 春季回访
script: follow_up
variants:
  - {name: 甲, weight: 3}
  - {name: 乙, script: follow_up_short}
variables: {期数: 第二期}
register_variables: {街道: street}
hours:
  周一至周五: 09:00-12:00, 14:00-18:00
  sat: 10:00-12:00
redial:
  no_answer: {delay: 3h, times: 2, other_time: true}
  占线: {delay: 20分钟}
  refused: never
max_attempts: 4
priority: 7
max_lines: 20
calls_per_second: 1.5
callers: ["02083330001", "02083330002"]
ends: 2026-12-31
guard: {rate: 0.4, minutes: 5, minimum: 10}
audience:
  districts: [天河区, 越秀区]
  months_unemployed: 6-
  age: [16, 35]
  graduate_years: 2025
  not_contacted_days: 30
  hardship: any
"""


def test_a_full_plan_is_read_as_written() -> None:
    """Every key arrives; the last day counts whole; what the plan says survives the database."""
    name, plan = read_plan_file(FULL.encode(), NOW)
    office = ((540, 720), (840, 1080))
    assert name == "春季回访"
    assert plan == CampaignPlan(
        script="follow_up",
        variants=(Variant("甲", 3.0), Variant("乙", 1.0, "follow_up_short")),
        variables={"期数": "第二期"},
        register_variables={"街道": "street"},
        hours=plan.hours,
        redial={
            Disposition.NO_ANSWER: Redial(timedelta(hours=3), 2, other_time=True),
            Disposition.BUSY: Redial(timedelta(minutes=20)),
            Disposition.REFUSED: Redial(timedelta(0), 0),
        },
        max_attempts=4,
        priority=7,
        max_lines=20,
        calls_per_second=1.5,
        callers=("02083330001", "02083330002"),
        ends_at=datetime(2027, 1, 1, tzinfo=CHINA),
        guard=Guard(0.4, 5, 10),
        audience=Audience(
            districts=("天河区", "越秀区"),
            months_unemployed=(6, 9999),
            age=(16, 35),
            graduate_years=(2025, 2025),
            not_contacted_days=30,
            hardship=("any",),
        ),
    )
    assert plan.hours.week == (office,) * 5 + (((600, 720),), ())
    assert read_plan(to_json(plan).decode()) == plan
    assert (plan.script_of("甲"), plan.script_of("乙")) == ("follow_up", "follow_up_short")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[1, 2]", "not a list of keys"),
        ("a: [", "not YAML"),
        ("\x00", "not YAML"),
        ("name: [x]", "name"),
        ("colour: red", "unknown key colour"),
        ("hours: always", "hours"),
        ("hours: {}", "hours"),
        ("hours: {周八: 09:00-12:00}", "day of the week"),
        ("hours: {周五至周一: 09:00-12:00}", "Monday first"),
        ("hours: {周一: 12:00-09:00}", "ends before"),
        ("hours: {周一: 09:61-10:00}", "no time"),
        ("hours: {周一: 9点到12点}", "no span"),
        ("hours: {周一: '09:00-12:00, 11:00-13:00'}", "overlap"),
        ("hours: {周一至周三: 09:00-12:00, 周二: 09:00-12:00}", "named twice"),
        ("hours: {周一: 20:30-21:30}", "house's own hours"),
        ("ends: 2026-11-22", "end before"),
        ("ends: 2026-11-23\nhours: {周二: 09:00-10:00}", "end before"),
        ("ends: soon", "ends"),
        ("redial: {asleep: never}", "no disposition"),
        ("redial: {busy: {delay: 1m}}", "5 minutes"),
        ("redial: {busy: {delay: 1h, times: 99}}", "up to 9"),
        ("redial: {busy: {delay: 1h, when: now}}", "busy"),
        ("redial: {opt_out: {delay: 1d}}", "never called again"),
        ("redial: 3", "redial"),
        ("variants: [{name: a}, {name: a}]", "different names"),
        ("variants: [{name: a, weight: 0}]", "above zero"),
        ("variants: [{name: a, colour: red}]", "unknown key colour"),
        ("variants: {name: a}", "variants"),
        ("guard: {rate: 2}", "rate"),
        ("guard: {percent: 2}", "unknown key percent"),
        ("audience: {age: 35-16}", "from small to large"),
        ("audience: {shoe_size: 42}", "unknown key shoe_size"),
        ("audience: {not_contacted_days: -1}", "below zero"),
        ("audience: everybody", "audience"),
        ("register_variables: {号码: id_number_sealed}", "columns of the register"),
        ("priority: 10", "1 to 9"),
        ("priority: high", "priority"),
        ("max_lines: -1", "max_lines"),
        ("calls_per_second: .nan", "calls_per_second"),
        ("callers: 3", "callers"),
        ("callers: ['sip:x']", "3 to 20 digits"),
        ("max_attempts: true", "max_attempts"),
    ],
)
def test_a_mistake_in_a_plan_is_named(text: str, named: str) -> None:
    """Unknown keys, wrong kinds and contradictions are errors that say where."""
    with pytest.raises(BadInput, match=named):
        read_plan_file(text.encode(), NOW)


def test_a_huge_plan_is_refused() -> None:
    """A file that is no plan is not parsed."""
    with pytest.raises(BadInput, match="too large"):
        read_plan_file(b"#" * (MAX_BYTES + 1), NOW)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_plan_or_bad_input(data: bytes) -> None:
    """Nothing but BadInput leaves the reader."""
    try:
        read_plan_file(data, NOW)
    except BadInput:
        return


def test_variants_are_assigned_by_weight_and_for_good() -> None:
    """Three to one over ten thousand people, the same answer each time, another split elsewhere."""
    plan = CampaignPlan(variants=(Variant("A", 3), Variant("B", 1)))
    people = [f"per_{n}" for n in range(10_000)]
    first = [assign_variant(plan, "cmp_1", person) for person in people]
    assert first == [assign_variant(plan, "cmp_1", person) for person in people]
    assert 0.23 < Counter(first)["B"] / len(people) < 0.27
    assert first != [assign_variant(plan, "cmp_2", person) for person in people]
    assert assign_variant(CampaignPlan(), "cmp_1", "per_1") == ""


def _placed(campaign: str = "a", caller: str = "", ago_s: float = 30, *, busy: bool = True) -> Placed:
    return Placed(campaign, caller, NOW - timedelta(seconds=ago_s), busy)


def test_lines_are_limited_per_campaign_and_trunk() -> None:
    """Two of a campaign, three of the trunk: whichever comes first; what is over counts no more."""
    plan = CampaignPlan(max_lines=2)
    pacer = Pacer(LineLimits(trunk=3), [_placed(), _placed(busy=False)], NOW)
    assert pacer.caller_for("a", plan) == ""
    pacer.took("a", "")
    assert pacer.caller_for("a", plan) is None
    assert pacer.caller_for("b", plan) == ""
    pacer.took("b", "")
    assert pacer.caller_for("b", plan) is None


def test_calling_numbers_are_used_evenly_up_to_their_limits() -> None:
    """The number with most room is next; with none left the campaign waits."""
    plan = CampaignPlan(callers=("1", "2"))
    pacer = Pacer(LineLimits(callers={"1": 1, "2": 2}), [], NOW)
    used = []
    while (caller := pacer.caller_for("a", plan)) is not None:
        used.append(caller)
        pacer.took("a", caller)
    assert sorted(used) == ["1", "2", "2"]
    unlimited = Pacer(LineLimits(), [_placed(caller="1")], NOW)
    assert unlimited.caller_for("a", plan) == "2"


@pytest.mark.parametrize(
    ("rate", "ago_s", "allowed"),
    [
        (2, [0.1], True),
        (2, [0.1, 0.9], False),
        (2, [0.1, 1.0], True),
        (1.5, [0.1, 0.2], False),
        (1.5, [0.1, 1.0], True),
        (1.5, [n * 0.6 + 1.0 for n in range(15)], False),
        (0.5, [0.9], False),
        (0.5, [1.0], True),
        (0.5, [1, 3, 5, 7, 9], False),
        (0.05, [19.9], False),
        (0.05, [20.0], True),
    ],
)
def test_calls_begin_no_faster_than_the_rate(rate: float, ago_s: list[float], allowed: bool) -> None:
    """A burst of a second is rounded up, ten seconds are exact, slow rates have their own time."""
    placed = [_placed(ago_s=ago, busy=False) for ago in ago_s]
    campaign = Pacer(LineLimits(), placed, NOW)
    house = Pacer(LineLimits(per_second=rate), placed, NOW)
    assert (campaign.caller_for("a", CampaignPlan(calls_per_second=rate)) is not None) is allowed
    assert campaign.caller_for("b", CampaignPlan(calls_per_second=rate)) is not None
    assert (house.caller_for("b", CampaignPlan()) is not None) is allowed


def test_turns_follow_the_weights_and_nothing_is_saved_up() -> None:
    """Sizes 2 and 1 share 2 to 1; a group that comes late does not make up for its absence."""
    turns = FairTurns({"big": weight_of(5, 2), "small": weight_of(5, 1), "late": weight_of(5, 1)})
    for _ in range(300):
        turns.took(turns.first(["big", "small"]))
    late = []
    for _ in range(40):
        key = turns.first(["big", "small", "late"])
        turns.took(key)
        late.append(key)
    assert late.count("late") in (9, 10, 11)
    assert late.count("big") in (19, 20, 21)


def test_each_step_of_priority_doubles_the_share() -> None:
    """Priority 7 against 5: four turns to one; the other one still gets its own."""
    turns = FairTurns({"a": weight_of(7, 10), "b": weight_of(5, 10)})
    taken = []
    for _ in range(50):
        taken.append(turns.first(["a", "b"]))
        turns.took(taken[-1])
    assert Counter(taken) == {"a": 40, "b": 10}


@given(st.lists(st.floats(0.5, 1000), min_size=2, max_size=8), st.integers(0, 300))
def test_no_group_is_ever_more_than_a_turn_behind(weights: list[float], rounds: int) -> None:
    """Served per weight, any two waiting groups differ by no more than one turn of each."""
    turns = FairTurns(dict(enumerate(weights)))
    served: Counter[int] = Counter()
    for _ in range(rounds):
        key = turns.first(range(len(weights)))
        turns.took(key)
        served[key] += 1
    for a in range(len(weights)):
        for b in range(len(weights)):
            apart = served[a] / weights[a] - served[b] / weights[b]
            assert apart <= 1 / weights[a] + 1 / weights[b] + 1e-6


def test_the_guard_needs_a_minimum_and_a_rate() -> None:
    """Nine failures of nine are too few to judge; half of twenty are a spike; less is not."""
    guard = Guard(rate=0.5, minutes=10, minimum=10)
    assert [spikes(guard, *counts) for counts in ((9, 9), (20, 10), (20, 9))] == [False, True, False]
    assert guard_since(guard, NOW, None) == NOW - timedelta(minutes=10)
    assert guard_since(guard, NOW, NOW - timedelta(minutes=2)) == NOW - timedelta(minutes=2)
    assert guard_since(guard, NOW, NOW - timedelta(hours=2)) == NOW - timedelta(minutes=10)
