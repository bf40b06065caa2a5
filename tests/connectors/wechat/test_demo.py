"""`nuanye demo wechat` on a dialogue core that the test plays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest
from aiohttp import web
from click.testing import CliRunner

from core.codec import from_json, to_json
from core.settings import Settings
from core.types import Turn
from nuanye import wechat_demo
from nuanye.cli import _root
from nuanye.demonstration import DemoError
from tests.connectors.script import script

pytestmark = pytest.mark.net


@pytest.fixture
async def played(
    settings: Settings, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> tuple[Settings, list[Turn]]:
    """An installation whose dialogue core is the script."""
    asked: list[Turn] = []

    async def turns(request: web.Request) -> web.Response:
        turn = from_json(await request.read(), Turn)
        asked.append(turn)
        return web.Response(body=to_json(script(turn)), content_type="application/json")

    app = web.Application()
    app.add_routes([web.post("/v1/turns", turns)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    monkeypatch.setattr(wechat_demo, "installation", lambda *_: nullcontext())
    return replace(settings, dialogue_port=port), asked


async def test_every_step_is_answered(played: tuple[Settings, list[Turn]]) -> None:
    """Follow, text, menu, number, voice and location go through platform, door and core, encrypted."""
    settings, asked = played
    report = await wechat_demo.run_wechat_demonstration(settings, lambda _: None)
    acts = [step["act"] for step in report["conversation"]]
    assert acts == ["follow", "say", "press", "say", "voice", "at"]
    assert all(step["reply"] and step["ms"] < 5_000 for step in report["conversation"])
    assert report["mode"] == "safe"
    assert [turn.channel for turn in asked] == ["wechat"] * 6
    # The number chose from the answer before it.
    assert asked[3].text == "需要哪些材料？"


async def test_a_demonstration_without_answers_fails(played: tuple[Settings, list[Turn]]) -> None:
    """A core that is not there is not shown as success."""
    settings, _ = played
    with pytest.raises(DemoError, match="did not reply"):
        await wechat_demo.run_wechat_demonstration(replace(settings, dialogue_port=1), lambda _: None)


def test_only_wechat_can_be_asked_for() -> None:
    """Another word is an error, not the whole demonstration."""
    result = CliRunner().invoke(_root, ["demo", "telegram"])
    assert result.exit_code == 2
