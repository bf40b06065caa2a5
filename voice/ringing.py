"""The time before the answer: what the network says meanwhile may end the attempt."""

from __future__ import annotations

import asyncio

from voice.answering import AnsweredBy, Answering
from voice.inputs import Answered, Farewell, Gone, Input
from voice.notes import CallNotes, EndedBy
from voice.perceptions import Heard


async def until_answered(
    inbox: asyncio.Queue[Input], notes: CallNotes, answering: Answering, ring_ms: int
) -> bool:
    """Wait for the answer; ``False`` when none will come, with the reason in ``notes``."""
    try:
        async with asyncio.timeout(ring_ms / 1000):
            while True:
                match await inbox.get():
                    case Answered():
                        return True
                    case Heard(text=text) if _announced(text, notes, answering):
                        notes.end(EndedBy.NETWORK)
                        return False
                    case Gone():
                        return False
                    case Farewell(by=by):
                        notes.end(by)
                        return False
    except TimeoutError:
        notes.end(EndedBy.RESIDENT)
        return False


def _announced(text: str, notes: CallNotes, answering: Answering) -> bool:
    judgement = answering.judge(text, answered=False)
    if judgement.by is AnsweredBy.FORWARDING:
        notes.detail["forwarded"] = True
    notes.announcement = judgement.disposition
    return judgement.disposition is not None
