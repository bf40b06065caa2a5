"""The platforms' API client and its shared access token, over real HTTP and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from connectors.tencent.client import Effort, PlatformClient
from connectors.tencent.errors import (
    MEANINGS,
    CallbackRefused,
    NotPermitted,
    PlatformError,
    PlatformUnavailable,
    SendRefused,
    TokenRejected,
    WindowClosed,
    error_of,
)
from connectors.tencent.guard import FRESH_S, CallbackGuard
from connectors.tencent.tokens import TokenStore
from core.clock import SystemClock, VirtualClock
from core.errors import QueueError

pytestmark = pytest.mark.net


class Api:
    """A platform whose next answers a test writes down, and a client of it."""

    def __init__(self, redis: Redis, http: aiohttp.ClientSession, url: str) -> None:
        self.redis = redis
        self.answers: list[Any] = []
        self.asked: list[str] = []
        self.fetched: list[bool] = []
        self.revoked = ""
        self.client = PlatformClient(http, url, SystemClock(), Effort(tries=3, pause_ms=1, timeout_ms=300))
        self.client.tokens = self.new_tokens()

    def new_tokens(self) -> TokenStore:
        return TokenStore(self.redis, "test", self.fetch, SystemClock())

    async def fetch(self, refused: bool) -> tuple[str, int]:
        self.fetched.append(refused)
        await asyncio.sleep(0.02)
        return f"token{len(self.fetched)}", 7_200

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.query.get("access_token", ""))
        if self.revoked and self.asked[-1] == self.revoked:
            return web.json_response({"errcode": 40001, "errmsg": "invalid credential"})
        answer = self.answers.pop(0) if self.answers else {"errcode": 0, "done": True}
        if isinstance(answer, dict):
            return web.json_response(answer)
        if isinstance(answer, int):
            return web.Response(status=answer)
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return web.json_response({"errcode": 0})
        return web.Response(body=answer, content_type="audio/amr")


@pytest.fixture
async def api(redis_url: str, free_port: Callable[[], int]) -> AsyncIterator[Api]:
    port = free_port()
    async with aiohttp.ClientSession() as http, Redis.from_url(redis_url) as redis:
        made = Api(redis, http, f"http://127.0.0.1:{port}")
        app = web.Application()
        app.router.add_route("*", "/cgi-bin/x", made.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield made
        await runner.cleanup()


async def test_many_callers_cause_one_fetch(api: Api) -> None:
    """Twenty calls of five processes share one token that was fetched once."""
    stores = [api.new_tokens() for _ in range(5)]
    tokens = await asyncio.gather(*(store.get() for store in stores * 4))
    assert set(tokens) == {"token1"}
    assert api.fetched == [False]


async def test_a_refused_token_is_replaced_once_for_all(api: Api) -> None:
    """The token is revoked in mid-conversation: ten calls succeed and the token is fetched once more."""
    assert api.client.tokens is not None
    api.revoked = await api.client.tokens.get()
    answers = await asyncio.gather(*(api.client.call("/cgi-bin/x", {"n": n}) for n in range(10)))
    assert all(answer["done"] for answer in answers)
    assert api.fetched == [False, True]
    assert set(api.asked) == {"token1", "token2"}


async def test_a_new_token_is_not_dropped_for_the_old_ones_sake(api: Api) -> None:
    """A late refusal of the old token leaves the one that another process has fetched."""
    store = api.new_tokens()
    old = await store.get()
    await store.drop(old)
    new = await store.get()
    await store.drop(old)
    assert await store.get() == new


async def test_a_token_that_is_never_accepted_is_an_error(api: Api) -> None:
    """Two refusals in a row end the call: no endless loop against the platform."""
    api.answers = [{"errcode": 42001}, {"errcode": 42001}]
    with pytest.raises(TokenRejected):
        await api.client.call("/cgi-bin/x")
    assert len(api.asked) == 2


async def test_a_failed_fetch_leaves_no_lock(api: Api) -> None:
    """When the platform gives no token, the next caller tries again at once."""

    async def broken(_refused: bool) -> tuple[str, int]:
        raise PlatformUnavailable("down")

    with pytest.raises(PlatformUnavailable):
        await TokenStore(api.redis, "test", broken, SystemClock()).get()
    assert await api.new_tokens().get() == "token1"


async def test_a_token_expires_before_the_platform_says_so(api: Api) -> None:
    """It is kept for its life less five minutes."""
    await api.new_tokens().get()
    assert 7_200 - 305 <= await api.redis.ttl("nuanye:token:{test}") <= 7_200 - 300


async def test_a_busy_platform_is_asked_again(api: Api) -> None:
    """ "Busy", HTTP 502 and silence are each tried again; then the call succeeds."""
    api.answers = [{"errcode": -1}, 502]
    assert (await api.client.call("/cgi-bin/x"))["done"]
    api.answers = [0.6]
    assert (await api.client.call("/cgi-bin/x"))["done"]


async def test_a_platform_that_stays_away_is_a_named_error(api: Api, free_port: Callable[[], int]) -> None:
    """Nobody listens: the error names the path and carries neither the token nor the address."""
    client = PlatformClient(
        api.client._http, f"http://127.0.0.1:{free_port()}", SystemClock(), Effort(2, 1, 300)
    )
    client.tokens = api.new_tokens()
    with pytest.raises(PlatformUnavailable) as caught:
        await client.call("/cgi-bin/x", {"text": "秘密"})
    assert "token1" not in str(caught.value)
    assert "/cgi-bin/x" in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (45015, WindowClosed),
        (45047, WindowClosed),
        (95018, WindowClosed),
        (95001, WindowClosed),
        (48001, NotPermitted),
        (40164, NotPermitted),
        (45009, PlatformUnavailable),
        (43004, SendRefused),
        (87014, SendRefused),
        (99999, PlatformError),
    ],
)
async def test_error_numbers_become_named_errors(api: Api, errcode: int, kind: type[PlatformError]) -> None:
    """Each number that matters has its class, its number and a text of ours, not the platform's."""
    api.answers = [{"errcode": errcode, "errmsg": "hint: [user o123]"}] * 3
    with pytest.raises(kind) as caught:
        await api.client.call("/cgi-bin/x", {})
    assert type(caught.value) is kind
    assert caught.value.errcode == errcode
    assert "o123" not in str(caught.value)


