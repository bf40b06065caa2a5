"""The talk of an answered call: perceptions become turns, answers become speech."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import Clock
from core.errors import BadInput, DialogueError
from core.interfaces import Dialogue
from core.logs import get_log
from core.tasks import end_tasks
from core.types import Answer, CallAction, Reply, Turn, TurnEvent, Utterance
from voice.clauses import Clause, clauses_of
from voice.desk import Desk
from voice.doubt import Doubt
from voice.foresight import Foresight
from voice.hearing import Ear
from voice.inputs import Farewell, Gone, Input
from voice.interfaces import Call
from voice.limits import SessionLimits
from voice.notes import Asked, CallNotes, EndedBy
from voice.opening import Opening
from voice.perceptions import Dismissed, Guess, Heard, Key, Perception, Quiet, Unclear
from voice.remarks import Remark, remark_of
from voice.speaking import Mouth, Spoken
from voice.turntaking import TurnTaker
from voice.words import VoiceWords

_LOG = get_log("voice.conversation")

MAX_TEXT = 2000
# After a greeting, that much silence is our chance.
_GREETING_GAP_MS = 260


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conversation is made of; one set per call."""

    call: Call
    ear: Ear
    opening: Opening
    mouth: Mouth
    turns: TurnTaker
    dialogue: Dialogue
    words: VoiceWords
    clock: Clock
    limits: SessionLimits
    inbox: asyncio.Queue[Input]
    agency: str
    desk: Desk | None
    split: Callable[[str], tuple[str, ...]]


