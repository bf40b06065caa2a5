"""`nuanye demo wechat`: a conversation on an official account, on a fake platform of this machine."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from redis.asyncio import Redis

from casework.store import open_store
from connectors.app import Parts, make_app
from connectors.fake_platform.wechat import Account, FakeWechat, Outcome
from connectors.handover.staffing import Behind
from core.clock import SystemClock
from core.dialogue import HttpDialogue
from core.settings import Settings
from nuanye.demonstration import DemoError, Report, installation

_STEPS = Path(__file__).with_name("demo_wechat.yaml")
_USER = "oDemoCitizen0000000000000000"


async def run_wechat_demonstration(settings: Settings, report: Report) -> dict[str, Any]:
    """Hold the conversation through the real door, inbox and core. Raises ``NuanyeError``."""
    started = time.monotonic()
    steps = yaml.safe_load(_STEPS.read_text(encoding="utf-8"))["steps"]
    async with (
        installation(settings, report),
        aiohttp.ClientSession() as http,
        Redis.from_url(settings.redis) as redis,
        await open_store(settings) as ledger,
    ):
        platform = FakeWechat(Account(), SystemClock(), http)
        async with platform.serve("127.0.0.1", free_port()) as api_url:
            dialogue = HttpDialogue(http, settings.dialogue_base_url)
            parts = Parts(redis, dialogue, ledger, http=http, handovers=Behind(ledger))
            runner = web.AppRunner(make_app(_with_account(settings, platform.account, api_url), parts))
            await runner.setup()
            try:
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port).start()
                platform.callback_url = f"http://127.0.0.1:{port}/wechat/callback"
                status, echo = await platform.verify("demo")
                if (status, echo) != (200, "demo"):
                    raise DemoError("the callback address was not verified")
                talk = [await _step(platform, step, report) for step in steps]
            finally:
                await runner.cleanup()
    seconds = round(time.monotonic() - started, 1)
    return {"mode": platform.account.mode, "conversation": talk, "seconds": seconds}


async def _step(platform: FakeWechat, step: dict[str, Any], report: Report) -> dict[str, Any]:
    (act, said), begun = next(iter(step.items())), time.monotonic()
    outcome = await _act(platform, act, said)
    took_ms = round((time.monotonic() - begun) * 1000)
    if outcome.statuses != (200,) or not outcome.reply:
        raise DemoError(f"the account did not reply to the step {act!r} at the first attempt")
    report(f"{act} → {took_ms} ms")
    shown = said[-1] if isinstance(said, list) else said
    return {"act": act, "said": shown, "reply": outcome.reply, "ms": took_ms}


async def _act(platform: FakeWechat, act: str, said: Any) -> Outcome:
    match act:
        case "say":
            return await platform.say(_USER, said)
        case "press":
            return await platform.event(_USER, "CLICK", f"say:{said}")
        case "follow":
            return await platform.event(_USER, "subscribe", f"qrscene_{said}")
        case "voice":
            fields = {"MsgType": "voice", "MediaId": "demo", "Format": "amr", "Recognition": said}
            return await platform.message(_USER, fields)
        case "at":
            latitude, longitude, label = said
            place = {"Location_X": str(latitude), "Location_Y": str(longitude), "Label": label}
            return await platform.message(_USER, {"MsgType": "location", "Scale": 16, **place})
    raise DemoError(f"the demonstration does not know how to {act}")


def _with_account(settings: Settings, account: Account, api_url: str) -> Settings:
    return replace(
        settings,
        wechat_app_id=account.app_id,
        wechat_app_secret=account.secret,
        wechat_token=account.token,
        wechat_aes_key=account.aes_key,
        wechat_mode=account.mode,
        wechat_api_url=api_url,
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
