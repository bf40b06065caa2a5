"""What somebody must be told: found, told once, and told although Redis is what is broken."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from redis.asyncio import Redis

from casework.alerting import Alerts
from casework.dispatcher import Dispatcher
from casework.leadership import Leadership
from casework.notifiers import FileNotifier, load_notifiers
from casework.routing import stream_of
from casework.store import Store
from casework.watch import DOWN_AFTER_MS, QUEUES_EVERY_MS, Watch
from core.alerts import ALERTS_STREAM, Alert, AlertKind, alert
from core.clock import SystemClock, VirtualClock
from core.codec import from_json, to_json
from core.errors import ConfigError
from core.settings import Settings
from core.streams import DEAD, FEEDBACK_STREAM, MemoryQueue
from tests.casework.samples import intention
from tests.casework.test_handovers import request

pytestmark = pytest.mark.net


class Pager:
    """A notifier that fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.heard: list[Alert] = []

    async def notify(self, alert: Alert) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no line")
        self.heard.append(alert)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def kinds(redis: Redis) -> list[AlertKind]:
    return [from_json(fields[b"json"], Alert).kind for _, fields in await redis.xrange(ALERTS_STREAM)]


def crisis(clock: VirtualClock) -> Alert:
    return alert(AlertKind.CRISIS, "cas_1", clock.now())


async def test_an_alert_is_told_once_however_often_it_is_raised(redis: Redis, clock: VirtualClock) -> None:
    """By two processes, three times each."""
    pagers = [Pager(), Pager()]
    senders = [Alerts(redis, [pager], f"c{n}") for n, pager in enumerate(pagers)]
    for sender in senders * 3:
        await sender.send(crisis(clock))
    for sender in senders:
        await sender.step()
    assert [len(pager.heard) for pager in pagers] == [1, 0]


async def test_a_notifier_that_fails_is_tried_again(redis: Redis, clock: VirtualClock) -> None:
    """Not acknowledged before every notifier has it."""
    pager = Pager(failures=2)
    alerts = Alerts(redis, [pager], "c1")
    await alerts.send(crisis(clock))
    for _ in range(3):
        await alerts.step(retry_ms=0)
    assert len(pager.heard) == 1
    assert (await redis.xpending(ALERTS_STREAM, "notifiers"))["pending"] == 0


async def test_without_redis_the_notifiers_hear_it_at_once_and_the_stream_later(
    redis: Redis, clock: VirtualClock, tmp_path: Path
) -> None:
    """Once, although it is raised twice and then comes by the stream too."""
    pager = Pager()
    async with Redis.from_url(f"unix://{tmp_path / 'nobody.sock'}") as nobody:
        alerts = Alerts(nobody, [pager], "c1")
        for _ in range(2):
            await alerts.send(crisis(clock))
        assert len(pager.heard) == 1
        alerts._redis = redis  # it is back
        alerts._queue._redis = redis
        await alerts.step()
    assert await kinds(redis) == [AlertKind.CRISIS]
    assert len(pager.heard) == 1


@pytest.fixture
def watched(sqlite_store: Store, redis: Redis, clock: VirtualClock) -> Watch:
    return Watch(sqlite_store, redis, Alerts(redis, [], "c1"), clock)


