"""Erasure: afterwards nothing of a person is found in rows, files, streams; the books still balance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from casework import schema
from casework.balance import Scope
from casework.keeping.erasure import Erasure
from casework.keeping.streams import delete_entries_about, forget_conversations
from casework.register.types import RegisteredPerson
from casework.relay import Relay
from casework.routing import stream_of
from casework.store import Store
from core.clock import VirtualClock
from core.codec import to_json
from core.errors import BadInput
from core.streams import CALLS_STREAM, RESULTS_STREAM
from core.types import Disposition, FieldValue
from nuanye.commands.erase import _erase
from tests.casework.samples import CHEN, WANG, finished, intention, one_task

SAID = ("陈小明", "13800138001", "100%稳定", "保安队长", "440106")


@pytest.fixture
async def redis(redis_url: str):
    """A client; what a test leaves is gone before the next one."""
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
        yield client


async def _one_life(store: Store, clock: VirtualClock) -> str:
    """A registered man, called once, of whom something was learnt; return his id."""
    await store.upsert_people(
        [RegisteredPerson(CHEN.name, CHEN.address, "440106198001010010", "天河区", note="保安队长")]
    )
    _, task, _ = await one_task(store, ignore_window=True)
    assert await store.begin_attempt(task, "w", lease_ms=60_000)
    record, result = finished(task, clock.now(), Disposition.PARTIAL, current_work="保安队长")
    result = replace(result, detail={**result.detail, "summary": "陈小明想做保安队长"})
    await store.save_call(record, result)
    await store.add_do_not_call(CHEN.address, source="cli", person_id=task.callee.person_id)
    return task.callee.person_id


async def _everything(store: Store) -> str:
    """Every cell of every table, opened where it is sealed."""
    cells = []
    async with store._db.read() as connection:
        for table in schema.metadata.sorted_tables:
            for row in await connection.execute(sa.select(table)):
                for column in table.c:
                    value = row[column.name]
                    if column.name.endswith("_sealed") and value:
                        label = column.info.get("sealed_as", column.name.removesuffix("_sealed"))
                        value = store._vault.open(value, label)
                    cells.append(str(value))
    return "\n".join(cells)


async def test_nothing_is_left_and_the_books_balance(store: Store, clock: VirtualClock) -> None:
    """No table holds a word of the person; the sheet has no difference; the tombstone is genuine."""
    person = await _one_life(store, clock)
    before = await _everything(store)
    assert [word for word in SAID if word not in before] == []
    erasure = store.part(Erasure)
    for who in (person, CHEN.address):
        assert await erasure.whose(who) == (person,)
    found = await erasure.find((person,))
    done = await erasure.erase(found, by="cli:li", reason="本人要求", files=1, entries=2)
    left = await _everything(store)
    assert [word for word in SAID if word in left] == []
    assert done.counts["calls"] == done.counts["results"] == done.counts["registrations"] == 1
    (stone,) = await erasure.tombstones()
    assert (stone.reason, stone.genuine, stone.counts["files"]) == ("本人要求", True, 1)
    sheet = await store.sheet(Scope())
    assert (sheet.dialled, sheet.stored) == (1, 1)
    assert [item for item in sheet.differences if item.lost] == []


async def test_what_is_planned_is_cancelled_and_no_stays_no(store: Store, clock: VirtualClock) -> None:
    """A planned call of an erased person is not made; the number stays on its list."""
    await store.start_campaign("测试", [CHEN, WANG], ignore_window=True)
    person = (await store.part(Erasure).whose(CHEN.address))[0]
    await store.add_do_not_call("13800138009", source="cli")
    erasure = store.part(Erasure)
    await erasure.erase(await erasure.find((person,)), by="cli", reason="本人要求", files=0, entries=0)
    fence = await store.take_fence()
    assert [task.callee.name for task in await store.hand_out(fence, 5)] == [WANG.name]
    assert await store.is_do_not_call("13800138009")


async def test_a_call_that_is_going_on_is_waited_for(store: Store, clock: VirtualClock) -> None:
    """During a call nothing is erased: its end would write everything again."""
    _, task, _ = await one_task(store, ignore_window=True)
    assert await store.begin_attempt(task, "w", lease_ms=60_000)
    with pytest.raises(BadInput, match="going on"):
        await store.part(Erasure).find((task.callee.person_id,))


async def test_a_tombstone_that_was_touched_is_not_genuine(store: Store, clock: VirtualClock) -> None:
    """Changing why or how much shows."""
    person = await _one_life(store, clock)
    erasure = store.part(Erasure)
    await erasure.erase(await erasure.find((person,)), by="cli", reason="本人要求", files=0, entries=0)
    async with store._db.write() as connection:
        await connection.execute(schema.tombstones.update().values(reason="没有理由"))
    assert [stone.genuine for stone in await erasure.tombstones()] == [False]


async def test_entries_of_every_stream_go_and_others_stay(
    sqlite_store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """Common stream, district's stream, tasks, dead letters; another person's entries stay."""
    store = sqlite_store
    person = await _one_life(store, clock)
    await store.save_result(intention("web_1", clock.now()))
    await Relay(store, redis).relay_waiting()
    _, task, _ = await one_task(store, WANG, ignore_window=True)
    await redis.xadd(CALLS_STREAM, {"json": to_json(task)})
    mine = replace(task, callee=replace(task.callee, person_id=person))
    await redis.xadd(CALLS_STREAM, {"json": to_json(mine)})
    await redis.xadd(f"{RESULTS_STREAM}:dead", {"json": b'{"subject": "' + person.encode() + b'", broken'})
    mentions = replace(
        intention("web_2", clock.now()), fields={"wanted_jobs": FieldValue([person], "", "m", 1.0)}
    )
    await redis.xadd(RESULTS_STREAM, {"json": to_json(mentions)})
    await redis.xgroup_create(stream_of("天河区"), "天河区", id="0")
    await redis.xreadgroup("天河区", "c1", {stream_of("天河区"): ">"}, count=10)
    assert await delete_entries_about(redis, {person}) == 4
    left = [len(await redis.xrange(name)) for name in (CALLS_STREAM, RESULTS_STREAM, stream_of("天河区"))]
    assert left == [1, 2, 1]
    pending = await redis.xpending(stream_of("天河区"), "天河区")
    assert pending["pending"] == 1  # the other person's
    assert await delete_entries_about(redis, {person}) == 0


async def test_conversations_are_forgotten_by_their_id(redis: Redis) -> None:
    """Tracker, answers and inbox of one conversation go; another one's stay."""
    for key in ("tracker:web_1", "answer:web_1:m1", "inbox:{web_1}:log", "tracker:web_2"):
        await redis.set(f"nuanye:{key}", "x")
    assert await forget_conversations(redis, {"web_1"}) == 3
    assert await redis.keys("nuanye:*") == [b"nuanye:tracker:web_2"]


