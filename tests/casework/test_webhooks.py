"""Deliveries over HTTP against a real receiver: signed, in order per person, never lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from casework.routing import stream_of
from casework.webhooks.config import Hook, read_webhooks
from casework.webhooks.delivery import MOST_PAUSE_MS, Webhook
from casework.webhooks.signing import ID, SIGNATURE, TIMESTAMP, headers, is_genuine
from core.clock import SystemClock, VirtualClock
from core.codec import to_json
from core.errors import ConfigError
from core.settings import Settings
from core.streams import DEAD, RESULTS_STREAM
from tests.casework.samples import intention

SECRET = b"a secret of the two houses, long enough"


class Receiver:
    """Answers as told per source, 200 by default, and keeps what it took."""

    def __init__(self) -> None:
        self.answers: dict[str, list[int]] = {}
        self.taken: list[str] = []
        self.genuine: list[bool] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.genuine.append(is_genuine(SECRET, dict(request.headers), body, SystemClock().now().timestamp()))
        source = json.loads(body)["source"]
        status = self.answers[source].pop(0) if self.answers.get(source) else 200
        if status < 300:
            self.taken.append(source)
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver on loopback and its address."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    async with TestServer(app) as server:
        yield made, str(server.make_url("/hook"))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def put(redis: Redis, *sources: str, subject: str = "", stream: str = RESULTS_STREAM) -> None:
    for source in sources:
        result = intention(source, SystemClock().now())
        await redis.xadd(stream, {"json": to_json(replace(result, subject=subject or source))})


def hook_to(redis: Redis, url: str, clock: VirtualClock | SystemClock, **changes: object) -> Webhook:
    return Webhook(redis, replace(Hook("tianhe", url, SECRET), **changes), clock, lambda: True)  # type: ignore[arg-type]


async def pending(redis: Redis, stream: str = RESULTS_STREAM) -> int:
    return int((await redis.xpending(stream, "webhook:tianhe"))["pending"])


def still_clock() -> VirtualClock:
    """Stands at the present until moved: signatures are fresh."""
    return VirtualClock(start=SystemClock().now())


async def test_everything_arrives_signed_and_in_order(
    redis: Redis, session: aiohttp.ClientSession, receiver: tuple[Receiver, str]
) -> None:
    await put(redis, *(f"web_{n}" for n in range(30)), subject="per_1")
    made, url = receiver
    assert await hook_to(redis, url, still_clock()).step(session) == 30
    assert made.taken == [f"web_{n}" for n in range(30)]
    assert all(made.genuine)
    assert await pending(redis) == 0


async def test_a_failure_holds_up_its_person_only_and_is_tried_again(
    redis: Redis, session: aiohttp.ClientSession, receiver: tuple[Receiver, str]
) -> None:
    """500, a redirect (never followed), then 200; the pauses grow."""
    made, url = receiver
    made.answers["web_1"] = [500, 302]
    await put(redis, "web_1", "web_2", subject="per_1")
    await put(redis, "web_3")
    clock = still_clock()
    hook = hook_to(redis, url, clock)
    assert await hook.step(session) == 1
    assert made.taken == ["web_3"]
    assert await hook.step(session) == 0  # the pause has not passed
    clock.advance_ms(1_001)
    assert await hook.step(session) == 0
    clock.advance_ms(1_001)
    assert await hook.step(session) == 0
    clock.advance_ms(1_001)
    assert await hook.step(session) == 2
    assert made.taken == ["web_3", "web_1", "web_2"]


async def test_what_was_taken_by_a_process_that_died_is_delivered(
    redis: Redis, session: aiohttp.ClientSession, receiver: tuple[Receiver, str]
) -> None:
    made, url = receiver
    made.answers["web_1"] = [503]
    await put(redis, "web_1", "web_2", subject="per_1")
    assert await hook_to(redis, url, still_clock()).step(session) == 0
    assert await pending(redis) == 2
    assert await hook_to(redis, url, still_clock()).step(session) == 2
    assert made.taken == ["web_1", "web_2"]


async def test_after_so_many_days_it_becomes_a_dead_letter(
    redis: Redis, session: aiohttp.ClientSession, free_port: object
) -> None:
    """Nobody listens; the entry waits for a week, then it is buried with the reason."""
    await put(redis, "web_1", stream=stream_of("天河区"))
    assert callable(free_port)
    clock = still_clock()
    url = f"http://127.0.0.1:{free_port()}/"
    hook = hook_to(redis, url, clock, district="天河区")
    for _ in range(3):
        assert await hook.step(session) == 0
        clock.advance_ms(MOST_PAUSE_MS)
    assert await pending(redis, stream_of("天河区")) == 1
    clock.advance_ms(timedelta(days=7).total_seconds() * 1000)
    await hook.step(session)
    assert await pending(redis, stream_of("天河区")) == 0
    ((_, letter),) = await redis.xrange(stream_of("天河区") + DEAD)
    assert b"Connector" in letter[b"reason"]


async def test_410_buries_at_once_and_409_is_a_repeat(
    redis: Redis, session: aiohttp.ClientSession, receiver: tuple[Receiver, str]
) -> None:
    made, url = receiver
    made.answers = {"web_1": [410], "web_2": [409]}
    await put(redis, "web_1", "web_2")
    assert await hook_to(redis, url, still_clock()).step(session) == 1
    assert await redis.xlen(RESULTS_STREAM + DEAD) == 1
    assert await pending(redis) == 0


def test_a_signature_holds_for_its_body_time_and_id_only() -> None:
    given = headers(SECRET, "res_1", 1_800_000_000, b"{}")
    assert is_genuine(SECRET, given, b"{}", 1_800_000_010)
    assert not is_genuine(SECRET, given, b"{ }", 1_800_000_010)
    assert not is_genuine(b"x" * 32, given, b"{}", 1_800_000_010)
    assert not is_genuine(SECRET, given, b"{}", 1_800_000_400)
    for name, value in ((ID, "res_2"), (TIMESTAMP, "1800000001"), (TIMESTAMP, "²"), (SIGNATURE, "v1=é")):
        assert not is_genuine(SECRET, {**given, name: value}, b"{}", 1_800_000_010)


def _file(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "hooks.toml"
    path.write_text(text, encoding="utf-8")
    return Settings(webhooks=str(path))


def test_hooks_are_read_from_the_file(tmp_path: Path) -> None:
    text = '[hooks.tianhe]\nurl = "https://a.example/h"\ndistrict = "天河区"\nsecret_env = "S"\n'
    (hook,) = read_webhooks(_file(tmp_path, text), {"S": "x" * 32})
    assert hook == Hook("tianhe", "https://a.example/h", b"x" * 32, "天河区", 7)
    assert read_webhooks(Settings()) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks = 1",
        "[hooks.a",
        '[hooks.A]\nurl = "https://a.example/"\nsecret_env = "S"',
        '[hooks.a]\nurl = "http://a.example/"\nsecret_env = "S"',
        '[hooks.a]\nurl = "file:///etc/passwd"\nsecret_env = "S"',
        '[hooks.a]\nurl = "https://u:p@a.example/"\nsecret_env = "S"',
        '[hooks.a]\nurl = 7\nsecret_env = "S"',
        '[hooks.a]\nurl = "https://a.example/"\nsecret_env = "SHORT"',
        '[hooks.a]\nurl = "https://a.example/"',
        '[hooks.a]\nurl = "https://a.example/"\nsecret_env = "S"\ngive_up_days = 0',
        '[hooks.a]\nurl = "https://a.example/"\nsecret_env = "S"\nsecret = "x"',
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        read_webhooks(_file(tmp_path, text), {"S": "x" * 32, "SHORT": "x"})
    with pytest.raises(ConfigError):
        read_webhooks(Settings(webhooks=str(tmp_path / "none.toml")))
