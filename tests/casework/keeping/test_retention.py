"""Retention: each kind goes when its own time is over, not before, and a dry run only counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from casework import schema
from casework.keeping.retention import KINDS, Retention
from casework.register.types import RegisteredPerson
from casework.store import Store
from core.clock import VirtualClock
from core.errors import ConfigError, StorageError
from core.recordings import LocalRecordings
from core.settings import Settings, load_settings
from tests.casework.samples import finished, intention, one_task

FOREVER = Settings(**{kind.setting: 0 for kind in KINDS})


async def _fill(store: Store, clock: VirtualClock, files: LocalRecordings) -> str:
    await store.upsert_people([RegisteredPerson("赵一", "13800138021", "440106198001010010")])
    _, task, _ = await one_task(store, ignore_window=True)
    await store.begin_attempt(task, "w", lease_ms=60_000)
    record, result = finished(task, clock.now(), current_work="木工")
    await store.save_call(record, result)
    path = files.path(record.recording)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sound")
    await store.save_result(intention("web_1", clock.now()))
    await store.log_access("li.hua", "view_call", record.call_id)
    return record.call_id


def _days(clock: VirtualClock, days: float) -> None:
    clock.advance_ms(timedelta(days=days).total_seconds() * 1000)


@pytest.mark.parametrize(
    ("kind", "over"),
    [
        ("recordings", 1),
        ("transcripts", 1),
        ("results", 2),
        ("contacts", 1),
        ("register", 1),
        ("access_log", 1),
    ],
)
async def test_each_kind_has_its_own_clock(
    store: Store, clock: VirtualClock, tmp_path: Path, kind: str, over: int
) -> None:
    """A day before the end nothing goes; after it what is of this kind goes, once."""
    files = LocalRecordings(tmp_path / "recordings")
    call_id = await _fill(store, clock, files)
    setting = next(item.setting for item in KINDS if item.name == kind)
    settings = replace(FOREVER, **{setting: 60})
    retention = store.part(Retention)

    async def run(dry: bool) -> dict[str, int]:
        found = await retention.run(settings, files, dry_run=dry)
        return {item.kind: item.over for item in found if item.over}

    _days(clock, 59)
    assert await run(False) == {}
    _days(clock, 1.1)
    assert await run(True) == await run(True) == {kind: over}
    assert await run(False) == {kind: over}
    assert await run(False) == {}
    stored = await store.get_call(call_id)
    assert bool(stored.record.utterances) is (kind != "transcripts")
    assert (stored.record.callee_name == "陈小明") is (kind != "transcripts")
    assert files.path(f"20261123/{call_id}.wav").exists() is (kind != "recordings")
    found = await store.get_result(stored.result_ids[0])
    assert bool(found.fields) is (kind != "results")
    assert found.disposition == "completed"
    async with store._db.read() as connection:
        left = sa.select(sa.func.count()).select_from(schema.registrations)
        assert (await connection.execute(left)).scalar() == (kind != "register")
    assert (await store.verify_access_log()).ok


async def test_the_budget_is_never_forgotten(store: Store, clock: VirtualClock, tmp_path: Path) -> None:
    """However short the period is set, a month of decisions stays: the budget counts them."""
    files = LocalRecordings(tmp_path)
    await _fill(store, clock, files)
    _days(clock, 20)
    found = await store.part(Retention).run(replace(FOREVER, keep_contacts_days=1), files, dry_run=False)
    assert {item.kind: item.over for item in found}["contacts"] == 0


async def test_people_with_a_call_to_come_stay_registered(
    store: Store, clock: VirtualClock, tmp_path: Path
) -> None:
    """Somebody for whom something is planned keeps name and number."""
    await store.upsert_people([RegisteredPerson("陈小明", "13800138001")])
    await one_task(store, ignore_window=True)
    _days(clock, 60)
    settings = replace(FOREVER, keep_register_days=30)
    found = await store.part(Retention).run(settings, LocalRecordings(tmp_path), dry_run=False)
    assert {item.kind: item.over for item in found}["register"] == 0


async def test_a_recording_that_cannot_be_deleted_is_tried_again(
    sqlite_store: Store, clock: VirtualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row keeps its file's name until the file is gone; the other kinds are not held up."""
    files = LocalRecordings(tmp_path / "recordings")
    await _fill(sqlite_store, clock, files)
    _days(clock, 61)
    settings = replace(FOREVER, keep_recordings_days=60, keep_transcripts_days=60)

    async def refuse(_name: str) -> bool:
        raise StorageError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(files, "delete", refuse)
        found = await sqlite_store.part(Retention).run(settings, files, dry_run=False)
    counts = {item.kind: item.over for item in found}
    assert (counts["recordings"], counts["transcripts"]) == (0, 1)
    found = await sqlite_store.part(Retention).run(settings, files, dry_run=False)
    assert {item.kind: item.over for item in found}["recordings"] == 1


async def test_one_process_a_day(store: Store, clock: VirtualClock) -> None:
    """Of several that ask, one runs; tomorrow one again."""
    retention = store.part(Retention)
    assert [await retention.claim_day() for _ in range(3)] == [True, False, False]
    _days(clock, 1)
    assert [await retention.claim_day() for _ in range(2)] == [True, False]


def test_a_negative_period_is_refused() -> None:
    """A period below zero names its setting."""
    with pytest.raises(ConfigError, match="keep_chats_days"):
        load_settings({"NUANYE_KEEP_CHATS_DAYS": "-1"})
