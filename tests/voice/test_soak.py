"""A short soak against SIPp: many calls at once, one after the other, and nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.dialogue import ScriptedDialogue
from core.settings import Settings
from core.types import Answer, CallAction, ConversationState, Disposition, Reply, Turn, TurnEvent
from voice.lab.soak import SoakPlan, sipp_echo, soak

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.needs("sipp")]


def short_talk(turn: Turn) -> Answer:
    """Greets, and hangs up at whatever comes next."""
    if turn.event is TurnEvent.CALL_ANSWERED:
        return Answer((Reply("您好。"),))
    state = ConversationState(disposition=Disposition.REFUSED)
    return Answer((Reply("再见。", call=CallAction.HANGUP),), state)


async def test_calls_to_sipp_leave_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    """Six lines for eight seconds: every call is stored with its end; no task, socket or attempt is left."""
    async with sipp_echo(tmp_path) as where:
        found = await soak(
            SoakPlan(where, lines=6, seconds=8.0), settings, dialogue=ScriptedDialogue(short_talk)
        )

    assert found["leaks"] == {"tasks": 0, "sockets": 0, "attempts": 0}
    assert found["most_at_once"] == 6
    assert found["calls"] >= 6
    assert set(found["dispositions"]) <= {"refused", "interrupted"}
