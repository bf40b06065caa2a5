"""The mini program's page, run by Node against a real chat door; only WeChat's own functions are replaced."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from core.dialogue import ScriptedDialogue
from tests.connectors.conftest import StartDoor
from tests.connectors.script import ANSWER, GREETING, script
from tests.connectors.test_web_voice import ListEars
from tests.programs import find_program

FOLDER = Path(__file__).resolve().parents[2] / "connectors" / "miniprogram"


def node() -> str:
    return find_program("node") or "node"


def test_its_logic_passes_its_own_tests() -> None:
    """Resumption, outbox, refusals and entries, with a server written in the tests."""
    done = subprocess.run(
        [node(), "--test", "test/link.test.js"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2_000:]


def test_its_markup_styles_and_settings_fit_together(tmp_path: Path) -> None:
    """Tags close, handlers and data exist, no secret and no AppID of anybody is in the package."""
    out = tmp_path / "dist"
    build = [node(), "build.mjs", str(out)]
    done = subprocess.run(build, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    built = {path.name for path in out.rglob("*") if path.is_file()}
    assert {"app.json", "chat.wxml", "chat.wxss", "chat.js", "link.js"} <= built


@pytest.mark.net
async def test_its_page_talks_to_a_real_door(start_door: StartDoor) -> None:
    """Consent, greeting, question, answer with a source, a bad recording, and all of it in traditional."""
    door = await start_door(ScriptedDialogue(script), hearing=ListEars())
    process = await asyncio.create_subprocess_exec(
        node(), "test/door.mjs", door.url, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2_000:]
    shown = json.loads(out)
    assert "智能助手" in shown["consent"]
    assert shown["simplified"] == [GREETING, "社保补贴怎么领", ANSWER, "还想了解哪一项？"]
    assert "没听清" in shown["unheard"]
    assert shown["traditional"][3] == "還想了解哪一項？"
    assert shown["states"] == ["", "sent", "", ""]
