"""The application's set-up, menu and demonstration; customer service on the same callback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis
from typer.testing import CliRunner

from connectors.app import Parts, make_app
from connectors.fake_platform.corp import CorpAccount
from connectors.fake_platform.kf import FakeKf
from connectors.platform_texts import load_platform_texts
from connectors.tencent.errors import CORP_MEANINGS, NotPermitted, SendRefused, error_of
from connectors.wecom.api import WecomApi
from core.clock import SystemClock
from core.codec import from_json, to_json
from core.dialogue import ScriptedDialogue
from core.errors import ConfigError
from core.settings import Settings
from core.types import Turn
from nuanye import corp_demo
from nuanye.commands.wecom import app
from nuanye.demonstration import DemoError
from tests.connectors.conftest import ListLedger
from tests.connectors.script import script
from tests.connectors.wechat_kf.conftest import OpenService, open_service, with_kf, with_person
from tests.connectors.wecom.conftest import USER, Corp, OpenCorp, with_wecom
from tests.eventually import eventually

pytestmark = pytest.mark.net

MENU = load_platform_texts({"agency": "中心", "hotline": "12333"}).menu
__all__ = ["open_service"]


def environ(settings: Settings) -> dict[str, str]:
    names = ("data_dir", "redis_url", "wecom_corp_id", "wecom_agent_id", "wecom_secret", "kf_secret")
    return {f"NUANYE_{name.upper()}": str(getattr(settings, name)) for name in (*names, "wecom_api_url")}


@pytest.fixture
async def corp(open_corp: OpenCorp) -> Corp:
    return await open_corp(ScriptedDialogue(script))


async def test_the_menu_is_set_and_shown_from_the_command_line(corp: Corp) -> None:
    """`menu set` puts the file's menu at the platform, `menu show` reads it back; a button works."""
    runner = CliRunner(env=environ(corp.settings))
    assert (await asyncio.to_thread(runner.invoke, app, ["menu", "set"])).exit_code == 0
    shown = await asyncio.to_thread(runner.invoke, app, ["menu", "show", "--json"])
    buttons = json.loads(shown.stdout.splitlines()[-1])["buttons"]
    assert [button["name"] for button in buttons] == [entry.name for entry in MENU]
    await corp.platform.event(USER, "click", buttons[0]["sub_button"][0]["key"])
    await corp.shown(1)
    plain = await asyncio.to_thread(runner.invoke, app, ["menu", "show"])
    assert MENU[0].items[0].name in plain.stdout


async def test_the_set_up_is_checked_from_the_command_line(corp: Corp) -> None:
    """`check` names the application; a wrong secret, corporation or application is a named error."""
    env = environ(corp.settings)
    right = await asyncio.to_thread(CliRunner(env=env).invoke, app, ["check", "--json"])
    assert json.loads(right.stdout.splitlines()[-1]) == {"ok": True, "application": "就业服务"}
    for name, value, errcode in (
        ("WECOM_SECRET", "wrong", 40001),
        ("WECOM_CORP_ID", "ww0", 40013),
        ("WECOM_AGENT_ID", "7", 301002),
    ):
        wrong = CliRunner(env={**env, f"NUANYE_{name}": value})
        failed = (await asyncio.to_thread(wrong.invoke, app, ["check"])).exception
        assert isinstance(failed, NotPermitted)
        assert failed.errcode == errcode
    for name in ("WECOM_CORP_ID", "WECOM_AGENT_ID"):
        unset = {**env, f"NUANYE_{name}": "" if name == "WECOM_CORP_ID" else "0"}
        failed = (await asyncio.to_thread(CliRunner(env=unset).invoke, app, ["check"])).exception
        assert isinstance(failed, ConfigError)


async def test_customer_service_is_checked_from_the_command_line(open_service: OpenService) -> None:
    """`check` lists the accounts that the application serves."""
    service = await open_service(ScriptedDialogue(script))
    runner = CliRunner(env=environ(service.settings))
    shown = await asyncio.to_thread(runner.invoke, app, ["check"])
    assert "就业服务" in shown.stdout


async def test_one_callback_serves_both_doors(settings: Settings, free_port: Callable[[], int]) -> None:
    """Without a callback of its own, customer service hears its news through the application's."""
    dialogue = ScriptedDialogue(script)
    async with aiohttp.ClientSession() as http, Redis.from_url(settings.redis) as redis:
        platform = FakeKf(CorpAccount(), SystemClock(), http)
        async with platform.serve("127.0.0.1", free_port()) as api_url:
            both = with_wecom(with_kf(settings, platform.account, api_url), platform.account, api_url)
            both = replace(both, kf_token="", kf_aes_key="")
            parts = Parts(redis, dialogue, ListLedger(), None, http)
            runner = web.AppRunner(make_app(both, parts), access_log=None, shutdown_timeout=1)
            await runner.setup()
            port = free_port()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            platform.callback_url = f"http://127.0.0.1:{port}/wecom/callback"
            assert (await platform.say("wm1", "您好")).statuses == (200,)
            await eventually(lambda: bool(platform.phones.of("wm1").screen))
            await runner.cleanup()
    assert [turn.channel for turn in dialogue.turns] == ["kf"]


