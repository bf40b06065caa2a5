"""The web, the official account, WeCom, customer service and the example keep the channels' contract."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from connectors import plugin
from connectors.app import CHANNELS, Parts, make_app
from connectors.channel import Channel
from connectors.fake_platform.corp import CorpAccount
from connectors.fake_platform.kf import FakeKf
from connectors.fake_platform.wechat import Account, FakeWechat
from connectors.fake_platform.wecom import FakeWecom
from connectors.handover.staffing import Behind
from connectors.redis_store import RedisStore
from connectors.types import Limits
from connectors.web.crypto import make_token
from connectors.wechat.channel import conversation_of
from connectors.wechat_kf.intake import conversation_of as kf_conversation
from connectors.wechat_kf.wire import CUSTOMER, Item, Place
from connectors.wecom.channel import conversation_of as wecom_conversation
from core.clock import SystemClock
from core.errors import ConfigError
from core.interfaces import Dialogue
from core.secret import derive_key, load_secret
from core.settings import Settings
from core.types import Answer, Reply, Turn
from tests.connectors.conftest import ListLedger
from tests.connectors.contract import PATIENCE, ChannelContract
from tests.connectors.handover.conftest import office
from tests.connectors.wechat_kf.conftest import with_kf
from tests.connectors.wecom.conftest import with_wecom

__all__ = ["office"]

pytestmark = pytest.mark.net

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "webhook_channel" / "nuanye_webhook.py"


class Server:
    """What the harnesses share: processes of one installation."""

    def __init__(
        self, settings: Settings, http: aiohttp.ClientSession, redis: Redis, ports: tuple[int, int]
    ) -> None:
        self.settings = settings
        self.http = http
        self.redis = redis
        self.url = f"http://127.0.0.1:{ports[0]}"
        self._port, self.other_port = ports
        self._runners: list[web.AppRunner] = []
        self._left = AsyncExitStack()
        self.behind: Behind | None = None

    def staffed(self, behind: Behind) -> None:
        self.behind = behind

    async def open(self, dialogue: Dialogue) -> None:
        parts = Parts(self.redis, dialogue, ListLedger(), None, self.http, self.behind)
        runner = web.AppRunner(make_app(self.settings, parts, PATIENCE), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._runners.append(runner)

    async def close(self) -> None:
        await self._runners.pop().cleanup()

    async def end(self) -> None:
        while self._runners:
            await self.close()
        await self._left.aclose()

    def channel(self, name: str) -> Channel:
        return next(item for item in self._runners[-1].app[CHANNELS] if item.name == name)

    @property
    def user_key(self) -> bytes:
        return derive_key(load_secret(self.settings), "chat-users")


class WechatHarness(Server):
    """The official account through the fake platform."""

    async def open(self, dialogue: Dialogue) -> None:
        if not hasattr(self, "platform"):
            self.platform = FakeWechat(Account(), SystemClock(), self.http, f"{self.url}/wechat/callback")
            api = await self._left.enter_async_context(self.platform.serve("127.0.0.1", self.other_port))
            account = self.platform.account
            self.settings = replace(
                self.settings,
                wechat_app_id=account.app_id,
                wechat_app_secret=account.secret,
                wechat_token=account.token,
                wechat_aes_key=account.aes_key,
                wechat_api_url=api,
            )
        await super().open(dialogue)

    async def say(self, user: str, text: str, key: str) -> None:
        self.platform.phones.allow(user, "message")
        message = self.platform.compose(user, {"MsgType": "text", "Content": text, "MsgId": int(key)})
        # One reply per MsgId is all that the platform shows, whichever attempt it came with.
        if any(shown.message_key == key for shown in self.platform.phones.of(user).screen):
            await self.platform.attempt(self.platform.wrap(message))
        else:
            await self.platform.deliver(message)

    async def forge(self, user: str, text: str) -> int:
        forger = FakeWechat(Account(token="forged"), SystemClock(), self.http, self.platform.callback_url)
        request = forger.wrap(forger.compose(user, {"MsgType": "text", "Content": text, "MsgId": 1}))
        return (await forger.attempt(request))[0]

    async def push(self, user: str, text: str) -> None:
        await self.channel("wechat").send(conversation_of(self.user_key, user), [Reply(text)])

    async def seen(self, user: str) -> list[str]:
        screen = self.platform.phones.of(user).screen
        return [part for shown in screen if shown.text for part in shown.text.split("\n\n")]


class WecomHarness(Server):
    """A WeCom application through the fake platform."""

    async def open(self, dialogue: Dialogue) -> None:
        if not hasattr(self, "platform"):
            self.platform = FakeWecom(CorpAccount(), SystemClock(), self.http, f"{self.url}/wecom/callback")
            api = await self._left.enter_async_context(self.platform.serve("127.0.0.1", self.other_port))
            self.settings = with_wecom(self.settings, self.platform.account, api)
        await super().open(dialogue)

    async def say(self, user: str, text: str, key: str) -> None:
        message = {"MsgType": "text", "Content": text, "MsgId": int(key)}
        await self.platform.show(user, self.platform.compose(user, message))

    async def forge(self, user: str, text: str) -> int:
        forger = FakeWecom(CorpAccount(token="forged"), SystemClock(), self.http, self.platform.callback_url)
        request = forger.wrap(forger.compose(user, {"MsgType": "text", "Content": text, "MsgId": 1}))
        return (await forger.attempt(request))[0]

    async def push(self, user: str, text: str) -> None:
        await self.channel("wecom").send(wecom_conversation(self.user_key, user), [Reply(text)])

    async def seen(self, user: str) -> list[str]:
        return [shown.text.rstrip("\u200b\u200c") for shown in self.platform.member(user).screen]


class KfHarness(Server):
    """WeChat customer service through the fake platform."""

    async def open(self, dialogue: Dialogue) -> None:
        if not hasattr(self, "platform"):
            self.platform = FakeKf(CorpAccount(), SystemClock(), self.http, f"{self.url}/kf/callback")
            api = await self._left.enter_async_context(self.platform.serve("127.0.0.1", self.other_port))
            self.settings = with_kf(self.settings, self.platform.account, api)
        if self.behind is not None:
            self.platform.servicers = dict.fromkeys(self.platform.servicers, 1)
        await super().open(dialogue)

    async def say(self, user: str, text: str, key: str) -> None:
        await self.platform.say(user, text, f"msg{key}")

    async def forge(self, user: str, text: str) -> int:
        forger = FakeKf(CorpAccount(token="forged"), SystemClock(), self.http, self.platform.callback_url)
        return (await forger.attempt(forger.wrap(forger.compose())))[0]

    async def push(self, user: str, text: str) -> None:
        item = Item("x", Place(FakeKf.account_id, user), 0, CUSTOMER)
        await self.channel("kf").send(kf_conversation(self.user_key, item), [Reply(text)])

    async def seen(self, user: str) -> list[str]:
        return [shown.text for shown in self.platform.phones.of(user).screen]


class WebHarness(Server):
    """The web's HTTP API; a user is a session."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._conversations: dict[str, str] = {}

    def _headers(self, user: str) -> dict[str, str]:
        digest = hashlib.sha256(user.encode()).hexdigest()[:24]
        conversation = self._conversations.setdefault(user, f"web_{digest}")
        key = derive_key(load_secret(self.settings), "web-chat-session")
        return {"Authorization": f"Bearer {make_token(key, conversation, SystemClock().now())}"}

    async def say(self, user: str, text: str, key: str) -> None:
        body = {"message_id": key, "text": text}
        async with self.http.post(
            f"{self.url}/api/web/messages", json=body, headers=self._headers(user)
        ) as response:
            assert response.status == 202

    async def forge(self, user: str, text: str) -> int:
        headers = {"Authorization": self._headers(user)["Authorization"][:-4] + "AAAA"}
        body = {"message_id": "1", "text": text}
        async with self.http.post(f"{self.url}/api/web/messages", json=body, headers=headers) as response:
            return response.status

    async def push(self, user: str, text: str) -> None:
        from connectors.types import reply_events

        turn = Turn(self._conversations[user], "web", "", "push1", SystemClock().now())
        events = reply_events(turn, Answer((Reply(text),)), turn.at)
        await RedisStore(self.redis, Limits()).append(turn.conversation_id, events)

    async def seen(self, user: str) -> list[str]:
        url = f"{self.url}/api/web/events?cursor=0-0"
        async with self.http.get(url, headers=self._headers(user)) as response:
            events = (await response.json())["events"]
        return [event["text"] for event in events if event["type"] == "reply"]


