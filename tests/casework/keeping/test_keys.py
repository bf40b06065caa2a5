"""A new key: everything is sealed anew, also after an interruption, and old processes keep reading."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from casework import schema
from casework.keeping.keys import Keys, sealed_columns
from casework.register.types import RegisteredPerson
from casework.store import Store, open_store
from casework.vault import Vault, key_name
from core.clock import VirtualClock
from core.errors import StorageError
from core.secret import KeyRing, load_ring_file, new_secret, write_ring_file
from tests.casework.conftest import SECRET
from tests.casework.samples import finished, one_task

OLD, NEW = KeyRing((SECRET,)), KeyRing((b"n" * 64, SECRET))


async def _fill(store: Store, clock: VirtualClock) -> str:
    _, task, _ = await one_task(store, ignore_window=True)
    await store.begin_attempt(task, worker="w", lease_ms=60_000)
    record, result = finished(task, clock.now())
    await store.save_call(record, result)
    people = [RegisteredPerson(f"赵{'甲乙丙丁'[n % 4]}", f"138001{n:05d}", note="备注") for n in range(1200)]
    await store.upsert_people(people)
    await store.add_do_not_call("13800138009", source="cli")
    return record.call_id


async def test_every_value_is_sealed_anew_and_can_be_broken_off(store: Store, clock: VirtualClock) -> None:
    """Half-way both keys are in use and everything opens; at the end only the new one is."""
    call_id = await _fill(store, clock)
    store._vault._take(NEW)

    class Enough(Exception):
        pass

    def stop(_table: str, done: int) -> None:
        if done >= 1000:
            raise Enough

    with pytest.raises(Enough):
        await store.part(Keys).reseal(stop)
    names = {name for each in await store.part(Keys).key_use() for name in each.keys}
    assert names == {key_name(NEW.newest), key_name(SECRET)}
    assert (await store.get_call(call_id)).record.callee_name == "陈小明"
    assert await store.part(Keys).reseal() > 0
    assert {name for each in await store.part(Keys).key_use() for name in each.keys} == {key_name(NEW.newest)}
    assert (await store.get_call(call_id)).record.callee_name == "陈小明"
    assert await store.is_do_not_call("13800138009")
    assert await store.part(Keys).reseal() == 0


async def test_people_are_found_again_after_a_rotation(store: Store, clock: VirtualClock) -> None:
    """The same row imported again is the same person: fingerprints stay."""
    person = RegisteredPerson("陈小明", "13800138001")
    assert await store.upsert_people([person]) == (1, 0)
    store._vault._take(NEW)
    await store.part(Keys).reseal()
    assert await store.upsert_people([person]) == (0, 1)


async def test_a_running_process_learns_of_the_new_key(tmp_path: Path) -> None:
    """A store that was open before the rotation opens what the rotation sealed."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'nuanye.db'}"
    async with await open_store(url) as before:
        await before.upsert_people([RegisteredPerson("陈小明", "13800138001")])
        path = tmp_path / "secret.key"
        ring = load_ring_file(path)
        write_ring_file(path, KeyRing((new_secret(), *ring.secrets)))
        async with await open_store(url) as after:
            assert await after.part(Keys).reseal() == 1
        async with before._db.read() as connection:
            sealed = (await connection.execute(sa.select(schema.persons.c.name_sealed))).scalar()
        assert before._vault.open(sealed, "name") == "陈小明"


async def test_a_missing_key_is_named_as_such() -> None:
    """A value of a key that is not in the ring is a StorageError, also after looking again."""
    sealed = Vault(NEW).seal("陈小明", "name")
    with pytest.raises(StorageError, match="cannot be decrypted"):
        Vault(OLD, reload=lambda: OLD).open(sealed, "name")


def test_values_from_before_keys_had_names_open() -> None:
    """``v1.`` values open with whichever key of the ring sealed them."""
    body = Vault(OLD).seal("陈小明", "name").partition(".")[2]
    assert Vault(NEW).open(f"v1.{body}", "name") == "陈小明"
    assert not Vault(OLD).is_fresh(f"v1.{body}")


async def test_every_sealed_column_names_what_it_is_bound_to(store: Store) -> None:
    """The list that rotation works through is the schema's own; no sealed column is left out."""
    listed = {f"{table.name}.{name}" for table, names in sealed_columns().items() for name in names}
    assert {"persons.name_sealed", "handover_lines.text_sealed", "feedback.note_sealed"} <= listed