async def test_who_is_no_member_is_a_named_error(corp: Corp) -> None:
    """Nobody, or somebody outside the application's visible range, is refused by name."""
    api = WecomApi(corp.settings, corp.redis, corp.platform.http, SystemClock())
    with pytest.raises(SendRefused, match="none of the receivers"):
        await api.send("nobody", {"msgtype": "text", "text": {"content": "x"}})


@pytest.mark.parametrize("missing", ["wecom_corp_id", "wecom_secret", "wecom_token", "wecom_aes_key"])
async def test_half_a_set_up_does_not_start(corp: Corp, missing: str) -> None:
    """The process names the setting that is missing."""
    half = replace(corp.settings, **{missing: ""})
    parts = Parts(corp.redis, ScriptedDialogue(script), ListLedger(), None, corp.platform.http)
    with pytest.raises(ConfigError, match=missing):
        make_app(half, parts)


@pytest.mark.parametrize(
    ("errcode", "code"),
    [
        (-1, "platform.unavailable"),
        (40001, "platform.not_permitted"),
        (40014, "platform.token"),
        (42001, "platform.token"),
        (45009, "platform.unavailable"),
        (45033, "platform.unavailable"),
        (48002, "platform.not_permitted"),
        (60020, "platform.not_permitted"),
        (81013, "platform.refused"),
        (95001, "platform.window_closed"),
        (95002, "platform.window_closed"),
        (95013, "platform.window_closed"),
        (95016, "platform.refused"),
        (95017, "platform.not_permitted"),
        (95018, "platform.window_closed"),
        (301002, "platform.not_permitted"),
        (12345, "platform.failed"),
    ],
)
def test_numbers_have_names(errcode: int, code: str) -> None:
    """Each number of WeCom's is the error that says what may be done about it."""
    error = error_of(errcode, "/cgi-bin/x", CORP_MEANINGS)
    assert (error.code, error.errcode) == (code, errcode)
    assert str(errcode) in str(error)


@pytest.fixture
async def played(
    settings: Settings, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Settings, list[Turn]]]:
    """An installation whose dialogue core is the script."""
    asked: list[Turn] = []

    async def turns(request: web.Request) -> web.Response:
        turn = from_json(await request.read(), Turn)
        asked.append(turn)
        answer = with_person(replace(turn, text="找人工") if "工作人员" in turn.text else turn)
        return web.Response(body=to_json(answer), content_type="application/json")

    app = web.Application()
    app.add_routes([web.post("/v1/turns", turns)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    monkeypatch.setattr(corp_demo, "installation", lambda *_: nullcontext())
    yield replace(settings, dialogue_port=port), asked
    await runner.cleanup()


async def test_the_demonstration_of_wecom(played: tuple[Settings, list[Turn]]) -> None:
    """Opening, text, menu, card and place go through platform, door and core, encrypted."""
    settings, asked = played
    report = await corp_demo.run_corp_demonstration("wecom", settings, lambda _: None)
    assert [step["act"] for step in report["conversation"]] == ["open", "say", "menu", "press", "at"]
    assert all(step["reply"] for step in report["conversation"])
    assert {turn.channel for turn in asked} == {"wecom"}
    assert asked[3].text == "需要哪些材料？"


async def test_the_demonstration_of_customer_service(played: tuple[Settings, list[Turn]]) -> None:
    """Greeting, menu, a person and back."""
    settings, asked = played
    report = await corp_demo.run_corp_demonstration("kf", settings, lambda _: None)
    acts = [step["act"] for step in report["conversation"]]
    assert acts == ["enter", "say", "press", "person", "staff", "end", "say"]
    assert all(step["reply"] for step in report["conversation"])
    assert {turn.channel for turn in asked} == {"kf"}
    assert len(asked) == 5


async def test_a_demonstration_without_answers_fails(
    played: tuple[Settings, list[Turn]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that is not there is not shown as success."""
    monkeypatch.setattr(corp_demo, "_ANSWER_S", 0.5)
    settings, _ = played
    with pytest.raises(DemoError, match="nothing was shown"):
        await corp_demo.run_corp_demonstration("wecom", replace(settings, dialogue_port=1), lambda _: None)
