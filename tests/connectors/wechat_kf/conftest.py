"""A fake customer service, our chat server with its door on it, and a dialogue that the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from connectors.app import CHANNELS, Parts, make_app
from connectors.fake_platform.corp import CorpAccount
from connectors.fake_platform.kf import FakeKf
from connectors.fake_platform.phones import Shown
from connectors.handover.staffing import Behind
from connectors.patience import Patience
from connectors.wechat_kf.channel import KfChannel
from core.clock import SystemClock
from core.interfaces import Dialogue
from core.settings import Settings
from core.types import Answer, CallAction, Reply, Turn
from tests.connectors.conftest import QUICK, ListLedger
from tests.connectors.script import script
from tests.connectors.wechat.conftest import FakeHearing
from tests.eventually import eventually

USER = "wmAbC_0123456789-fictional"


def with_person(turn: Turn) -> Answer:
    """The script, with somebody who asks for a person."""
    if turn.text == "找人工":
        return Answer((Reply("好的，我帮您找工作人员。", call=CallAction.TRANSFER),))
    return script(turn)


@dataclass
class Service:
    """The platform and our door on it."""

    platform: FakeKf
    hearing: FakeHearing
    settings: Settings
    redis: Redis
    start: Callable[..., Awaitable[web.AppRunner]]
    runners: list[web.AppRunner]

    @property
    def channel(self) -> KfChannel:
        return next(item for item in self.runners[-1].app[CHANNELS] if isinstance(item, KfChannel))

    def screen(self, user: str = USER) -> list[tuple[str, str]]:
        return [(shown.how, shown.text) for shown in self.platform.phones.of(user).screen]

    def texts(self, user: str = USER) -> list[str]:
        return [text for _, text in self.screen(user)]

    async def shown(self, count: int, user: str = USER, within_s: float = 15.0) -> list[Shown]:
        """Wait for ``count`` lines on a customer's screen."""
        screen = self.platform.phones.of(user).screen
        await eventually(lambda: len(screen) >= count, within_s=within_s)
        return screen

    async def state(self, wanted: int, user: str = USER) -> None:
        """Wait for a session's state."""
        await eventually(lambda: self.platform.session(user).state == wanted)

    async def post(self, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        async with self.platform.http.post(self.platform.callback_url, params=query, data=body) as response:
            return response.status, await response.read()

    async def quiet(self, seconds: float = 0.4) -> None:
        """Long enough for a courier to do what it should not."""
        await asyncio.sleep(seconds)


OpenService = Callable[..., Awaitable[Service]]


def with_kf(settings: Settings, account: CorpAccount, api_url: str) -> Settings:
    """Return settings with the customer service of ``account`` set up."""
    return replace(
        settings,
        wecom_corp_id=account.corp_id,
        kf_secret=account.secret,
        kf_token=account.token,
        kf_aes_key=account.aes_key,
        wecom_api_url=api_url,
    )


@pytest.fixture
async def open_service(settings: Settings, free_port: Callable[[], int]) -> AsyncIterator[OpenService]:
    """Open a customer service with a dialogue; ``before`` prepares the platform."""
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
        platforms: list[Any] = []

        async def open_it(
            dialogue: Dialogue,
            patience: Patience = QUICK,
            before: Callable[[FakeKf], object] = lambda _: None,
            behind: Behind | None = None,
        ) -> Service:
            platform = FakeKf(CorpAccount(), SystemClock(), http)
            before(platform)
            serving = platform.serve("127.0.0.1", free_port())
            api_url = await serving.__aenter__()
            platforms.append(serving)
            ours = with_kf(settings, platform.account, api_url)
            hearing = FakeHearing()

            async def start(dialogue: Dialogue = dialogue, patience: Patience = patience) -> web.AppRunner:
                parts = Parts(redis, dialogue, ListLedger(), hearing, http, behind)
                runner = web.AppRunner(make_app(ours, parts, patience), access_log=None, shutdown_timeout=1)
                await runner.setup()
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port).start()
                platform.callback_url = f"http://127.0.0.1:{port}/kf/callback"
                runners.append(runner)
                return runner

            await start()
            return Service(platform, hearing, ours, redis, start, runners)

        yield open_it
        for runner in runners:
            await runner.cleanup()
        for serving in platforms:
            await serving.__aexit__(None, None, None)
