"""The account's menu, notifications and set-up, against the fake platform."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from connectors.app import Parts, make_app
from connectors.platform_texts import MenuEntry, load_platform_texts
from connectors.tencent.errors import NotPermitted, PlatformError, SendRefused
from connectors.wechat.api import WechatApi
from connectors.wechat.places import district_of
from core.clock import SystemClock
from core.dialogue import ScriptedDialogue
from core.errors import ConfigError
from nuanye.commands.wechat import app
from tests.connectors.conftest import ListLedger
from tests.connectors.script import script
from tests.connectors.wechat.conftest import USER, OpenTown, Town

pytestmark = pytest.mark.net

MENU = load_platform_texts({"agency": "中心", "hotline": "12333"}).menu


@pytest.fixture
async def town(open_town: OpenTown) -> Town:
    return await open_town(ScriptedDialogue(script))


@pytest.fixture
def api(town: Town) -> WechatApi:
    return WechatApi(town.settings, town.redis, town.platform.http, SystemClock())


def environ(town: Town) -> dict[str, str]:
    names = ("data_dir", "redis_url", "wechat_app_id", "wechat_app_secret", "wechat_api_url")
    return {f"NUANYE_{name.upper()}": str(getattr(town.settings, name)) for name in names}


async def test_the_menu_is_set_and_shown_from_the_command_line(town: Town) -> None:
    """`menu set` puts the file's menu at the platform, `menu show` reads it back; every button works."""
    runner = CliRunner(env=environ(town))
    assert (await asyncio.to_thread(runner.invoke, app, ["menu", "set"])).exit_code == 0
    shown = await asyncio.to_thread(runner.invoke, app, ["menu", "show", "--json"])
    buttons = json.loads(shown.stdout)["buttons"]
    assert [button["name"] for button in buttons] == [entry.name for entry in MENU]
    key = buttons[0]["sub_button"][0]["key"]
    outcome = await town.platform.event(USER, "CLICK", key)
    assert outcome.reply.startswith(("收到：", "符合条件"))
    plain = await asyncio.to_thread(runner.invoke, app, ["menu", "show"])
    assert MENU[0].items[0].name in plain.stdout


async def test_the_set_up_is_checked_from_the_command_line(town: Town) -> None:
    """`check` succeeds with the right secret and names the error with a wrong one."""
    right = await asyncio.to_thread(CliRunner(env=environ(town)).invoke, app, ["check", "--json"])
    assert json.loads(right.stdout) == {"ok": True}
    wrong = CliRunner(env={**environ(town), "NUANYE_WECHAT_APP_SECRET": "wrong"})
    failed = await asyncio.to_thread(wrong.invoke, app, ["check"])
    assert isinstance(failed.exception, NotPermitted)
    assert failed.exception.errcode == 40125
    unset = CliRunner(env={**environ(town), "NUANYE_WECHAT_APP_ID": ""})
    assert isinstance((await asyncio.to_thread(unset.invoke, app, ["check"])).exception, ConfigError)


async def test_a_menu_that_is_not_set_is_a_named_error(api: WechatApi) -> None:
    """46003 is said as what it means; a button that says too much is refused before it is sent."""
    with pytest.raises(SendRefused, match="there is no menu"):
        await api.menu()
    with pytest.raises(PlatformError, match="128 bytes"):
        await api.set_menu([MenuEntry("太长", "长" * 60)])


async def test_template_messages_need_their_template(town: Town, api: WechatApi) -> None:
    """An agreed template is sent with its values; another one is refused by name."""
    assert await api.send_template(USER, "tpl_progress", {"thing1": "失业登记"}) == "1"
    assert town.platform.api.notified[0]["data"] == {"thing1": {"value": "失业登记"}}
    with pytest.raises(SendRefused, match="no such template"):
        await api.send_template(USER, "other", {})


async def test_a_subscription_is_one_message(town: Town, api: WechatApi) -> None:
    """What a resident subscribed to once is sent once."""
    town.platform.api.subscribed.add((USER, "tpl_jobs"))
    await api.send_subscription(USER, "tpl_jobs", {"thing1": "招聘会"})
    with pytest.raises(SendRefused, match="not subscribed"):
        await api.send_subscription(USER, "tpl_jobs", {"thing1": "招聘会"})


@pytest.mark.parametrize("missing", ["wechat_token", "wechat_app_secret", "wechat_aes_key"])
async def test_half_a_set_up_does_not_start(town: Town, missing: str) -> None:
    """The process names the setting that is missing."""
    half = replace(town.settings, **{missing: ""})
    parts = Parts(town.redis, ScriptedDialogue(script), ListLedger(), None, town.platform.http)
    with pytest.raises(ConfigError, match=missing):
        make_app(half, parts)


@pytest.mark.parametrize(
    ("label", "place", "district"),
    [
        ("广州市越秀区北京路", None, "越秀区"),
        ("番禺区市桥街", None, "番禺区"),
        ("佛山市南海区", (23.03, 113.14), ""),
        ("", (23.40, 113.21), "花都区"),
        ("", (23.26, 113.81), "增城区"),
        ("", (31.2, 121.5), ""),
        ("", None, ""),
    ],
)
def test_places_have_their_district(label: str, place: tuple[float, float] | None, district: str) -> None:
    """An address counts before the map; what lies outside the city has none."""
    assert district_of(label, place) == district
