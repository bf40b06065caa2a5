"""The access log is a chain: whatever is done to it behind our back is noticed, on both databases."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from casework import schema
from casework.keeping.chain import GENESIS, Entry, Head, check, digest_of
from casework.store import Store
from core.clock import VirtualClock

KEY = b"k" * 32
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def _chain(count: int) -> tuple[list[Entry], Head]:
    entries: list[Entry] = []
    last = GENESIS
    for number in range(count):
        entry = Entry(AT + timedelta(seconds=number), "li.hua", "play_recording", f"att_{number}")
        last = digest_of(KEY, last, entry)
        entries.append(dataclasses.replace(entry, digest=last))
    return entries, Head(GENESIS, 0, last, count).signed(KEY)


@given(st.integers(2, 12), st.data())
def test_every_change_is_found(count: int, data: st.DataObject) -> None:
    """A changed, removed, doubled or swapped entry is named by its position; the untouched log is whole."""
    entries, head = _chain(count)
    assert check(KEY, entries, head).ok
    where = data.draw(st.integers(0, count - 1))
    kind = data.draw(st.sampled_from(["change", "remove", "double", "swap"]))
    bad = list(entries)
    if kind == "change":
        bad[where] = dataclasses.replace(bad[where], username="wang.min")
    elif kind == "remove":
        del bad[where]
    elif kind == "double":
        bad.insert(where, bad[where])
    else:
        other = (where + 1) % count
        bad[where], bad[other] = bad[other], bad[where]
    found = check(KEY, bad, head)
    assert not found.ok
    assert found.broken_at > 0


def test_without_the_key_nobody_continues_or_mends_the_chain() -> None:
    """A chain that was rebuilt with another key, and a head nobody signed, are found."""
    entries, head = _chain(3)
    assert check(b"x" * 32, entries, head).problem == "entry"
    forged = Head(GENESIS, 0, entries[1].digest, 2)
    assert check(KEY, entries[:2], forged).problem == "head"


def test_a_head_noted_elsewhere_proves_what_was_before() -> None:
    """Database and head put back together to an older state pass, but not against a noted head."""
    entries, head = _chain(5)
    older, old_head = _chain(3)
    assert check(KEY, older, old_head).ok
    assert check(KEY, older, old_head, head.last).problem == "expected"
    assert check(KEY, entries, head, old_head.last).ok


async def test_both_databases_keep_the_chain(store: Store, clock: VirtualClock) -> None:
    """Entries written at once form one chain; a row changed by hand is found."""
    await asyncio.gather(*(store.log_access("li.hua", "view_call", f"att_{n}") for n in range(12)))
    found = await store.verify_access_log()
    assert (found.ok, found.entries) == (True, 12)
    async with store._db.write() as connection:
        query = sa.select(schema.access_log.c.id).order_by(schema.access_log.c.id)
        ids = (await connection.execute(query)).scalars().all()
        await connection.execute(
            schema.access_log.update().where(schema.access_log.c.id == ids[4]).values(object_id="att_99")
        )
    broken = await store.verify_access_log()
    assert (broken.problem, broken.broken_at) == ("entry", 5)


async def test_the_last_entries_cannot_be_cut_off(store: Store) -> None:
    """Deleting the newest rows leaves a head that says there were more."""
    for number in range(3):
        await store.log_access("li.hua", "view_call", f"att_{number}")
    async with store._db.write() as connection:
        newest = (await connection.execute(sa.select(sa.func.max(schema.access_log.c.id)))).scalar()
        await connection.execute(schema.access_log.delete().where(schema.access_log.c.id == newest))
    assert (await store.verify_access_log()).problem == "tail"


async def test_a_log_from_before_is_taken_into_the_chain(store: Store, clock: VirtualClock) -> None:
    """Entries without digest (an older version's) are chained with the first new one."""
    async with store._db.write() as connection:
        for number in range(3):
            row = {"at": clock.now(), "username": "li.hua", "action": "login", "object_id": str(number)}
            await connection.execute(schema.access_log.insert().values(**row))
    await store.log_access("li.hua", "logout", "")
    found = await store.verify_access_log()
    assert (found.ok, found.entries) == (True, 4)
    newest = await store.read_access_log(username="li.hua", limit=2)
    assert [entry.action for entry in newest] == ["logout", "login"]


@pytest.mark.parametrize("keep", [0, 2])
async def test_what_is_deleted_on_schedule_leaves_a_whole_chain(
    store: Store, clock: VirtualClock, keep: int
) -> None:
    """After old entries went, the chain begins later, says how many went, and goes on."""
    for number in range(3):
        await store.log_access("li.hua", "view_call", f"old_{number}")
    clock.advance_ms(timedelta(days=40).total_seconds() * 1000)
    for number in range(keep):
        await store.log_access("li.hua", "view_call", f"new_{number}")
    async with store._db.write() as connection:
        assert await store._prune_access_log(connection, clock.now() - timedelta(days=30)) == 3
    await store.log_access("li.hua", "view_call", "after")
    found = await store.verify_access_log()
    assert (found.ok, found.entries, found.removed) == (True, keep + 1, 3)
