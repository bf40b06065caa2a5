"""A synthetic resident on the phone: rings, answers, listens, and says the lines of a persona."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import EngineError
from core.logs import get_log
from core.tasks import end_tasks
from core.types import AudioFrame, CallEvent
from voice.engines.vad import SileroVad
from voice.interfaces import Recognizer, VoiceActivity
from voice.resident.choosing import LineChooser
from voice.resident.listening import TurnBegan, TurnEnded, TurnListener
from voice.resident.persona import Line, Persona

_LOG = get_log("resident")
_AGAIN_AT_MOST = 2


class Leg(Protocol):
    """What a resident needs of ``voice.transport.uas.IncomingLeg``."""

    def ring(self, reason: str = "") -> None:
        """Send 180."""
        ...

    async def early_media(self) -> None:
        """Send 183; what is played now is heard before the answer."""
        ...

    async def answer(self) -> None:
        """Send 200."""
        ...

    def decline(self, code: int = 603, reason: str = "") -> None:
        """Refuse."""
        ...

    async def press(self, digit: str) -> None:
        """Press a key."""
        ...

    def frames(self) -> AsyncIterator[AudioFrame]:
        """What the bot says, as ``voice.interfaces.Call.frames``."""
        ...

    def events(self) -> AsyncIterator[CallEvent]:
        """As ``voice.interfaces.Call.events``."""
        ...

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """As ``voice.interfaces.Call.play``."""
        ...

    async def hangup(self) -> None:
        """As ``voice.interfaces.Call.hangup``."""
        ...


class Voice(Protocol):
    """Renders what the resident says (``voice.prompts.PromptCache``)."""

    async def render(self, text: str) -> Sequence[AudioFrame]:
        """Return the frames of a sentence. Raises ``EngineError``."""
        ...


@dataclass(slots=True)
class Visit:
    """What happened in one call, for tests and the log. ``heard`` and ``said`` are in order."""

    heard: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    answered: bool = False
    ended_by: str = ""


class Resident:
    """One persona with its voice and ears; ``take`` handles one call, also several at once."""

    def __init__(
        self,
        persona: Persona,
        voice: Voice,
        recognizer: Recognizer | None,
        *,
        make_activity: Callable[[], VoiceActivity] = SileroVad,
    ) -> None:
        if persona.hearing == "recognise" and recognizer is None:
            raise ValueError("a resident that recognises speech needs a recogniser")
        self.persona = persona
        self._voice = voice
        self._recognizer = recognizer if persona.hearing == "recognise" else None
        self._make_activity = make_activity

    async def take(self, leg: Leg) -> Visit:
        """Ring and handle the call to its end. A failing engine makes the resident silent, not rude."""
        visit = Visit()
        over = asyncio.create_task(_ended(leg, visit))
        talk = asyncio.create_task(self._handle(leg, visit))
        limit = self.persona.longest_call_s + self.persona.ringing.ring_ms / 1000
        try:
            await asyncio.wait({over, talk}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if talk.done():
                talk.result()
        finally:
            await end_tasks([talk])
            await leg.hangup()
            await end_tasks([over])
        _LOG.info("call_over", resident=self.persona.user, ended_by=visit.ended_by, lines=len(visit.said))
        return visit

    async def _handle(self, leg: Leg, visit: Visit) -> None:
        if not await self._ring(leg, visit):
            return
        await leg.answer()
        visit.answered = True
        await _Conversation(
            self.persona, leg, self._voice, self._recognizer, TurnListener(self.persona.turn_end_ms), visit
        ).run(self._make_activity())

    async def _ring(self, leg: Leg, visit: Visit) -> bool:
        """Do what comes before an answer; ``False`` when there will be none."""
        ringing = self.persona.ringing
        leg.ring()
        await asyncio.sleep(ringing.ring_ms / 1000)
        if ringing.announcement:
            await leg.early_media()
            await leg.play(await self._voice.render(ringing.announcement))
        if ringing.then == "ring_out":
            await asyncio.Event().wait()
        if ringing.then == "decline":
            visit.ended_by = "resident"
            leg.decline(ringing.code)
            return False
        return True


async def _ended(leg: Leg, visit: Visit) -> None:
    async for event in leg.events():
        if event.kind in {"hung_up", "rejected", "failed"}:
            visit.ended_by = visit.ended_by or ("resident" if event.detail.get("by") == "us" else "bot")
            return


class _Conversation:
    """One answered call."""

    def __init__(
        self,
        persona: Persona,
        leg: Leg,
        voice: Voice,
        recognizer: Recognizer | None,
        listener: TurnListener,
        visit: Visit,
    ) -> None:
        self._persona = persona
        self._leg = leg
        self._voice = voice
        self._recognizer = recognizer
        self._listener = listener
        self._visit = visit
        self._chooser = LineChooser(persona.lines)
        self._turns: asyncio.Queue[TurnEnded] = asyncio.Queue()
        self._over_speech: set[asyncio.Task[bool]] = set()
        self._again_left = _AGAIN_AT_MOST

    async def run(self, activity: VoiceActivity) -> None:
        """Talk until the resident hangs up; the caller ends it when the bot does."""
        ears = asyncio.create_task(self._listen(activity))
        try:
            if self._persona.first_words:
                await asyncio.sleep(0.3)
                await self._speak(self._persona.first_words)
            while not await self._answer_next():
                pass
        finally:
            await end_tasks([ears, *self._over_speech])

    async def _listen(self, activity: VoiceActivity) -> None:
        async for frame in self._leg.frames():
            match self._listener.feed(frame, activity.probability(frame)):
                case TurnBegan():
                    self._maybe_interrupt()
                case TurnEnded() as turn:
                    self._turns.put_nowait(turn)

    def _maybe_interrupt(self) -> None:
        line = self._chooser.interruption()
        if line is None:
            return
        self._chooser.take(line)

        async def over_the_bot() -> bool:
            await asyncio.sleep(line.interrupt_after_ms / 1000)
            return await self._act(line)

        task = asyncio.create_task(over_the_bot())
        self._over_speech.add(task)
        task.add_done_callback(self._over_speech.discard)

    async def _answer_next(self) -> bool:
        """Wait for the bot's turn and react; ``True`` when the resident has hung up."""
        heard = await self._hear(await self._turns.get())
        # A pause between two sentences looked like the end: the rest belongs to the same turn.
        while self._listener.talking or not self._turns.empty():
            heard += await self._hear(await self._turns.get())
        if self._over_speech:
            # What was just said over the bot is this turn's answer.
            return any(await asyncio.gather(*self._over_speech))
        self._visit.heard.append(heard)
        line = self._choose(heard)
        if line is None:
            return await self._unsure()
        await asyncio.sleep(line.delay_ms / 1000)
        return await self._act(line)

    async def _hear(self, turn: TurnEnded) -> str:
        if self._recognizer is None:
            return ""

        async def frames() -> AsyncIterator[AudioFrame]:
            for frame in turn.frames:
                yield frame

        words = tuple(dict.fromkeys(word for line in self._persona.lines for word in line.when))
        text = ""
        try:
            async for transcript in self._recognizer.transcribe(frames(), (self._persona.name, *words)):
                text = transcript.text
        except EngineError as error:
            _LOG.warning("resident_deaf", resident=self._persona.user, error=type(error).__name__)
        _LOG.debug("resident_heard", resident=self._persona.user, text=text)
        return text

    def _choose(self, heard: str) -> Line | None:
        if self._recognizer is None:
            return self._chooser.next_unused()
        line = self._chooser.by_words(heard)
        if line is not None:
            self._again_left = _AGAIN_AT_MOST
            return line
        if self._persona.again and self._again_left:
            return None
        return self._chooser.next_unused()

    async def _unsure(self) -> bool:
        if self._recognizer is not None and self._persona.again and self._again_left:
            self._again_left -= 1
            await asyncio.sleep(0.3)
            await self._speak(self._persona.again)
        return False

    async def _act(self, line: Line) -> bool:
        if line.silence_ms:
            await asyncio.sleep(line.silence_ms / 1000)
        if line.say:
            await self._speak(line.say)
        if line.key:
            await self._leg.press(line.key)
            self._visit.said.append(line.key)
        if line.hangup:
            self._visit.ended_by = "resident"
            await self._leg.hangup()
        return line.hangup

    async def _speak(self, text: str) -> None:
        try:
            frames = await self._voice.render(text)
        except EngineError as error:
            _LOG.warning("resident_mute", resident=self._persona.user, error=type(error).__name__)
            return
        await self._leg.play(frames)
        self._visit.said.append(text)