async def test_the_command_takes_files_too(
    sqlite_store: Store, redis: Redis, clock: VirtualClock, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording and spooled call on this host are deleted; the access log says who did it."""
    person = await _one_life(sqlite_store, clock)
    found = await sqlite_store.part(Erasure).find((person,))
    recording = settings.recordings_dir / found.recordings[0]
    spooled = settings.data_dir / "spool" / f"{found.call_ids[0]}.sealed"
    for path in (recording, spooled):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    monkeypatch.setenv("NUANYE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("NUANYE_REDIS_URL", settings.redis)
    counted = await _erase(sqlite_store, person, "", True)
    assert (counted.call_ids, recording.exists()) == (found.call_ids, True)
    done = await _erase(sqlite_store, person, "本人要求", False)
    assert done.counts["files"] == 2
    assert not recording.exists()
    assert not spooled.exists()
    (entry,) = await sqlite_store.read_access_log()
    assert (entry.action, entry.object_id) == ("erase_person", done.person_print)
    with pytest.raises(BadInput, match="nobody"):
        await _erase(sqlite_store, "per_unknown", "本人要求", False)


async def test_a_chat_is_erased_by_its_conversation(store: Store, clock: VirtualClock) -> None:
    """Somebody who only wrote is found by the conversation's id."""
    await store.save_result(intention("web_1", clock.now()))
    erasure = store.part(Erasure)
    assert await erasure.whose("web_1") == ("web_1",)
    await erasure.erase(await erasure.find(("web_1",)), by="cli", reason="本人要求", files=0, entries=0)
    assert (await store.list_intentions()).results == ()
    assert "天河那边" not in await _everything(store)
    clock.advance_ms(timedelta(hours=1).total_seconds() * 1000)
    assert await erasure.whose("web_1") == ()
