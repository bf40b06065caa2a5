"""The demonstration's residents, in writing: their lines lead to the outcome their files expect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.codec import to_plain
from core.types import CallAction, TurnEvent
from tests.bot.conftest import Person
from voice.lab.report import matches
from voice.resident.choosing import LineChooser
from voice.resident.persona import load_persona

pytestmark = [pytest.mark.rasa, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
PEOPLE = Path(__file__).resolve().parents[2] / "voice" / "resident" / "people"
TALKERS = (
    "chen_guiying",
    "li_jianguo",
    "huang_meilan",
    "zhou_wenhui",
    "wu_zhiqiang",
    "zheng_xiaoyan",
    "feng_guohua",
)


@pytest.mark.parametrize("name", TALKERS)
async def test_a_resident_reaches_the_expected_outcome(person: Callable[[str], Person], name: str) -> None:
    """What a file promises is what the dialogue core concludes."""
    persona = load_persona(PEOPLE / f"{name}.yaml")
    raw: dict[str, Any] = yaml.safe_load((PEOPLE / f"{name}.yaml").read_text(encoding="utf-8"))
    chooser = LineChooser(persona.lines)
    callee = person("phone")
    answer = await callee.does(
        TurnEvent.CALL_ANSWERED, name=raw["name"], facts=raw.get("facts", {}), agency="就业中心"
    )
    for _ in range(25):
        if answer.replies[-1].call is not CallAction.CONTINUE:
            break
        line = chooser.by_words("".join(reply.spoken for reply in answer.replies)) or chooser.next_unused()
        assert line is not None
        answer = await (callee.does(TurnEvent.KEY, line.key) if line.key else callee.says(line.say))
    state = answer.state
    assert state.disposition is not None
    assert state.disposition.value == raw["expect"]["disposition"]
    for field, value in raw["expect"].get("fields", {}).items():
        assert matches(value, to_plain(state.fields[field].value)), field
