"""The real worker process: real SIP, Redis and database; killed, stopped, and cut off from Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from redis.asyncio import Redis

from casework.relay import Relay
from casework.store import Store, open_store
from casework.types import Contact
from core.clock import SystemClock
from core.codec import from_json, to_json
from core.redis_server import RedisServer
from core.settings import Settings, load_settings
from core.streams import CALLS_STREAM, RESULTS_STREAM, RedisStreamQueue
from core.types import (
    Answer,
    CallTask,
    ConversationState,
    Disposition,
    FieldValue,
    Reply,
    Result,
    Turn,
)
from tests.eventually import eventually
from voice.transport.uas import AnsweringTransport, IncomingLeg

pytestmark = [pytest.mark.slow, pytest.mark.sip, pytest.mark.net]

LONG = Reply("这一句话非常长。" * 40)
STATE = ConversationState(
    open_question="identity", fields={"identity": FieldValue("self", "是我", "m1", 0.9, "register")}
)


class LaterClock(SystemClock):
    """The reaper's clock, ten minutes ahead: every lease has lapsed."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=10)


class Scene:
    """A worker process, its surroundings, and one resident who just listens."""

    def __init__(self, settings: Settings, store: Store, far: AnsweringTransport, core_url: str) -> None:
        self.settings = settings
        self.store = store
        self.far = far
        self.core_url = core_url
        self.legs: list[IncomingLeg] = []
        self.process: asyncio.subprocess.Process | None = None

    async def start_worker(self) -> None:
        environ = {
            **os.environ,
            "NUANYE_DATA_DIR": str(self.settings.data_dir),
            "NUANYE_CACHE_DIR": str(self.settings.data_dir / "cache"),
            "NUANYE_REDIS_URL": self.settings.redis_url,
            "NUANYE_DIALOGUE_URL": self.core_url,
            "NUANYE_SECRET_KEY": self.settings.secret_key,
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.voice.worker_process", env=environ
        )

    async def queue_call(self) -> CallTask:
        await self.store.start_campaign("测试", [Contact("陈小明", self.far.uri)], ignore_window=True)
        (task,) = await self.store.hand_out(await self.store.take_fence(), 1)
        async with Redis.from_url(self.settings.redis) as redis:
            await RedisStreamQueue(redis, CALLS_STREAM, CallTask).publish(task)
        return task

    async def in_call(self) -> None:
        await eventually(lambda: any(leg.answered for leg in self.legs), within_s=30)
        await asyncio.sleep(1.0)

    async def stop_worker(self, signum: int) -> int:
        assert self.process is not None
        self.process.send_signal(signum)
        return await asyncio.wait_for(self.process.wait(), 40)


async def core_app() -> web.Application:
    """A dialogue core with one long sentence."""

    async def turns(request: web.Request) -> web.Response:
        from_json(await request.read(), Turn)
        body = to_json(Answer((LONG,), STATE))
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/turns", turns)
    return app


@asynccontextmanager
async def scene(settings: Settings) -> AsyncIterator[Scene]:
    runner = web.AppRunner(await core_app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    legs: list[IncomingLeg] = []

    async def listens(leg: IncomingLeg) -> None:
        legs.append(leg)
        leg.ring()
        await leg.answer()
        async for event in leg.events():
            if event.kind == "hung_up":
                return

    async with await open_store(settings) as store, AnsweringTransport(listens) as far:
        played = Scene(settings, store, far, f"http://127.0.0.1:{port}")
        played.legs = legs
        try:
            yield played
        finally:
            if played.process is not None and played.process.returncode is None:
                played.process.kill()
                await played.process.wait()
            await runner.cleanup()


Play = Callable[[Scene], Awaitable[None]]


async def test_a_worker_killed_in_mid_call_leaves_an_attempt_that_is_accounted_for(
    settings: Settings,
) -> None:
    """After SIGKILL the lease lapses; the attempt is stored as interrupted and never dialled again."""
    async with scene(settings) as played:
        await played.start_worker()
        task = await played.queue_call()
        await played.in_call()
        assert await played.stop_worker(signal.SIGKILL) == -signal.SIGKILL

        assert await played.store.get_call(task.task_id) is None
        async with await open_store(settings, clock=LaterClock()) as later:
            reaped = await later.reap(await later.take_fence())
        assert reaped == (task.task_id,)
        stored = await played.store.get_call(task.task_id)
        assert stored is not None
        assert stored.record.disposition is Disposition.INTERRUPTED
        (result,) = await played.store.results_of(task.task_id)
        assert result.disposition is Disposition.INTERRUPTED
        assert not await played.store.begin_attempt(task, "next", lease_ms=60_000)


async def test_a_killed_workers_recording_can_be_played(settings: Settings) -> None:
    """What was said until the kill is on disk with a valid header."""
    import wave

    async with scene(settings) as played:
        await played.start_worker()
        task = await played.queue_call()
        await played.in_call()
        await asyncio.sleep(1.5)
        await played.stop_worker(signal.SIGKILL)
    (path,) = settings.recordings_dir.glob(f"*/{task.task_id}.wav")
    with wave.open(str(path)) as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
        assert recording.getnframes() >= 8000


async def test_a_stopped_worker_says_goodbye_and_stores_the_call(settings: Settings) -> None:
    """SIGTERM in mid-call ends it politely: stored, acknowledged, exit status 0."""
    async with scene(settings) as played:
        await played.start_worker()
        task = await played.queue_call()
        await played.in_call()
        assert await played.stop_worker(signal.SIGTERM) == 0
        stored = await played.store.get_call(task.task_id)
        assert stored is not None
        assert stored.record.disposition is Disposition.INTERRUPTED
        assert stored.record.utterances[0].interrupted
        async with Redis.from_url(settings.redis) as redis:
            assert (await redis.xpending(CALLS_STREAM, "voice"))["pending"] == 0
            assert not [key async for key in redis.scan_iter("nuanye:alive:voice:*")]


async def test_a_call_outlives_redis_and_its_result_is_published_later(tmp_path: Path) -> None:
    """Redis stops in mid-call: the call goes on, is stored, and reaches the stream when Redis is back."""
    with RedisServer(tmp_path / "redis") as server:
        settings = load_settings({"NUANYE_DATA_DIR": str(tmp_path / "var"), "NUANYE_REDIS_URL": server.url})
        async with scene(settings) as played:
            await played.start_worker()
            task = await played.queue_call()
            await played.in_call()
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(1)
            await played.legs[0].hangup()

            async def stored() -> bool:
                return await played.store.get_call(task.task_id) is not None

            await eventually(stored, within_s=20)
            await asyncio.to_thread(server.start)
            async with Redis.from_url(settings.redis) as redis:
                await Relay(played.store, redis).relay_waiting()
                results = RedisStreamQueue(redis, RESULTS_STREAM, Result)
                ((_, result),) = await results.read("test", "t1")
                assert result.source == task.task_id

                async def acknowledged() -> bool:
                    return bool((await redis.xpending(CALLS_STREAM, "voice"))["pending"] == 0)

                await eventually(acknowledged, within_s=30)
            assert played.process is not None
            assert played.process.returncode is None