async def test_a_crisis_is_told_within_a_look(
    watched: Watch, sqlite_store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """With the district, without a name; looking again tells nothing more."""
    result = replace(intention("web_1", clock.now()), needs_review=("crisis",))
    await sqlite_store.save_result(result)
    for _ in range(3):
        await watched.look()
    ((_, fields),) = await redis.xrange(ALERTS_STREAM)
    told = from_json(fields[b"json"], Alert)
    assert (told.kind, told.detail["district"]) == (AlertKind.CRISIS, "天河区")


async def test_a_crisis_in_a_chat_is_told_as_soon_as_staff_are_asked_for(
    watched: Watch, sqlite_store: Store, redis: Redis
) -> None:
    """A conversation without any result is told too, once; one that is not urgent is only in the queue."""
    await sqlite_store.ask_for_staff(request(1, urgent=True, district="天河区"))
    await sqlite_store.ask_for_staff(request(2))
    for _ in range(3):
        await watched.look()
    ((_, fields),) = await redis.xrange(ALERTS_STREAM)
    told = from_json(fields[b"json"], Alert)
    assert (told.kind, told.subject) == (AlertKind.CRISIS, request(1).handover_id)
    assert told.detail == {"district": "天河区", "channel": request(1).channel}


async def test_dead_letters_and_standing_queues_are_told(
    watched: Watch, redis: Redis, clock: VirtualClock
) -> None:
    """A new letter is news; a district that has not read or acknowledged for an hour is told once a day."""
    await redis.xadd(FEEDBACK_STREAM + DEAD, {"json": "x", "reason": "no such result"})
    old = int(clock.now().timestamp() * 1000) - 2 * 3_600_000
    unread, unacked, fine = (stream_of(name) for name in ("天河区", "海珠区", "荔湾区"))
    for stream in (unread, unacked):
        await redis.xadd(stream, {"json": "{}"}, id=f"{old}-1")
    await redis.xgroup_create(unacked, "海珠区", id="0")
    await redis.xreadgroup("海珠区", "desk", {unacked: ">"})
    await redis.xadd(fine, {"json": "{}"}, id=f"{old + 7_000_000}-1")
    for _ in range(3):
        await watched.look()
        clock.advance_ms(QUEUES_EVERY_MS)
    found = [from_json(fields[b"json"], Alert) for _, fields in await redis.xrange(ALERTS_STREAM)]
    assert {(each.kind, each.subject) for each in found} == {
        (AlertKind.DEAD_LETTER, FEEDBACK_STREAM + DEAD),
        (AlertKind.QUEUE_STALE, unread),
        (AlertKind.QUEUE_STALE, unacked),
    }
    assert len(found) == 3
    await redis.xadd(FEEDBACK_STREAM + DEAD, {"json": "y", "reason": "another"})
    clock.advance_ms(QUEUES_EVERY_MS)
    await watched.look()
    assert (await kinds(redis)).count(AlertKind.DEAD_LETTER) == 2


@pytest.mark.parametrize("broken", ["full", "read-only"])
async def test_a_redis_that_takes_nothing_is_told_without_it(
    sqlite_store: Store, redis: Redis, clock: VirtualClock, broken: str
) -> None:
    """It answers PING all the while. Told once an hour, and the stream hears of it when it is well."""
    pager = Pager()
    watch = Watch(sqlite_store, redis, Alerts(redis, [pager], "c1"), clock)
    settings = {"full": ("maxmemory", "1mb"), "read-only": ("min-replicas-to-write", "1")}
    name, value = settings[broken]
    before = (await redis.config_get(name))[name]
    await redis.config_set(name, value)
    try:
        if broken == "full":
            await redis.config_set("maxmemory-policy", "noeviction")
        for _ in range(4):
            await watch.look()
            clock.advance_ms(DOWN_AFTER_MS)
        assert [each.kind for each in pager.heard] == [AlertKind.QUEUE_DOWN]
    finally:
        await redis.config_set(name, before)
    await watch.look()
    await watch._alerts.step()
    assert await kinds(redis) == [AlertKind.QUEUE_DOWN]
    assert len(pager.heard) == 1


async def test_a_database_that_is_away_is_told(
    sqlite_store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """After ten seconds, not at the first hiccup."""
    watch = Watch(sqlite_store, redis, Alerts(redis, [], "c1"), clock)
    put_back = await _take_away(sqlite_store)
    await watch.look()
    assert await kinds(redis) == []
    clock.advance_ms(DOWN_AFTER_MS)
    await watch.look()
    assert await kinds(redis) == [AlertKind.DATABASE_DOWN]
    put_back()
    await watch.look()


async def _take_away(store: Store) -> Callable[[], None]:
    """Put a folder where the database's file was; the function returned undoes it."""
    engine = store._db.engine
    await engine.dispose()

    def swap() -> Callable[[], None]:
        file = Path(engine.url.database)
        moved = file.rename(file.with_suffix(".away"))
        file.mkdir()
        return lambda: (file.rmdir(), moved.rename(file), None)[-1]

    return swap()


async def test_overdue_cases_are_told_by_the_leader(
    sqlite_store: Store, redis: Redis, clock: VirtualClock
) -> None:
    """Each time one rises."""
    alerts = Alerts(redis, [], "c1")
    lead = Leadership(sqlite_store, redis, "c1", clock)
    dispatcher = Dispatcher(sqlite_store, redis, MemoryQueue(), lead, clock, alerts)
    result = replace(intention("web_1", clock.now()), needs_review=("complaint",))
    await sqlite_store.save_result(result)
    for days in (1, 3, 4):
        clock.advance_ms(days * 86_400_000)
        await redis.delete("nuanye:casework:leader")
        await dispatcher.tick()
        await dispatcher.tick()
    assert await kinds(redis) == [AlertKind.CASE_OVERDUE] * 2


async def test_the_file_notifier_writes_lines(tmp_path: Path, clock: VirtualClock) -> None:
    """A crisis goes to the SMS file too."""
    notifier = FileNotifier(tmp_path / "notices")
    await notifier.notify(crisis(clock))
    await notifier.notify(alert(AlertKind.DEAD_LETTER, "nuanye:feedback:dead", clock.now()))
    sms, mail = (
        (tmp_path / "notices" / name).read_text().splitlines() for name in ("sms.jsonl", "mail.jsonl")
    )
    assert [json.loads(line)["kind"] for line in sms] == ["crisis"]
    assert [json.loads(line)["kind"] for line in mail] == ["crisis", "dead_letter"]
    assert from_json(to_json(crisis(clock)), Alert) == crisis(clock)


def make(_settings: Settings) -> Pager:
    """What an installed plug-in offers."""
    return Pager()


def test_notifiers_are_chosen_by_name() -> None:
    """``file`` is ours; others are entry points; what is not installed is a ConfigError."""
    point = EntryPoint("pager", f"{__name__}:make", "nuanye.notifiers")
    made = load_notifiers(Settings(notifiers="file, pager"), [point])
    assert [type(each).__name__ for each in made] == ["FileNotifier", "Pager"]
    assert load_notifiers(Settings(notifiers="")) == ()
    broken = EntryPoint("pager", f"{__name__}:nothing", "nuanye.notifiers")
    wrong = EntryPoint("pager", "builtins:repr", "nuanye.notifiers")
    for installed in ([broken], [wrong], []):
        with pytest.raises(ConfigError):
            load_notifiers(Settings(notifiers="pager"), installed or [point][:0])


def test_the_clock_is_one(clock: VirtualClock) -> None:
    """Ids of alerts do not depend on the machine's time zone."""
    assert crisis(clock).alert_id == alert(AlertKind.CRISIS, "cas_1", SystemClock().now()).alert_id