def test_every_known_number_has_a_meaning() -> None:
    """The table's texts are sentences without the platform's name for the user."""
    for errcode, meaning in MEANINGS.items():
        error = error_of(errcode, "/cgi-bin/x")
        assert isinstance(error, meaning.kind)
        assert str(errcode) in str(error)


async def test_files_are_downloaded_up_to_a_size(api: Api) -> None:
    """A file comes with its type; a larger one than allowed is refused while it is read."""
    api.answers = [b"#!AMR\n" + b"x" * 100]
    content, kind = await api.client.download("/cgi-bin/x", {"media_id": "m"}, 1_000)
    assert (content[:5], kind) == (b"#!AMR", "audio/amr")
    api.answers = [b"x" * 200_000]
    with pytest.raises(SendRefused, match="more than"):
        await api.client.download("/cgi-bin/x", {"media_id": "m"}, 1_000)
    api.answers = [{"errcode": 40007}]
    with pytest.raises(SendRefused, match="40007"):
        await api.client.download("/cgi-bin/x", {"media_id": "m"}, 1_000)


async def test_an_answer_that_is_no_object_counts_as_unavailable(api: Api) -> None:
    """A proxy's page in the platform's place is not taken for success."""
    api.answers = [b"<html>login</html>"]
    with pytest.raises(PlatformUnavailable, match="not a JSON object"):
        await api.client.call("/cgi-bin/x")


async def test_a_stale_timestamp_is_refused(api: Api) -> None:
    """Only the last five minutes count; malformed ones are refused too."""
    clock = VirtualClock()
    guard = CallbackGuard(api.redis, "test", clock)
    now = int(clock.now().timestamp())
    guard.check_fresh(str(now))
    guard.check_fresh(str(now - FRESH_S))
    for stale in (str(now - FRESH_S - 1), str(now + FRESH_S + 1), "", "-1", "١٢", "9" * 40, "1e9"):
        with pytest.raises(CallbackRefused):
            guard.check_fresh(stale)


async def test_a_signature_stands_for_one_message(api: Api) -> None:
    """The same callback again is a retry; another body under its signature is a replay."""
    guard = CallbackGuard(api.redis, "test", SystemClock())
    await guard.check_replay("s1", b"one")
    await guard.check_replay("s1", b"one")
    with pytest.raises(CallbackRefused):
        await guard.check_replay("s1", b"two")
    await CallbackGuard(api.redis, "other", SystemClock()).check_replay("s1", b"two")


async def test_without_redis_both_say_so(api: Api) -> None:
    """Redis away is the house's error, so that the door can say so to the citizen."""
    async with Redis.from_url("redis://127.0.0.1:1") as nowhere:
        with pytest.raises(QueueError):
            await CallbackGuard(nowhere, "test", SystemClock()).check_replay("s", b"")
        with pytest.raises(QueueError):
            await TokenStore(nowhere, "test", api.fetch, SystemClock()).get()
