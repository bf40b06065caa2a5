"""`nuanye demo wecom` and `nuanye demo kf`: conversations on fake platforms of this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from redis.asyncio import Redis

from casework.store import open_store
from connectors.app import Parts, make_app
from connectors.fake_platform.corp import CorpAccount, CorpPlatform
from connectors.fake_platform.kf import SERVICER, FakeKf
from connectors.fake_platform.phones import Shown
from connectors.fake_platform.wecom import FakeWecom
from connectors.handover.staffing import Behind
from core.clock import SystemClock
from core.dialogue import HttpDialogue
from core.settings import Settings
from nuanye.demonstration import DemoError, Report, installation
from nuanye.wechat_demo import free_port

_USER = "demo-citizen"
_ANSWER_S = 20.0
_SETTLED_S = 0.5
_INVISIBLE = "\u200b\u200c"


async def run_corp_demonstration(name: str, settings: Settings, report: Report) -> dict[str, Any]:
    """Hold the conversation of ``name`` (wecom, kf) through the real door, inbox and core.

    Raises ``NuanyeError``.
    """
    started = time.monotonic()
    file = Path(__file__).with_name(f"demo_{name}.yaml")
    steps = yaml.safe_load(file.read_text(encoding="utf-8"))["steps"]
    async with (
        installation(settings, report),
        aiohttp.ClientSession() as http,
        Redis.from_url(settings.redis) as redis,
        await open_store(settings) as ledger,
    ):
        platform = (FakeWecom if name == "wecom" else FakeKf)(CorpAccount(), SystemClock(), http)
        async with platform.serve("127.0.0.1", free_port()) as api_url:
            dialogue = HttpDialogue(http, settings.dialogue_base_url)
            parts = Parts(redis, dialogue, ledger, http=http, handovers=Behind(ledger))
            runner = web.AppRunner(make_app(_with_account(settings, platform, api_url), parts))
            await runner.setup()
            try:
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port).start()
                platform.callback_url = f"http://127.0.0.1:{port}/{name}/callback"
                if await platform.verify("demo") != (200, "demo"):
                    raise DemoError("the callback address was not verified")
                talk = [await _step(platform, step, report) for step in steps]
            finally:
                await runner.cleanup()
    return {"conversation": talk, "seconds": round(time.monotonic() - started, 1)}


async def _step(platform: CorpPlatform, step: dict[str, Any], report: Report) -> dict[str, Any]:
    (act, said), begun = next(iter(step.items())), time.monotonic()
    screen = _screen(platform)
    before = len(screen)
    if isinstance(platform, FakeWecom):
        shown = await _act_wecom(platform, act, said)
    elif isinstance(platform, FakeKf):
        shown = await _act_kf(platform, act, said)
    else:
        raise DemoError("an unknown platform")
    await _until(lambda: len(screen) > before, act)
    took_ms = round((time.monotonic() - begun) * 1000)
    if act == "person" and isinstance(platform, FakeKf):
        await _until(lambda: platform.session(_USER).state == SERVICER, act)
    seen = before
    while len(screen) > seen:
        # A long answer comes in several messages.
        seen = len(screen)
        await asyncio.sleep(_SETTLED_S)
    report(f"{act} → {took_ms} ms")
    reply = "\n".join(line.text.rstrip(_INVISIBLE) for line in screen[before:])
    return {"act": act, "said": shown, "reply": reply, "ms": took_ms}


async def _act_wecom(platform: FakeWecom, act: str, said: Any) -> str:
    match act:
        case "open":
            await platform.event(_USER, "enter_agent")
            return ""
        case "say":
            await platform.say(_USER, said)
            return str(said)
        case "menu":
            await platform.event(_USER, "click", f"say:{said}")
            return str(said)
        case "press":
            title = str(platform.member(_USER).cards[-1].buttons[said - 1]["text"])
            await platform.press(_USER, title)
            return title
        case "at":
            latitude, longitude, label = said
            place = {"Location_X": str(latitude), "Location_Y": str(longitude), "Label": label}
            await platform.message(_USER, {"MsgType": "location", "Scale": 16, **place})
            return str(label)
    raise DemoError(f"the demonstration does not know how to {act}")


async def _act_kf(platform: FakeKf, act: str, said: Any) -> str:
    match act:
        case "enter":
            await platform.enter(_USER, said)
        case "say" | "person":
            await platform.say(_USER, said)
        case "press":
            title: str = list(platform.session(_USER).menu)[said - 1]
            await platform.choose(_USER, title)
            return title
        case "staff":
            await platform.staff_say(_USER, said)
        case "end":
            await platform.staff_end(_USER)
        case _:
            raise DemoError(f"the demonstration does not know how to {act}")
    return str(said)


def _screen(platform: CorpPlatform) -> list[Shown]:
    if isinstance(platform, FakeWecom):
        return platform.member(_USER).screen
    if isinstance(platform, FakeKf):
        return platform.phones.of(_USER).screen
    raise DemoError("an unknown platform")


async def _until(there: Callable[[], bool], act: str) -> None:
    deadline = time.monotonic() + _ANSWER_S
    while not there():
        if time.monotonic() > deadline:
            raise DemoError(f"nothing was shown after the step {act!r}")
        await asyncio.sleep(0.02)


def _with_account(settings: Settings, platform: CorpPlatform, api_url: str) -> Settings:
    account = platform.account
    shared = replace(settings, wecom_corp_id=account.corp_id, wecom_api_url=api_url)
    if isinstance(platform, FakeKf):
        return replace(shared, kf_secret=account.secret, kf_token=account.token, kf_aes_key=account.aes_key)
    return replace(
        shared,
        wecom_agent_id=account.agent_id,
        wecom_secret=account.secret,
        wecom_token=account.token,
        wecom_aes_key=account.aes_key,
    )
