"""What the inbox asks before and after each answer: is a person to speak, or the assistant?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from casework.handover.rules import Patience, answer_by, first_state
from casework.handover.types import Contact, HandoverRequest, HandoverState
from connectors.handover.facts import Fact, FactKind, Facts
from connectors.handover.mark import Mark, Marks, Phase
from connectors.handover.message import FIRST, Step, advance
from connectors.handover.texts import HandoverTexts
from connectors.store import EventLog
from connectors.types import STAFF, Event, EventType
from core.clock import Clock
from core.logs import get_log
from core.types import Answer, CallAction, Turn, TurnEvent

_log = get_log("handover")

STAFF_NOTE = "staff_note"
"""Key of ``Turn.metadata``: what staff wrote for the assistant when they gave the conversation back."""
PLATFORM_STAFF = "kf:"
"""Begins the name of a servicer of the platform, who needs no introduction by us."""
CODE = "handover"
_CRISIS = "crisis"


@dataclass(slots=True)
class Gate:
    """Raises ``QueueError`` only: the database is told by way of ``facts``.

    Every step may be taken twice for the same turn, before and after a crash, with the same outcome.
    ``with_servicers`` are the channels whose platform has servicers of its own: they are asked first.
    """

    marks: Marks
    facts: Facts
    log: EventLog
    texts: HandoverTexts
    patience: Patience
    clock: Clock
    with_servicers: set[str] = field(default_factory=set)

    async def silent(self, conversation_id: str, message_id: str) -> bool:
        """Tell whether nobody but staff will answer this turn."""
        mark = await self.marks.get(conversation_id)
        if mark is None or mark.asked == message_id:
            return False
        return mark.phase in {Phase.QUEUE, Phase.PLATFORM}

    async def hold(self, turn: Turn, ready: Turn) -> Turn | tuple[Event, ...]:
        """Return the turn that the assistant is to answer, or what is said instead (mostly nothing).

        ``ready`` is ``turn`` as it was prepared: a voice message has its words there.
        """
        mark = await self.marks.get(turn.conversation_id)
        if mark is None or turn.message_id == mark.asked:
            return ready
        if mark.phase is Phase.OVER:
            return await self._after(turn, ready, mark)
        heard = _heard(turn, ready, self.clock)
        if turn.event is not TurnEvent.UTTERANCE:
            return ()
        if mark.phase is Phase.TAKING:
            return (*heard, *await self._take(turn, ready.text, mark))
        if not mark.claimed and mark.phase is Phase.QUEUE and self.texts.means("no_waiting", ready.text):
            await self.facts.publish(Fact(FactKind.WITHDRAWN, mark.handover_id))
            await self._over(turn, mark, "withdrawn")
            return (*heard, self.notice(turn, "withdrawn"))
        return heard

    async def heed(self, turn: Turn, answer: Answer) -> tuple[Answer, tuple[Event, ...]]:
        """Look whether the answer hands over; if so mark the conversation and say what to expect.

        Who is silent from now on must not ask: of such an answer only the first reply is shown.
        """
        if not any(reply.call is CallAction.TRANSFER for reply in answer.replies):
            return answer, ()
        urgent, now = _CRISIS in answer.state.needs_review, self.clock.now()
        state = first_state(now, urgent=urgent, hours=self.patience.hours)
        servicers = turn.channel in self.with_servicers
        district = answer.state.fields.get("district")
        request = HandoverRequest(
            handover_id=handover_id(turn.conversation_id, turn.message_id),
            conversation_id=turn.conversation_id,
            channel=turn.channel,
            message_id=turn.message_id,
            at=now,
            state=HandoverState.WAITING if servicers else state,
            urgent=urgent,
            district=str(district.value) if district else "",
            summary="\n".join(answer.state.summary[:2]),
        )
        await self.facts.publish(Fact(FactKind.ASKED, request.handover_id, request=request))
        mark = Mark(request.handover_id, turn.message_id, Phase.QUEUE)
        _log.info("staff_asked_for", handover=mark.handover_id, channel=turn.channel, urgent=urgent)
        if state is HandoverState.TASK and not servicers:
            return answer, ()
        first = replace(answer.replies[0], call=CallAction.TRANSFER, buttons=())
        shown = replace(answer, replies=(first,))
        if servicers:
            await self.marks.put(turn.conversation_id, mark)
            return shown, ()
        return shown, await self._begin(turn, mark, state)

    async def nobody_there(self, conversation_id: str, message_id: str) -> None:
        """The platform has no servicer now: our own staff are asked, or a message is taken."""
        mark = await self.marks.get(conversation_id)
        if mark is None or mark.asked != message_id or mark.claimed or mark.phase is not Phase.QUEUE:
            return
        now = self.clock.now()
        state = first_state(now, urgent=False, hours=self.patience.hours)
        turn = Turn(conversation_id, "", "", message_id, now)
        if state is HandoverState.TAKING:
            await self.facts.publish(Fact(FactKind.NOBODY, mark.handover_id))
        events = await self._begin(turn, mark, state)
        await self.log.append_once(conversation_id, f"{mark.handover_id}:nobody", events)

    async def platform_took(self, conversation_id: str, servicer: str) -> None:
        """A servicer of the platform has the conversation now."""
        mark = await self.marks.get(conversation_id)
        if mark is not None and mark.phase is not Phase.OVER:
            await self.facts.publish(Fact(FactKind.PLATFORM, mark.handover_id, detail=servicer))
            await self.marks.put(conversation_id, replace(mark, phase=Phase.PLATFORM, claimed=True))

    async def platform_done(self, conversation_id: str) -> None:
        """That servicer, or the platform, has ended the session."""
        mark = await self.marks.get(conversation_id)
        if mark is not None and mark.phase is Phase.PLATFORM:
            await self.facts.publish(Fact(FactKind.ENDED, mark.handover_id))
            await self.marks.drop(conversation_id)

    async def claimed(self, conversation_id: str) -> bool:
        """Tell whether one of our own staff has the conversation."""
        mark = await self.marks.get(conversation_id)
        return mark is not None and mark.claimed and mark.phase is Phase.QUEUE

    async def delivered(self, group: Sequence[Event], code: str) -> None:
        """The courier tells what became of a line of staff."""
        if group[0].code == STAFF:
            await self.facts.publish(Fact(FactKind.DELIVERY, group[0].message_id, detail=code))

    def notice(self, turn: Turn, code: str) -> Event:
        """Return a sentence of ours as an entry of the log."""
        now = self.clock.now()
        minutes = int(self.patience.claim / timedelta(minutes=1))
        by = self.texts.day_text(answer_by(now, self.patience.hours))
        text = self.texts.notices[code].format(minutes=minutes, by=by)
        return Event(EventType.NOTICE, now, turn.message_id, text, code=CODE)

    async def _begin(self, turn: Turn, mark: Mark, state: HandoverState) -> tuple[Event, ...]:
        if state is HandoverState.TASK:
            return ()
        if state is HandoverState.WAITING:
            await self.marks.put(turn.conversation_id, mark)
            return (self.notice(turn, "waiting"),)
        await self.marks.put(turn.conversation_id, replace(mark, phase=Phase.TAKING, question=FIRST))
        return (self.notice(turn, "after_hours"), self.notice(turn, FIRST))

    async def _take(self, turn: Turn, said: str, mark: Mark) -> tuple[Event, ...]:
        if turn.message_id == mark.last:
            return (self.notice(turn, mark.question),)
        step = advance(Step(mark.contact, mark.question), said, self.texts)
        if step.question:
            after = replace(mark, question=step.question, contact=step.contact, last=turn.message_id)
            await self.marks.put(turn.conversation_id, after)
            return (self.notice(turn, step.question),)
        if step.given_up:
            await self.facts.publish(Fact(FactKind.WITHDRAWN, mark.handover_id))
            await self._over(turn, mark, "not_taken")
            return (self.notice(turn, "not_taken"),)
        await self.facts.publish(Fact(FactKind.LEFT, mark.handover_id, contact=step.contact))
        await self._over(turn, mark, "taken")
        return (self.notice(turn, "taken"),)

    async def _over(self, turn: Turn, mark: Mark, said: str) -> None:
        """From the next turn on the assistant answers; this one, should it come again, is answered again."""
        after = replace(mark, phase=Phase.OVER, last=turn.message_id, said=said, contact=Contact())
        await self.marks.put(turn.conversation_id, after)

    async def _after(self, turn: Turn, ready: Turn, mark: Mark) -> Turn | tuple[Event, ...]:
        if mark.note and mark.last in {"", turn.message_id}:
            await self.marks.put(turn.conversation_id, replace(mark, last=turn.message_id))
            return replace(ready, metadata={**ready.metadata, STAFF_NOTE: mark.note})
        if turn.message_id == mark.last:
            return (*_heard(turn, ready, self.clock), self.notice(turn, mark.said))
        await self.marks.drop(turn.conversation_id)
        return ready


def handover_id(conversation_id: str, message_id: str) -> str:
    """Return the id of the handover that a turn asks for: a repeat has the same."""
    return f"hand_{hashlib.sha256(f'{conversation_id}/{message_id}'.encode()).hexdigest()[:24]}"


def _heard(turn: Turn, ready: Turn, clock: Clock) -> tuple[Event, ...]:
    """Return a voice message's words, for staff to read; the log has only what was typed."""
    if turn.text or not ready.text:
        return ()
    return (Event(EventType.MESSAGE, clock.now(), turn.message_id, ready.text, code="voice"),)
