"""One answered call of a synthetic resident: listen for the bot's turns, say the lines that fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import EngineError
from core.logs import get_log
from core.tasks import end_tasks
from core.types import AudioFrame
from voice.engines.pcm import silence, to_frames
from voice.engines.told import WordLine
from voice.interfaces import CALL_RATE_HZ, FRAME_MS, Recognizer, VoiceActivity
from voice.prompts import pieces
from voice.resident.choosing import LineChooser
from voice.resident.leg import Leg
from voice.resident.listening import TurnBegan, TurnEnded, TurnListener
from voice.resident.persona import Line, Persona, spoken_parts

_LOG = get_log("resident")
_AGAIN_AT_MOST = 2
_DELAY_S = 0.3


class Voice(Protocol):
    """Renders what the resident says (``voice.prompts.PromptCache``)."""

    async def render(self, text: str) -> Sequence[AudioFrame]:
        """Return the frames of a sentence. Raises ``EngineError``."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """One line as it sounded, pauses inside it included; times are those of the leg's frames.

    ``kind``: ``answer``, ``interruption`` (meant to stop the bot) or ``back_channel`` (not meant to).
    """

    text: str
    kind: str
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Visit:
    """What happened in one call, for tests and the log. ``heard`` and ``said`` are in order."""

    heard: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    lines: list[Said] = field(default_factory=list)
    answered: bool = False
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Means:
    """What a resident talks with. ``words`` is told what is said while it sounds."""

    voice: Voice
    recognizer: Recognizer | None
    words: WordLine | None = None

    async def say(self, leg: Leg, text: str) -> int:
        """Say ``text`` with its pauses, telling its words; return how many ms were sent.

        Raises ``EngineError`` when it cannot be rendered.
        """
        spoken = await self._rendered(text)
        begun_s = asyncio.get_running_loop().time()
        length_ms = self._tell(spoken, begun_s)
        sent_ms = await leg.play([frame for _, frames in spoken for frame in frames])
        if self.words is not None and sent_ms < length_ms:
            self.words.cut(begun_s + sent_ms / 1000)
        return sent_ms

    async def _rendered(self, text: str) -> list[tuple[str, list[AudioFrame]]]:
        """Return each clause with its frames; a pause is a clause without words."""
        spoken: list[tuple[str, list[AudioFrame]]] = []
        for part in spoken_parts(text):
            if isinstance(part, int):
                spoken.append(("", list(to_frames(silence(part)))))
                continue
            for piece in pieces(part):
                spoken.append((piece, list(await self.voice.render(piece))))
        return spoken

    def _tell(self, spoken: list[tuple[str, list[AudioFrame]]], begun_s: float) -> int:
        """Announce the words with their times; return how long all of it lasts in ms."""
        at_ms = 0
        for words, frames in spoken:
            loud = [index for index, frame in enumerate(frames) if any(frame.pcm)]
            if words and loud and self.words is not None:
                start_s = begun_s + (at_ms + loud[0] * FRAME_MS) / 1000
                self.words.say(words, start_s, begun_s + (at_ms + (loud[-1] + 1) * FRAME_MS) / 1000)
            at_ms += sum(len(frame.pcm) for frame in frames) * 1000 // (2 * CALL_RATE_HZ)
        return at_ms


class Talk:
    """Runs from the answer to the moment when the resident hangs up."""

    def __init__(self, persona: Persona, leg: Leg, means: Means, visit: Visit) -> None:
        self._persona = persona
        self._leg = leg
        self._means = means
        self._visit = visit
        self._listener = TurnListener(persona.turn_end_ms)
        self._chooser = LineChooser(persona.lines)
        self._turns: asyncio.Queue[TurnEnded] = asyncio.Queue()
        self._over_speech: set[asyncio.Task[bool]] = set()
        self._noises: set[asyncio.Task[bool]] = set()
        self._speaking = asyncio.Lock()
        self._again_left = _AGAIN_AT_MOST
        self._bot_turns = 0
        self._now_ms = 0

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
            await end_tasks([ears, *self._over_speech, *self._noises])

    async def _listen(self, activity: VoiceActivity) -> None:
        async for frame in self._leg.frames():
            self._now_ms = frame.at_ms + FRAME_MS
            match self._listener.feed(frame, activity.probability(frame)):
                case TurnBegan():
                    self._bot_turns += 1
                    self._maybe_interrupt()
                    self._maybe_nod()
                case TurnEnded() as turn:
                    self._turns.put_nowait(turn)

    def _maybe_interrupt(self) -> None:
        line = self._chooser.interruption()
        if line is None:
            return
        self._chooser.take(line)

        async def over_the_bot() -> bool:
            await asyncio.sleep(line.interrupt_after_ms / 1000)
            return await self._act(line, "interruption")

        self._keep(self._over_speech, asyncio.create_task(over_the_bot()))

    def _maybe_nod(self) -> None:
        """Say a listening noise later in this turn, if the bot is still speaking then."""
        nods = self._persona.back_channels
        if not nods.say or self._over_speech or self._bot_turns % nods.every:
            return
        turn, word = self._bot_turns, nods.say[self._bot_turns // nods.every % len(nods.say)]

        async def nod() -> bool:
            await asyncio.sleep(nods.after_ms / 1000)
            if self._listener.talking and self._bot_turns == turn and not self._speaking.locked():
                await self._speak(word, "back_channel")
            return False

        self._keep(self._noises, asyncio.create_task(nod()))

    @staticmethod
    def _keep(tasks: set[asyncio.Task[bool]], task: asyncio.Task[bool]) -> None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _answer_next(self) -> bool:
        """Wait for the bot's turn and react; ``True`` when the resident has hung up."""
        heard = await self._hear(await self._turns.get())
        while True:
            # A pause between two sentences looked like the end: the rest belongs to the same turn.
            while self._listener.talking or not self._turns.empty():
                heard += await self._hear(await self._turns.get())
            if self._over_speech:
                # What was just said over the bot is this turn's answer.
                return any(await asyncio.gather(*self._over_speech))
            line = self._choose(heard)
            await asyncio.sleep(_DELAY_S if line is None else line.delay_ms / 1000)
            if not self._listener.talking:
                break
            if line is not None:  # the bot goes on: people let it finish
                self._chooser.give_back(line)
        self._visit.heard.append(heard)
        return await self._unsure() if line is None else await self._act(line)

    async def _hear(self, turn: TurnEnded) -> str:
        if self._means.recognizer is None:
            return ""

        async def frames() -> AsyncIterator[AudioFrame]:
            for frame in turn.frames:
                yield frame

        words = tuple(dict.fromkeys(word for line in self._persona.lines for word in line.when))
        text = ""
        try:
            async for transcript in self._means.recognizer.transcribe(frames(), (self._persona.name, *words)):
                text = transcript.text
        except EngineError as error:
            _LOG.warning("resident_deaf", resident=self._persona.user, error=type(error).__name__)
        _LOG.debug("resident_heard", resident=self._persona.user, text=text)
        return text

    def _choose(self, heard: str) -> Line | None:
        if self._means.recognizer is None:
            return self._chooser.next_unused()
        line = self._chooser.by_words(heard)
        if line is not None:
            self._again_left = _AGAIN_AT_MOST
            return line
        if self._persona.again and self._again_left:
            return None
        return self._chooser.next_unused()

    async def _unsure(self) -> bool:
        if self._means.recognizer is not None and self._persona.again and self._again_left:
            self._again_left -= 1
            await self._speak(self._persona.again)
        return False

    async def _act(self, line: Line, kind: str = "answer") -> bool:
        if line.silence_ms:
            await asyncio.sleep(line.silence_ms / 1000)
        if line.say:
            await self._speak(line.say, kind)
        if line.key:
            await self._leg.press(line.key)
            self._visit.said.append(line.key)
        if line.hangup:
            self._visit.ended_by = "resident"
            await self._leg.hangup()
        return line.hangup

    async def _speak(self, text: str, kind: str = "answer") -> None:
        async with self._speaking:
            begun_ms = self._now_ms
            try:
                sent_ms = await self._means.say(self._leg, text)
            except EngineError as error:
                _LOG.warning("resident_mute", resident=self._persona.user, error=type(error).__name__)
                return
            self._visit.said.append(text)
            self._visit.lines.append(Said(text, kind, begun_ms, begun_ms + sent_ms))