class Conversation:
    """Runs from the answer to the last word. ``notes`` receives everything that happens."""

    def __init__(self, parts: Parts, notes: CallNotes, origin_ms: float) -> None:
        self._parts = parts
        self._notes = notes
        self._origin_ms = origin_ms
        self._count = 0
        self._asked = Asked("", 0, 0, None)
        self._doubt = Doubt()
        self._foresight = Foresight(parts.dialogue, parts.mouth, parts.split)

    def _now(self) -> int:
        return int(self._parts.clock.monotonic_ms() - self._origin_ms)

    async def run(self) -> None:
        """Talk until the conversation, the far end or our own trouble ends it."""
        try:
            await self._talk()
        finally:
            await self._foresight.close()

    async def _talk(self) -> None:
        task = self._notes.task
        known = {"name": task.callee.name, "facts": dict(task.facts), "agency": self._parts.agency}
        if task.script or task.variant or task.variables:
            known |= {"script": task.script, "variant": task.variant, "variables": dict(task.variables)}
        answer = await self._ask(TurnEvent.CALL_ANSWERED, "", metadata=known)
        await self._lift_pause()
        while answer is not None:
            spoken = await self._say(clauses_of(answer.replies, self._parts.split), self._asked)
            if spoken.failures and not spoken.text and not spoken.interrupted:
                self._notes.end(EndedBy.FAULT, fault="synthesis")
                return
            if await self._acted(answer.replies):
                return
            answer = await self._next(spoken)

    async def _lift_pause(self) -> None:
        """A receiver takes a moment to reach the ear."""
        answered = next((event.at_ms for event in self._notes.events if event.kind == "answered"), 0)
        await self._parts.clock.sleep_ms(max(0, answered + self._parts.limits.lift_pause_ms - self._now()))
        await self._parts.ear.quiet_for(_GREETING_GAP_MS, self._parts.clock, self._parts.limits.greeting_ms)

    async def _next(self, spoken: Spoken) -> Answer | None:
        """Wait for what the resident does and return the core's answer; ``None``: the call is over."""
        while True:
            match await self._perceive():
                case Gone():
                    return None
                case Farewell() as farewell:
                    await self._farewell(farewell)
                    return None
                case Guess(text=text):
                    self._foresee(text, spoken)
                case Heard() as heard if (remark := self._remark(heard, spoken)) is not Remark.ANSWER:
                    if remark is Remark.GREETING and self._is_machine(heard):
                        return None
                    spoken = await self._set_aside(heard, remark, spoken)
                case Dismissed() if spoken.unsaid:
                    spoken = await self._say(spoken.unsaid, None)
                case Heard() | Unclear() | Quiet() | Key() as perception:
                    if self._at_a_loss(perception):
                        await self._farewell(Farewell("cannot_hear", EndedBy.FAULT, "recognizer"))
                        return None
                    if not self._wanted(perception):
                        continue
                    return await self._respond(perception, spoken.missed())

    def _remark(self, heard: Heard, spoken: Spoken) -> Remark:
        return remark_of(heard, spoken, self._parts.words, first=self._count == 1)

    async def _set_aside(self, heard: Heard, remark: Remark, spoken: Spoken) -> Spoken:
        """Note what was no answer, and do what it asks for."""
        self._note_heard(heard, "")
        if remark is Remark.HOLD:
            self._parts.turns.bot_done(self._now() + self._parts.limits.hold_ms)
        elif remark is Remark.ASSENT:
            return await self._say(spoken.unsaid, None)
        else:
            self._parts.ear.listen(self._now())
        return spoken

    def _foresee(self, text: str, spoken: Spoken) -> None:
        """Prepare the answer to what may be all they say. What came after it is more than a guess."""
        if self._parts.inbox.empty():
            turn = self._turn(f"m{self._count + 1}", TurnEvent.UTTERANCE, text, spoken.missed())
            self._foresight.prepare(turn)

    async def _perceive(self) -> Input:
        try:
            async with asyncio.timeout(self._parts.limits.idle_ms / 1000):
                return await self._parts.inbox.get()
        except TimeoutError:
            return Quiet()

    def _at_a_loss(self, perception: Perception) -> bool:
        """No recogniser is left and the open question offers no keys."""
        return isinstance(perception, Quiet) and self._parts.ear.deaf and not self._notes.state.keys

    def _wanted(self, perception: Perception) -> bool:
        return not isinstance(perception, Key) or perception.digit in self._notes.state.keys

    async def _respond(self, perception: Perception, metadata: Mapping[str, Any]) -> Answer | None:
        match perception:
            case Heard():
                if self._is_machine(perception):
                    return None
                if self._doubt.too_much(perception.confidence):
                    reason = {"reason": "low_confidence"}
                    return await self._ask(TurnEvent.UNCLEAR, "", perception, reason)
                confidence = {"confidence": perception.confidence, **metadata}
                return await self._ask(TurnEvent.UTTERANCE, perception.text, perception, confidence)
            case Key():
                text = self._parts.words.key_pressed.format(digit=perception.digit)
                at = perception.at_ms
                self._notes.heard(Utterance("resident", text, at, at, f"m{self._count + 1}", 1.0))
                return await self._ask(TurnEvent.KEY, perception.digit, metadata=metadata)
            case Unclear():
                self._notes.detail["unclear"] = self._notes.detail.get("unclear", 0) + 1
                self._notes.detail["recognizer_failures"] = self._parts.ear.failures
                return await self._ask(TurnEvent.UNCLEAR, "", metadata={"reason": perception.reason})
            case _:
                return await self._ask(TurnEvent.SILENCE, "", metadata=metadata)

    def _is_machine(self, heard: Heard) -> bool:
        """A voice box or a late announcement: it is noted, and not talked to."""
        judgement = self._parts.opening.first_words(heard.text)
        if judgement.disposition is not None:
            self._note_heard(heard, "")
        return judgement.disposition is not None

    async def _ask(
        self,
        event: TurnEvent,
        text: str,
        heard: Heard | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Answer | None:
        self._count += 1
        message_id = f"m{self._count}"
        if heard is not None:
            self._note_heard(heard, message_id)
        self._parts.turns.think()
        turn = self._turn(message_id, event, text, metadata or {})
        asked_ms = self._now()
        answer = await self._answer(turn)
        if answer is None:
            await self._farewell(Farewell("dialogue_down", EndedBy.FAULT, "dialogue"))
            return None
        self._asked = Asked(message_id, asked_ms, self._now(), heard)
        self._notes.state = answer.state
        name = self._notes.task.callee.name
        self._expect(answer.state.open_question)
        self._parts.ear.hints = self._parts.words.hints_for(answer.state.open_question, name)
        return answer

    def _turn(self, message_id: str, event: TurnEvent, text: str, metadata: Mapping[str, Any]) -> Turn:
        return Turn(
            conversation_id=self._notes.task.task_id,
            channel="phone",
            text=text[:MAX_TEXT],
            message_id=message_id,
            at=self._parts.clock.now(),
            event=event,
            metadata=metadata,
        )

    def _expect(self, question: str) -> None:
        """Prepare what follows the usual answer, while our question is still being said."""
        likely = self._parts.words.likely.get(question)
        if likely:
            self._foresight.prepare(self._turn(f"m{self._count + 1}", TurnEvent.UTTERANCE, likely, {}))

    async def _answer(self, turn: Turn) -> Answer | None:
        """Ask the core, twice when it stumbles: the same message id makes that harmless."""
        for patience in (self._parts.limits.dialogue_retry_ms, 0):
            try:
                async with asyncio.timeout(self._parts.limits.dialogue_limit_ms / 1000):
                    return await self._parts.dialogue.respond(turn)
            except (DialogueError, BadInput, TimeoutError) as error:
                _LOG.warning("turn_failed", error=type(error).__name__, event_kind=turn.event.value)
            await self._parts.clock.sleep_ms(patience)
        return None

    async def _say(self, clauses: tuple[Clause, ...], asked: Asked | None) -> Spoken:
        spoken = await self._parts.mouth.say(clauses, hold=lambda: self._parts.ear.talking)
        self._parts.ear.listen(self._now())
        if spoken.text:
            said = Utterance(
                "bot",
                spoken.text,
                spoken.start_ms,
                spoken.end_ms,
                self._asked.message_id,
                interrupted=spoken.interrupted,
            )
            self._notes.heard(said)
            if asked is not None and asked.heard is not None:
                self._notes.gaps.append(asked.gap(asked.heard, spoken.start_ms))
        return spoken

    async def _acted(self, replies: tuple[Reply, ...]) -> bool:
        """Hang up or transfer when a reply says so."""
        action = next((reply.call for reply in replies if reply.call is not CallAction.CONTINUE), None)
        if action is None:
            return False
        if action is CallAction.TRANSFER:
            await self._transfer()
        self._notes.end(EndedBy.BOT)
        await self._parts.clock.sleep_ms(self._parts.limits.farewell_pause_ms)
        await self._parts.call.hangup()
        return True

    async def _transfer(self) -> None:
        accepted = self._parts.desk is not None and await self._put_through(self._parts.desk)
        self._notes.detail["transfer_accepted"] = accepted
        if not accepted:
            await self._say((Clause(self._parts.words.emergency["transfer_failed"], True),), None)

    async def _put_through(self, desk: Desk) -> bool:
        """Let a person take over; the resident is told from time to time that it takes a moment."""
        words = self._parts.words
        briefing = words.briefing.format(summary="".join(self._notes.state.summary))
        taking = asyncio.create_task(desk.take_over(self._parts.call, self._notes.task, briefing))
        try:
            while not (await asyncio.wait({taking}, timeout=self._parts.limits.patience_ms / 1000))[0]:
                await self._say((Clause(words.putting_through, True),), None)
            return taking.result()
        finally:
            await end_tasks([taking])

    async def _farewell(self, farewell: Farewell) -> None:
        self._notes.end(farewell.by, fault=farewell.fault)
        await self._say((Clause(self._parts.words.emergency[farewell.key], True),), None)
        await self._parts.clock.sleep_ms(self._parts.limits.farewell_pause_ms)
        await self._parts.call.hangup()

    def _note_heard(self, heard: Heard, message_id: str) -> None:
        self._notes.heard(
            Utterance("resident", heard.text, heard.start_ms, heard.end_ms, message_id, heard.confidence)
        )
