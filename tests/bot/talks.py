"""Conversations as data: read from ``conversations/``, held with the trained model, checked turn by turn.

What may be expected of a turn: ``policy`` (id, ids, or ``""`` for none), ``says`` and ``not`` (patterns in
all that was said), ``open``, ``keys``, ``intent``, ``fields`` (``null``: not there), ``review`` (one reason),
``call``, ``completed``, ``disposition``, ``send_text``, ``pace``, ``summary`` (pattern), ``replies`` and
``buttons`` (how many, at least).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from core.types import Answer, TurnEvent
from tests.bot.conftest import AT, Person

FOLDER = Path(__file__).parent / "conversations"
TO_THE_FORM = ("我就是", "方便", "在找工作")


@dataclass(frozen=True)
class Conversation:
    """``calls`` is ``form`` where a call has already come to the first question about work."""

    name: str
    channel: str
    turns: list[tuple[str, dict[str, Any]]]
    calls: str = ""
    at: datetime = field(default=AT)

    def __str__(self) -> str:
        return f"{self.channel}-{self.name}"


def conversations() -> list[Conversation]:
    """All of them: every row of ``policy.yaml`` on both channels, every talk on each of its channels."""
    return [*_policy(), *_talks()]


def _policy() -> Iterator[Conversation]:
    topics = yaml.safe_load((FOLDER / "policy.yaml").read_text(encoding="utf-8"))
    for topic, rows in topics.items():
        for policy_id, lines in rows.items():
            turns = [(line, {"policy": policy_id}) for line in lines]
            for channel in ("web", "phone"):
                calls = "form" if channel == "phone" else ""
                yield Conversation(f"{topic}-{policy_id}", channel, turns, calls)


def _talks() -> Iterator[Conversation]:
    for raw in yaml.safe_load((FOLDER / "talks.yaml").read_text(encoding="utf-8")):
        day = raw.get("date")
        at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) if day else AT
        at += timedelta(hours=raw.get("hour", 10) - 10)  # AT is ten o'clock in China
        channels = raw["channel"] if isinstance(raw["channel"], list) else [raw["channel"]]
        for channel in channels:
            yield Conversation(
                raw["name"], channel, [tuple(t) for t in raw["turns"]], raw.get("calls", ""), at
            )


async def hold(core: Any, talk: Conversation) -> None:
    """Have a conversation; raises ``AssertionError`` at the first turn that is not as expected."""
    person = Person(core, talk.channel, at=talk.at)
    if talk.channel == "phone":
        await person.is_called()
        if talk.calls == "form":
            await person.says(*TO_THE_FORM)
    for line, expected in talk.turns:
        if line.startswith("@"):
            name, _, key = line[1:].partition(" ")
            answer = await person.does(TurnEvent(name), key)
        else:
            answer = await person.says(line)
        problems = list(differences(answer, expected, talk.channel))
        assert not problems, f"{talk}: {line}: {problems}"


def differences(answer: Answer, expected: dict[str, Any], channel: str) -> Iterator[str]:
    """What is not as expected, in words."""
    state = answer.state
    said = "\n".join(reply.spoken if channel == "phone" else reply.text for reply in answer.replies)
    for name, wanted in expected.items():
        found: Any
        if name == "policy":
            found, wanted = (
                list(state.policy_ids),
                [wanted] if isinstance(wanted, str) and wanted else wanted or [],
            )
            ok = found == wanted
        elif name in ("says", "not"):
            found = said
            ok = bool(re.search(str(wanted), said)) is (name == "says")
        elif name == "fields":
            found = {key: state.fields[key].value if key in state.fields else None for key in wanted}
            ok = found == wanted
        elif name == "review":
            found, ok = state.needs_review, wanted in state.needs_review
        elif name == "summary":
            found = state.summary
            ok = len(found) == 2 and bool(re.search(wanted, "\n".join(found)))
        elif name in ("replies", "buttons"):
            found = len(answer.replies if name == "replies" else answer.replies[0].buttons)
            ok = found >= wanted
        else:
            found = _simple(answer, name)
            ok = found == (tuple(wanted) if isinstance(wanted, list) else wanted)
        if not ok:
            yield f"{name}: expected {wanted!r}, found {found!r}"


def _simple(answer: Answer, name: str) -> Any:
    state = answer.state
    return {
        "open": state.open_question,
        "keys": state.keys,
        "intent": state.intent,
        "call": answer.replies[-1].call.value,
        "completed": state.completed,
        "disposition": state.disposition.value if state.disposition else "",
        "send_text": state.send_text,
        "pace": answer.replies[0].pace,
    }[name]