class WebhookHarness(Server):
    """The example plug-in, found through its entry point, and the program it talks to."""

    async def open(self, dialogue: Dialogue) -> None:
        if not hasattr(self, "posted"):
            self.posted: dict[str, dict[str, str]] = {}
            app = web.Application()
            app.add_routes([web.post("/answers", self._take)])
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            self._left.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", self.other_port).start()
        await super().open(dialogue)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not hmac.compare_digest(sign(body), request.headers["X-Signature"]):
            return web.Response(status=403)
        said = json.loads(body)
        self.posted.setdefault(said["user"], {})[said["key"]] = said["text"]
        return web.Response()

    async def say(self, user: str, text: str, key: str) -> None:
        body = json.dumps({"user": user, "message_id": key, "text": text}).encode()
        status = await self._post(body, sign(body))
        assert status == 202

    async def _post(self, body: bytes, signed: str) -> int:
        url = f"{self.url}/webhook/messages"
        async with self.http.post(url, data=body, headers={"X-Signature": signed}) as response:
            return response.status

    async def forge(self, user: str, text: str) -> int:
        return await self._post(
            json.dumps({"user": user, "message_id": "1", "text": text}).encode(), "0" * 64
        )

    async def push(self, user: str, text: str) -> None:
        digest = hashlib.blake2b(user.encode(), key=self.user_key, digest_size=12).hexdigest()
        await self.channel("webhook").send(f"webhook_{digest}", [Reply(text)])

    async def seen(self, user: str) -> list[str]:
        return list(self.posted.get(user, {}).values())


