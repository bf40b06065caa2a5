"""Turns one leg's frames into perceptions: something said, a key, silence, a noise."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from core.clock import Clock
from core.errors import EngineError
from core.logs import get_log
from core.tasks import end_tasks
from core.types import AudioFrame, Transcript
from voice.endpointing import SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted
from voice.interfaces import FRAME_MS, Recognizer, VoiceActivity
from voice.perceptions import Dismissed, Guess, Heard, Perception, Quiet, Unclear
from voice.segments import Segment, replayed
from voice.turntaking import Discarded, Floor, GoOn, HeldBack, Interrupted, Silence, TurnTaker

_LOG = get_log("voice.hearing")

# Less voiced time than this without a word in it was a cough, not something to ask about.
_UNCLEAR_MS = 300
_RECOGNISER_CHANCES = 2


@dataclass(frozen=True, slots=True)
class Senses:
    """What an ear is made of. ``now_ms`` counts from the same origin as the frames' ``at_ms``."""

    recognizer: Recognizer
    activity: VoiceActivity
    turns: TurnTaker
    now_ms: Callable[[], int]
    pre_roll_ms: int
    recognition_limit_ms: int


class Ear:
    """Hears one leg. Feed every frame; perceptions arrive through ``report``."""

    def __init__(
        self,
        senses: Senses,
        *,
        report: Callable[[Perception], None],
        on_interrupt: Callable[[], None],
        on_hold: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.hints: tuple[str, ...] = ()
        self.failures = 0
        self._senses = senses
        self._report = report
        self._on_interrupt = on_interrupt
        self._on_hold = on_hold
        self._recent: deque[AudioFrame] = deque(maxlen=senses.pre_roll_ms // FRAME_MS + 30)
        self._segment: Segment | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def deaf(self) -> bool:
        """Whether the recogniser failed so often that only keys are left."""
        return self.failures >= _RECOGNISER_CHANCES

    @property
    def talking(self) -> bool:
        """Whether the other side is speaking now."""
        return self._senses.turns.talking

    async def quiet_for(self, gap_ms: int, clock: Clock, limit_ms: int) -> None:
        """Wait until nobody has spoken for ``gap_ms``, at most ``limit_ms``; at once where all is quiet."""
        quiet_ms = 0 if self.talking else gap_ms
        for _ in range(limit_ms // FRAME_MS):
            if quiet_ms >= gap_ms:
                return
            await clock.sleep_ms(FRAME_MS)
            quiet_ms = 0 if self._senses.turns.voiced else quiet_ms + FRAME_MS

    def listen(self, at_ms: int) -> None:
        """We have finished speaking: the floor is theirs, unless their words are being recognised."""
        if self._segment is not None and self._segment.ended is not None:
            self._senses.turns.think()
        else:
            self._senses.turns.bot_done(at_ms)

    def feed(self, frame: AudioFrame) -> None:
        """Take one frame."""
        self._recent.append(frame)
        segment = self._segment
        if segment is not None:
            segment.frames.append(frame)
            segment.arrived.set()
        probability = self._senses.activity.probability(frame)
        partial = segment.partial if segment is not None else ""
        pending = segment is not None and segment.ended is None and segment.pending and not self._streams
        for signal in self._senses.turns.feed(frame.at_ms, probability, partial, pending=pending):
            match signal:
                case SpeechStarted():
                    self._begin(signal)
                case SpeechPaused():
                    self._pause()
                case SpeechResumed():
                    self._resume()
                case SpeechEnded():
                    self._end(signal)
                case Discarded():
                    self._discard()
                case Interrupted():
                    self._on_interrupt()
                case HeldBack() | GoOn():
                    self._on_hold(isinstance(signal, HeldBack))
                case Silence():
                    self._report(Quiet())
        self._guess()

    async def glimpse(self, least_ms: int) -> str:
        """Return what has been said so far in the utterance under way, if it has lasted ``least_ms``."""
        segment, recognizer = self._segment, self._senses.recognizer
        if segment is None or segment.ended is not None or self.deaf:
            return ""
        if self._senses.now_ms() - segment.start_ms < least_ms:
            return ""
        if recognizer.streaming:
            return segment.partial
        text = ""
        try:
            async for transcript in recognizer.transcribe(replayed(tuple(segment.frames)), self.hints):
                text = transcript.text
        except EngineError:
            return ""  # the whole utterance gets its own chance
        return text

    async def finish(self) -> None:
        """The line is going away: recognise what is still open and wait for it."""
        ended = self._senses.turns.finish(self._senses.now_ms())
        if ended is not None and self._segment is not None:
            self._end(ended)
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reset(self) -> None:
        """Forget everything heard so far: the call was answered, early media is over."""
        await self.close()
        self._segment = None
        self._recent.clear()
        self._senses.activity.reset()

    async def close(self) -> None:
        """Stop recognising."""
        await end_tasks(self._tasks)

    @property
    def _streams(self) -> bool:
        return self._senses.recognizer.streaming

    def _pause(self) -> None:
        """They may have finished. An utterance recogniser is asked now: its text decides how long we wait."""
        segment = self._segment
        if segment is None or self.deaf:
            return
        segment.paused_ms = self._senses.now_ms()
        if not self._streams and segment.task is None:
            self._start(segment, segment.replay())

    def _resume(self) -> None:
        segment = self._segment
        if segment is None:
            return
        segment.paused_ms = 0
        if not self._streams:
            segment.go_on()

    def _guess(self) -> None:
        """Pass on what they seem to have said while they pause, whenever it changes."""
        segment = self._segment
        if segment is None or not segment.paused_ms or segment.ended is not None:
            return
        if segment.partial and segment.partial != segment.guessed:
            segment.guessed = segment.partial
            self._report(Guess(segment.partial))

    def _begin(self, started: SpeechStarted) -> None:
        segment = self._segment
        if segment is not None and segment.ended is not None:
            # They went on before we had understood the first half: it is one utterance.
            self._senses.turns.was_cut_off(started.onset_ms - segment.ended.end_ms)
            segment.go_on()
            segment.ended, segment.paused_ms = None, 0
        else:
            frames = [frame for frame in self._recent if frame.at_ms >= started.from_ms]
            segment = Segment(started.onset_ms, frames)
            self._segment = segment
        if self._streams and not self.deaf:
            self._start(segment, segment.stream())

    def _end(self, ended: SpeechEnded) -> None:
        segment = self._segment
        if segment is None or self.deaf:
            # The recogniser gave up before they did, or there is none left: nothing to wait for.
            self._segment = None
            self._heard_nothing(Dismissed())
            return
        segment.ended = ended
        segment.decided_ms = self._decided(segment)
        segment.arrived.set()
        if segment.early is not None:
            self._settle(segment, self._perceived(segment, segment.early))
        elif segment.task is None:
            self._start(segment, segment.stream() if self._streams else segment.replay())
        elif segment.limit is not None and not segment.task.done():
            segment.limit.reschedule(self._limit())

    def _decided(self, segment: Segment) -> int:
        """When the words were asked for: an utterance recogniser works while we still wait for more."""
        now = self._senses.now_ms()
        if self._streams or not segment.paused_ms or segment.task is None:
            return now
        return segment.paused_ms if segment.early is None else now - (segment.early_ms - segment.paused_ms)

    def _discard(self) -> None:
        segment = self._segment
        if segment is None:
            return
        if segment.decided_ms:
            # Only a noise after words whose recognition it had stopped: recognise them after all.
            now = self._senses.now_ms()
            self._end(SpeechEnded(segment.start_ms, segment.frames[-1].at_ms, now, _UNCLEAR_MS))
            return
        if segment.task is not None:
            segment.task.cancel()
        self._segment = None
        if self._senses.turns.floor is not Floor.BOT:
            self._report(Dismissed())

    def _start(self, segment: Segment, frames: AsyncIterator[AudioFrame]) -> None:
        task = asyncio.create_task(self._recognise(segment, frames))
        segment.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _limit(self) -> float:
        return asyncio.get_running_loop().time() + self._senses.recognition_limit_ms / 1000

    async def _recognise(self, segment: Segment, frames: AsyncIterator[AudioFrame]) -> None:
        final: Transcript | None = None
        try:
            # The limit runs from the end of the utterance; ``_end`` sets it for one still open.
            async with asyncio.timeout_at(self._limit() if segment.ended else None) as segment.limit:
                async for transcript in self._senses.recognizer.transcribe(frames, self.hints):
                    segment.partial = transcript.text
                    if transcript.final:
                        final = transcript
        except Exception as error:  # noqa: BLE001 - supervised: an engine's surprise must not leave the call waiting
            if segment.ended is None and not self._streams:
                segment.task = None  # only a try in a pause: there will be another
            else:
                self._failed(segment, error)
            return
        self.failures = 0
        if segment.ended is None and not self._streams:
            segment.early = final or Transcript("", True, 0.0, segment.start_ms, segment.start_ms)
            segment.early_ms = self._senses.now_ms()
        else:
            self._settle(segment, self._perceived(segment, final))

    def _failed(self, segment: Segment, error: Exception) -> None:
        self.failures += 1
        _LOG.warning("recognizer_failed", error=type(error).__name__, failures=self.failures)
        self._settle(segment, Unclear("recognizer", segment.start_ms, self._senses.now_ms()))

    def _perceived(self, segment: Segment, final: Transcript | None) -> Perception:
        ended = segment.ended
        end_ms = ended.end_ms if ended is not None else self._senses.now_ms()
        if final is not None and final.text.strip():
            return Heard(
                final.text.strip(),
                final.confidence,
                segment.start_ms,
                end_ms,
                segment.decided_ms or self._senses.now_ms(),
                self._senses.now_ms(),
            )
        if ended is not None and ended.voiced_ms >= _UNCLEAR_MS:
            return Unclear("no_words", segment.start_ms, end_ms)
        return Dismissed()

    def _settle(self, segment: Segment, perception: Perception) -> None:
        if self._segment is segment:
            self._segment = None
        if isinstance(perception, Dismissed):
            self._heard_nothing(perception)
        else:
            self._report(perception)

    def _heard_nothing(self, perception: Dismissed) -> None:
        if self._senses.turns.floor is Floor.THINKING:
            self._senses.turns.bot_done(self._senses.now_ms())
        self._report(perception)
