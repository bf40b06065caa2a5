"""Accounts and the access log, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from casework import schema
from casework.staff import hash_password, verify_password
from casework.store import Store
from core.clock import VirtualClock
from core.errors import BadInput


async def test_an_account_lives(store: Store, clock: VirtualClock) -> None:
    """Added, found whatever the letter case, its password replaced, locked and unlocked."""
    added = await store.add_staff("Li.Hua", "hash-1", "admin")
    assert added.username == "li.hua"
    assert await store.get_staff("LI.hua") == added
    clock.advance_ms(60_000)
    await store.set_password("li.hua", "hash-2")
    await store.set_disabled("li.hua", True)
    member = await store.get_staff("li.hua")
    assert member is not None
    assert (member.password_hash, member.disabled) == ("hash-2", True)
    assert member.password_set_at > member.created_at
    await store.set_disabled("li.hua", False)
    assert [item.disabled for item in await store.list_staff()] == [False]
    assert await store.get_staff("nobody") is None


async def test_a_one_time_password_is_marked_until_its_owner_sets_another(store: Store) -> None:
    """Made for somebody: to be changed. Set by themselves: not. Made anew: to be changed again."""
    added = await store.add_staff("li.hua", "hash-1", one_time=True)
    assert added.must_change_password
    assert await store.get_staff("li.hua") == added
    for one_time in (False, True):
        await store.set_password("li.hua", "hash-2", one_time=one_time)
        assert [item.must_change_password for item in await store.list_staff()] == [one_time]
    assert not (await store.add_staff("wang.fang", "hash")).must_change_password


async def test_names_and_roles_are_checked(store: Store) -> None:
    """A taken name, a name that is none, an unknown role or account is bad input."""
    await store.add_staff("li.hua", "hash")
    for name, role in (
        ("LI.HUA", "staff"),
        ("x", "staff"),
        ("a b", "staff"),
        ("wang", "king"),
        ("", "staff"),
    ):
        with pytest.raises(BadInput):
            await store.add_staff(name, "hash", role)
    for change in (store.set_password("nobody", "hash"), store.set_disabled("nobody", True)):
        with pytest.raises(BadInput):
            await change


async def test_looking_at_a_call_is_noted(store: Store, clock: VirtualClock) -> None:
    """Who did what with which call, and when, stands in the access log."""
    await store.log_access("li.hua", "view_call", "att_1")
    async with store._db.read() as connection:
        (row,) = (await connection.execute(sa.select(schema.access_log))).all()
    assert (row.username, row.action, row.object_id, row.at) == ("li.hua", "view_call", "att_1", clock.now())


def test_passwords_are_checked_by_argon2() -> None:
    """The right password fits, another one does not, a short one is refused."""
    hashed = hash_password("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert verify_password(hashed, "correct horse battery")
    assert not verify_password(hashed, "correct horse")
    with pytest.raises(BadInput):
        hash_password("short")
