"""A fake platform, our chat server with its official account door, and a dialogue that the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from connectors.app import CHANNELS, Parts, make_app
from connectors.channel import Channel
from connectors.fake_platform.phones import Shown
from connectors.fake_platform.wechat import Account, FakeWechat
from connectors.handover.staffing import Behind
from connectors.patience import Patience
from core.clock import SystemClock
from core.errors import EngineError
from core.interfaces import Dialogue
from core.settings import Settings
from core.types import Transcript
from tests.connectors.conftest import QUICK, ListLedger
from tests.eventually import eventually

USER = "oAbC_0123456789-fictional"


@dataclass
class FakeHearing:
    """A recogniser that says what the test wants; fails while ``down``."""

    text: str = "失业金怎么领"
    down: bool = False
    heard: list[int] = field(default_factory=list)

    async def transcribe(self, wav: bytes) -> Transcript:
        self.heard.append(len(wav))
        if self.down:
            raise EngineError("down")
        return Transcript(self.text, True, 0.9, 0, 1_000)


@dataclass
class Town:
    """The platform and our door on it."""

    platform: FakeWechat
    hearing: FakeHearing
    settings: Settings
    redis: Redis
    start: Callable[..., Awaitable[web.AppRunner]]
    channels: Sequence[Channel]
    first: web.AppRunner

    def screen(self, user: str = USER) -> list[tuple[str, str]]:
        return [(shown.how, shown.text) for shown in self.platform.phones.of(user).screen]

    def texts(self, user: str = USER) -> list[str]:
        return [text for _, text in self.screen(user)]

    async def shown(self, count: int, user: str = USER, within_s: float = 15.0) -> list[Shown]:
        """Wait for ``count`` lines on a user's screen."""
        screen = self.platform.phones.of(user).screen
        await eventually(lambda: len(screen) >= count, within_s=within_s)
        return screen

    async def post(self, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        async with self.platform.http.post(self.platform.callback_url, params=query, data=body) as response:
            return response.status, await response.read()

    async def quiet(self, seconds: float = 0.4) -> None:
        """Long enough for a courier to do what it should not."""
        await asyncio.sleep(seconds)


OpenTown = Callable[..., Awaitable[Town]]


@pytest.fixture
async def open_town(settings: Settings, free_port: Callable[[], int]) -> AsyncIterator[OpenTown]:
    """Open a town with a dialogue; ``mode`` is the account's, ``patience`` the inbox's."""
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
        platforms: list[Any] = []

        async def open_it(
            dialogue: Dialogue,
            mode: str = "safe",
            patience: Patience = QUICK,
            behind: Behind | None = None,
            stations: object = "",
        ) -> Town:
            platform = FakeWechat(Account(mode=mode), SystemClock(), http)
            serving = platform.serve("127.0.0.1", free_port())
            api_url = await serving.__aenter__()
            platforms.append(serving)
            account = platform.account
            ours = replace(
                settings,
                wechat_app_id=account.app_id,
                wechat_app_secret=account.secret,
                wechat_token=account.token,
                wechat_aes_key=account.aes_key if mode != "plain" else "",
                wechat_mode=mode,
                wechat_api_url=api_url,
                stations_file=str(stations),
            )
            hearing = FakeHearing()

            async def start(dialogue: Dialogue = dialogue, patience: Patience = patience) -> web.AppRunner:
                parts = Parts(redis, dialogue, ListLedger(), hearing, http, behind)
                runner = web.AppRunner(make_app(ours, parts, patience), access_log=None, shutdown_timeout=1)
                await runner.setup()
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port).start()
                platform.callback_url = f"http://127.0.0.1:{port}/wechat/callback"
                runners.append(runner)
                return runner

            first = await start()
            return Town(platform, hearing, ours, redis, start, first.app[CHANNELS], first)

        yield open_it
        for runner in runners:
            await runner.cleanup()
        for serving in platforms:
            await serving.__aexit__(None, None, None)
