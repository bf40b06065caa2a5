"""The lab over real SIP and RTP: who is called, what is measured, what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core.dialogue import ScriptedDialogue
from core.settings import Settings
from core.types import Answer, CallAction, ConversationState, Disposition, FieldValue, Reply, Turn, TurnEvent
from voice.lab.calls import Plan, run_calls
from voice.lab.report import Called, report
from voice.lab.street import Conditions
from voice.resident.serve import load_personas

pytestmark = [pytest.mark.sip, pytest.mark.slow]


def script(turn: Turn) -> Answer:
    """Ask who it is; whoever answers is thanked."""
    if turn.event is TurnEvent.CALL_ANSWERED:
        return Answer((Reply("您好。请问您是本人吗？"),), ConversationState(open_question="identity"))
    if turn.event is not TurnEvent.UTTERANCE:
        return Answer((Reply("您好，听得到吗？"),), ConversationState(open_question="identity"))
    said = {"identity": FieldValue("self", turn.text, turn.message_id)}
    state = ConversationState(fields=said, disposition=Disposition.COMPLETED)
    return Answer((Reply("谢谢您，再见。", call=CallAction.HANGUP),), state)


def person(folder: Path, user: str, **changes: object) -> Path:
    """A resident's file, spoken by espeak-ng, which needs no model."""
    content = {
        "name": "何某",
        "variety": "cantonese",
        "lines": [{"when": ["本人吗", "听得到"], "say": "系我，我就系何某。"}],
        "expect": {"disposition": "completed", "fields": {"identity": "self"}},
        **changes,
    }
    path = folder / f"{user}.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.needs("espeak-ng")
async def test_residents_are_called_measured_and_nothing_is_left(settings: Settings, tmp_path: Path) -> None:
    """Two at once on a bad line: dispositions, fields with evidence, pauses, recordings, no leak."""
    people = tmp_path / "people"
    people.mkdir()
    person(people, "one")
    person(people, "two", ringing={"ring_ms": 200, "then": "decline", "code": 603}, lines=[],
           expect={"disposition": "rejected"})  # fmt: skip
    seen: list[Called] = []
    plan = Plan(
        load_personas([str(people)]),
        tmp_path / "calls",
        Conditions("ulaw8k", loss=0.02, jitter_ms=20, noise_db=30),
        parallel=2,
    )
    plan.folder.mkdir()

    calls, leaks = await run_calls(
        plan, settings, lambda call, done, of: seen.append(call), dialogue=ScriptedDialogue(script)
    )

    summary = report(calls, leaks, str(plan.conditions), plan.engine)
    assert seen == calls
    assert summary["leaks"] == {"tasks": 0, "sockets": 0, "attempts": 0}
    assert (summary["calls"], summary["disposition_accuracy"], summary["field_f1"]) == (2, 1.0, 1.0)
    assert summary["field_evidence"] == 1.0
    assert summary["turn_gap_ms"]["p50"] > 0
    [own] = [call for call in calls if call.resident == "one"]
    assert own.measured.turns == 1
    assert set(own.measured.gaps[0].parts) == {"endpoint", "recognition", "dialogue", "synthesis"}
    assert {"001-one.wav", "001-one.handset.wav", "001-one.txt"} <= {p.name for p in plan.folder.iterdir()}
    assert "系我我就系何某" in (plan.folder / "001-one.txt").read_text(encoding="utf-8")
