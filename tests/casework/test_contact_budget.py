"""Do-not-call lists, the budget over campaigns and channels, and the proof of every decision."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from casework import schema
from casework.barring import ListEntry
from casework.permission import Rule
from casework.rules import Limits
from casework.store import Store, open_store
from casework.types import Contact
from core.clock import VirtualClock
from core.errors import BadInput
from core.types import Disposition
from tests.casework.conftest import SECRET
from tests.casework.samples import CHEN, LI, finished, intention, one_task

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


async def _rules(store: Store, who: str = CHEN.address) -> list[str]:
    return [each.rule for each in (await store.contact_proof(who)).contacts]


async def test_several_lists_hold_one_number(store: Store) -> None:
    """Lifted from one list, a number stays barred by the other; lifted from all it is free."""
    assert await store.add_do_not_call(CHEN.address, source="staff:li.hua", reason="本人来信")
    assert await store.add_do_not_call(CHEN.address, source="cli:root", list_name="12345")
    assert not await store.add_do_not_call(CHEN.address, source="cli:root", list_name="12345")
    assert await store.lift(CHEN.address, by="cli:root", list_name="staff") == 1
    assert await store.is_do_not_call("+86 138-0013-8001")
    assert await store.lift(CHEN.address, by="cli:root") == 1
    assert not await store.is_do_not_call(CHEN.address)
    assert await store.lift(CHEN.address, by="cli:root") == 0
    listed = await store.list_do_not_call(everything=True)
    assert {(each.list_name, each.reason, each.in_force) for each in listed} == {
        ("staff", "本人来信", False),
        ("12345", "", False),
    }
    assert {each.address for each in listed} == {"138****8001"}
    assert await store.list_do_not_call() == ()


async def test_an_entry_ends_with_its_time(store: Store, clock: VirtualClock) -> None:
    """Before its expiry nobody is called, after it again; entering it anew brings it back."""
    until = clock.now() + timedelta(days=1)
    await store.add_do_not_call(CHEN.address, source="x", list_name="旅行", expires_at=until)
    fence = await store.take_fence()
    await store.start_campaign("第一天", [CHEN])
    assert await store.hand_out(fence, 5) == ()
    clock.advance_ms(DAY_MS)
    assert not await store.is_do_not_call(CHEN.address)
    await store.start_campaign("第二天", [CHEN])
    assert len(await store.hand_out(fence, 5)) == 1
    assert await store.add_do_not_call(CHEN.address, source="y", list_name="旅行")
    (entry,) = await store.list_do_not_call()
    assert (entry.expires_at, entry.source) == (None, "y")


async def test_a_shorter_time_does_not_shorten_an_entry(store: Store, clock: VirtualClock) -> None:
    """The longer of two times counts, and for good counts more than any."""
    for days, added in ((5, True), (2, False), (9, False)):
        until = clock.now() + timedelta(days=days)
        assert await store.add_do_not_call(CHEN.address, source="x", list_name="l", expires_at=until) is added
    (entry,) = await store.list_do_not_call(list_name="l")
    assert entry.expires_at == clock.now() + timedelta(days=9)
    await store.add_do_not_call(CHEN.address, source="x", list_name="l")
    await store.add_do_not_call(CHEN.address, source="x", list_name="l", expires_at=clock.now())
    (entry,) = await store.list_do_not_call(address=CHEN.address)
    assert entry.expires_at is None


async def test_a_long_imported_list_cancels_what_is_planned(store: Store) -> None:
    """A thousand numbers with repeats: entered once, planned calls end, the others stay."""
    numbers = [f"1380014{n:04d}" for n in range(1000)]
    campaign = await store.start_campaign("测试", [Contact("王强", number) for number in numbers[:3]])
    entries = [ListEntry(number, "12345", "cli:root") for number in [*numbers[1:], *numbers[1:9]]]
    assert await store.bar(entries) == 999
    assert await store.bar(entries) == 0
    progress = await store.campaign_progress(campaign.campaign_id)
    assert progress is not None
    assert (progress.planned, progress.cancelled) == (1, 2)
    assert await _rules(store, numbers[1]) == [Rule.DO_NOT_CALL]


async def test_a_listed_number_is_not_begun_though_it_was_handed_out(store: Store) -> None:
    """Between hand-out and call the number comes on an imported list: the worker may not begin."""
    _, task, _ = await one_task(store)
    await store.bar([ListEntry(CHEN.address, "12345", "cli:root")])
    assert not await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    assert await _rules(store) == [Rule.ALLOWED, Rule.DO_NOT_CALL]


async def test_what_is_typed_in_a_chat_bars_that_chat(store: Store, clock: VirtualClock) -> None:
    """A refusal in a conversation is entered with its result: no proactive message follows."""
    refusal = intention("oAbC12", clock.now())
    refusal = type(refusal)(
        result_id="res_1",
        kind="job_intention",
        subject="oAbC12",
        source="oAbC12",
        channel="wechat",
        at=clock.now(),
        fields={},
        disposition=Disposition.OPT_OUT,
    )
    await store.save_result(refusal)
    (entry,) = await store.list_do_not_call(list_name="typed")
    assert entry.source == "res_1"
    assert (await store.ask_contact("wechat:oAbC12", channel="wechat")).rule is Rule.DO_NOT_CALL
    assert (await store.ask_contact("wechat:oabc12", channel="wechat")).allowed


async def test_calls_and_messages_share_one_budget(store: Store, clock: VirtualClock) -> None:
    """A call and a message fill the day; then neither may follow until tomorrow."""
    _, task, fence = await one_task(store)
    await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    await store.save_call(*finished(task, clock.now()))
    person = task.callee.person_id
    chat = {"channel": "wechat", "person_id": person}
    assert (await store.ask_contact("wechat:o1", **chat)).rule is Rule.ALLOWED
    assert (await store.ask_contact("wechat:o1", **chat)).rule is Rule.BUDGET_DAY
    again = await store.start_campaign("第二个任务", [CHEN])
    assert await store.hand_out(fence, 5) == ()
    progress = await store.campaign_progress(again.campaign_id)
    assert progress is not None
    assert progress.next_due is not None
    assert progress.next_due.isoformat() == "2026-11-24T01:00:00+00:00"
    assert await _rules(store, person) == ["allowed", "allowed", "budget_day", "budget_day"]


async def test_two_askers_at_once_do_not_both_get_the_last_contact(
    store: Store, database_url: str, clock: VirtualClock
) -> None:
    """Eight ask on two connections: as many are allowed as the day has room for."""
    async with await open_store(database_url, secret=SECRET, clock=clock) as other:
        verdicts = await asyncio.gather(
            *(each.ask_contact("wechat:o1", channel="wechat") for each in (store, other) * 4)
        )
    assert sum(verdict.allowed for verdict in verdicts) == 2


async def test_messages_keep_quiet_hours(store: Store, clock: VirtualClock) -> None:
    """At lunch and at night nothing is sent; the reason says which."""
    clock.advance_ms(2.5 * HOUR_MS)
    assert (await store.ask_contact("wechat:o1", channel="wechat")).rule is Rule.OUT_OF_HOURS
    clock.advance_ms(9 * HOUR_MS)
    assert (await store.ask_contact("wechat:o1", channel="wechat")).rule is Rule.QUIET_HOURS


async def test_limits_are_changed_for_everybody_at_once(store: Store, clock: VirtualClock) -> None:
    """One contact a day is in force with the next decision; impossible limits are refused."""
    assert await store.contact_limits() == Limits()
    await store.set_contact_limits(Limits(1, 1, 1, 8 * 60, 19 * 60))
    assert await store.contact_limits() == Limits(1, 1, 1, 8 * 60, 19 * 60)
    assert (await store.ask_contact("wechat:o1", channel="wechat")).allowed
    assert (await store.ask_contact("wechat:o1", channel="wechat")).rule is Rule.BUDGET_DAY
    for broken in (Limits(day=0), Limits(day=5), Limits(week=9), Limits(opens=1300), Limits(closes=1441)):
        with pytest.raises(BadInput):
            await store.set_contact_limits(broken)


async def test_the_proof_names_rule_campaign_and_ending(store: Store, clock: VirtualClock) -> None:
    """Allowed with what was counted, its call's ending; a refusal with when it may be asked again."""
    campaign, task, fence = await one_task(store)
    await store.start_campaign("同时", [CHEN])
    for _ in range(3):
        assert await store.hand_out(fence, 5) == ()
    await store.begin_attempt(task, "w1", lease_ms=HOUR_MS)
    await store.save_call(*finished(task, clock.now(), Disposition.OPT_OUT))
    found = await store.contact_proof(CHEN.address)
    allowed, meanwhile, barred = found.contacts
    assert (allowed.rule, allowed.campaign, allowed.disposition) == ("allowed", "测试", "opt_out")
    assert allowed.detail == {"earlier": {"day": 0, "week": 0, "month": 0}}
    assert (meanwhile.rule, meanwhile.campaign, meanwhile.disposition) == ("in_contact", "同时", "")
    assert (barred.rule, barred.allowed) == ("do_not_call", False)
    (entry,) = found.lists
    assert (entry.list_name, entry.source, entry.in_force) == ("spoken", task.task_id, True)
    assert found == await store.contact_proof(task.callee.person_id)
    assert allowed.campaign_id == campaign.campaign_id
    nobody = await store.contact_proof("13800138999")
    assert (nobody.person_ids, nobody.contacts, nobody.lists) == ((), (), ())


async def test_decisions_are_kept_without_name_and_number(store: Store) -> None:
    """Neither table shows whom it is about."""
    await one_task(store, LI)
    await store.add_do_not_call(CHEN.address, source="x")
    async with store._db.read() as connection:
        for table in (schema.contacts, schema.do_not_call):
            rows = (await connection.execute(sa.select(table))).all()
            assert rows
            assert all(
                secret not in str(row) for row in rows for secret in (LI.name, LI.address, CHEN.address)
            )