def sign(body: bytes) -> str:
    return hmac.new(b"s" * 32, body, hashlib.sha256).hexdigest()


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nuanye_webhook", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["nuanye_webhook"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def server(
    settings: Settings, free_port: Callable[[], int], request: pytest.FixtureRequest
) -> AsyncIterator[Any]:
    """The harness of the class that asks."""
    async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
        made = request.cls.kind(settings, http, redis, (free_port(), free_port()))
        yield made
        await made.end()


@pytest.fixture
def harness(server: Any) -> Any:
    return server


class TestWechat(ChannelContract):
    """The official account."""

    kind = WechatHarness


class TestWecom(ChannelContract):
    """A WeCom application."""

    kind = WecomHarness


class TestCustomerService(ChannelContract):
    """WeChat customer service."""

    kind = KfHarness


class TestWeb(ChannelContract):
    """The web."""

    kind = WebHarness


class TestWebhookExample(ChannelContract):
    """The documented example."""

    kind = WebhookHarness

    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
        example()
        monkeypatch.setenv("WEBHOOK_CHANNEL_SECRET", "s" * 32)
        monkeypatch.setenv("WEBHOOK_CHANNEL_URL", f"http://127.0.0.1:{server.other_port}/answers")
        point = EntryPoint("webhook", "nuanye_webhook:make", plugin.GROUP)
        monkeypatch.setattr(plugin, "entry_points", lambda group: [point] if group == plugin.GROUP else [])


def test_the_example_is_short() -> None:
    """A channel is a hundred lines."""
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 100


@pytest.mark.parametrize("target", ["nowhere_at_all:make", "json:no_such_function"])
async def test_a_plugin_that_cannot_be_loaded_is_named(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads which package's channel is broken."""
    point = EntryPoint("townhall", target, plugin.GROUP)
    monkeypatch.setattr(plugin, "BUILT_IN", {})
    monkeypatch.setattr(plugin, "entry_points", lambda group: [point])
    with pytest.raises(ConfigError, match="townhall"):
        list(plugin.channels_of(None))  # type: ignore[arg-type]


async def test_a_name_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package cannot take the web's place."""
    point = EntryPoint("web", "nuanye_webhook:make", plugin.GROUP)
    example()
    monkeypatch.setattr(plugin, "BUILT_IN", {})
    monkeypatch.setattr(plugin, "entry_points", lambda group: [point])
    with pytest.raises(ConfigError, match="twice"):
        list(plugin.channels_of(None))  # type: ignore[arg-type]
