"""A fake WeCom, our chat server with its door on it, and a dialogue that the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from connectors.app import CHANNELS, Parts, make_app
from connectors.channel import Channel
from connectors.fake_platform.corp import CorpAccount
from connectors.fake_platform.phones import Shown
from connectors.fake_platform.wecom import FakeWecom
from connectors.handover.staffing import Behind
from connectors.patience import Patience
from core.clock import SystemClock
from core.interfaces import Dialogue
from core.settings import Settings
from tests.connectors.conftest import QUICK, ListLedger
from tests.connectors.wechat.conftest import FakeHearing
from tests.eventually import eventually

USER = "ChenXiaoMing"


@dataclass
class Corp:
    """The platform and our door on it."""

    platform: FakeWecom
    hearing: FakeHearing
    settings: Settings
    redis: Redis
    start: Callable[..., Awaitable[web.AppRunner]]
    channels: Sequence[Channel]
    first: web.AppRunner

    def screen(self, user: str = USER) -> list[tuple[str, str]]:
        """What is seen: each message ends in an invisible sign."""
        return [(shown.how, shown.text.rstrip("\u200b\u200c")) for shown in self.platform.member(user).screen]

    def texts(self, user: str = USER) -> list[str]:
        return [text for _, text in self.screen(user)]

    async def shown(self, count: int, user: str = USER, within_s: float = 15.0) -> list[Shown]:
        """Wait for ``count`` lines on a member's screen."""
        screen = self.platform.member(user).screen
        await eventually(lambda: len(screen) >= count, within_s=within_s)
        return screen

    async def post(self, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        async with self.platform.http.post(self.platform.callback_url, params=query, data=body) as response:
            return response.status, await response.read()

    async def quiet(self, seconds: float = 0.4) -> None:
        """Long enough for a courier to do what it should not."""
        await asyncio.sleep(seconds)


OpenCorp = Callable[..., Awaitable[Corp]]


def with_wecom(settings: Settings, account: CorpAccount, api_url: str) -> Settings:
    """Return settings with the application of ``account`` set up."""
    return replace(
        settings,
        wecom_corp_id=account.corp_id,
        wecom_agent_id=account.agent_id,
        wecom_secret=account.secret,
        wecom_token=account.token,
        wecom_aes_key=account.aes_key,
        wecom_api_url=api_url,
    )


@pytest.fixture
async def open_corp(settings: Settings, free_port: Callable[[], int]) -> AsyncIterator[OpenCorp]:
    """Open a corporation with a dialogue; ``rich`` is the setting, ``patience`` the inbox's."""
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
        platforms: list[Any] = []

        async def open_it(
            dialogue: Dialogue, rich: bool = True, patience: Patience = QUICK, behind: Behind | None = None
        ) -> Corp:
            platform = FakeWecom(CorpAccount(), SystemClock(), http)
            serving = platform.serve("127.0.0.1", free_port())
            api_url = await serving.__aenter__()
            platforms.append(serving)
            ours = replace(with_wecom(settings, platform.account, api_url), wecom_rich=rich)
            hearing = FakeHearing()

            async def start(dialogue: Dialogue = dialogue, patience: Patience = patience) -> web.AppRunner:
                parts = Parts(redis, dialogue, ListLedger(), hearing, http, behind)
                runner = web.AppRunner(make_app(ours, parts, patience), access_log=None, shutdown_timeout=1)
                await runner.setup()
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port).start()
                platform.callback_url = f"http://127.0.0.1:{port}/wecom/callback"
                runners.append(runner)
                return runner

            first = await start()
            return Corp(platform, hearing, ours, redis, start, first.app[CHANNELS], first)

        yield open_it
        for runner in runners:
            await runner.cleanup()
        for serving in platforms:
            await serving.__aexit__(None, None, None)
