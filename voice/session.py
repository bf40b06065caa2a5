"""One call from dialling to its story: ring, listen to announcements, talk, end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.clock import CHINA
from core.errors import CallError, EngineError, StorageError
from core.logs import get_log
from core.tasks import end_tasks
from core.types import CallEvent, CallTask, Utterance
from voice.conversation import Conversation, Parts
from voice.echo import EchoGuard, GuardedActivity, Taps
from voice.equipment import Equipment, patience_for
from voice.hearing import Ear, Senses
from voice.inputs import Answered, Farewell, Gone, Input
from voice.interfaces import Call
from voice.notes import CallNotes, CallStory, EndedBy
from voice.opening import Opening
from voice.perceptions import Key
from voice.recording import CallRecorder
from voice.ringing import until_answered
from voice.speaking import Mouth
from voice.turntaking import TurnTaker

__all__ = ["CallSession", "Equipment"]

_LOG = get_log("voice.session")


class CallSession:
    """Runs one attempt. ``run`` never raises: whatever happens is in the story."""

    def __init__(
        self, equipment: Equipment, task: CallTask, *, on_utterance: Callable[[Utterance], None] | None = None
    ) -> None:
        self._equipment = equipment
        self._notes = CallNotes(task, equipment.clock.now(), on_utterance)
        self._notes.detail.update(equipment.labels)
        self._inbox: asyncio.Queue[Input] = asyncio.Queue()
        self._aborted = asyncio.Event()
        self._gone = asyncio.Event()
        self._origin_ms = 0.0
        self._mouth: Mouth | None = None
        self._recorder: CallRecorder | None = None
        self._opening: asyncio.Task[None] | None = None
        self._echo = EchoGuard()

    def drain(self) -> None:
        """Our process is stopping: end the call politely at the next chance."""
        self._inbox.put_nowait(Farewell("shutting_down", EndedBy.SHUTDOWN))
        if self._mouth is not None:
            self._mouth.stop()

    def abort(self) -> None:
        """Our process is stopping now: end the call without another word."""
        self._notes.end(EndedBy.SHUTDOWN)
        self._aborted.set()

    async def run(self) -> CallStory:
        """Dial, talk, and return what happened."""
        try:
            async with self._equipment.transport.dial(self._notes.task) as call:
                self._origin_ms = self._equipment.clock.monotonic_ms()
                await self._live(call)
        except CallError as error:
            self._notes.disposition = error.disposition
            self._notes.end(EndedBy.NETWORK, fault=error.code)
        except Exception as error:  # noqa: BLE001 - supervised here: whatever broke, the attempt is accounted for
            _LOG.error("call_broke", error=type(error).__name__, where=_where(error))
            self._notes.end(EndedBy.FAULT, fault=type(error).__name__)
        return self._finished()

    def _finished(self) -> CallStory:
        """Close the recording and move the transcript onto its time line."""
        story = self._notes.story(self._equipment.clock.now())
        recorder = self._recorder
        if recorder is None or self._equipment.recordings_dir is None:
            return story
        recorder.close()
        if not recorder.duration_ms:
            return story
        utterances = tuple(
            replace(item, start_ms=recorder.offset_ms(item.start_ms), end_ms=recorder.offset_ms(item.end_ms))
            for item in story.utterances
        )
        path = recorder.path.relative_to(self._equipment.recordings_dir)
        detail = {**story.detail, "recording_failed": True} if recorder.failed else story.detail
        return replace(story, utterances=utterances, recording=path.as_posix(), detail=detail)

    def _record(self, call: Call) -> None:
        """Record from the answer on. A call without a recording is better than no call."""
        if self._equipment.recordings_dir is None:
            return
        day = self._equipment.clock.now().astimezone(CHINA).strftime("%Y%m%d")
        path = self._equipment.recordings_dir / day / f"{self._notes.task.task_id}.wav"
        try:
            self._recorder = CallRecorder(path)
            call.tap = Taps(self._echo, self._recorder)
        except StorageError as error:
            _LOG.error("recording_failed", code=error.code)
            self._notes.detail["recording_failed"] = True

    def _now(self) -> int:
        return int(self._equipment.clock.monotonic_ms() - self._origin_ms)

    async def _live(self, call: Call) -> None:
        parts = self._assemble(call)
        pumps = [
            asyncio.create_task(self._supervised(self._watch(parts))),
            asyncio.create_task(self._supervised(self._listen(parts))),
        ]
        if self._equipment.prefetch is not None:
            pumps.append(asyncio.create_task(self._supervised(self._prefetch())))
        timer = asyncio.get_running_loop().call_later(
            self._equipment.limits.max_call_ms / 1000,
            self._inbox.put_nowait,
            Farewell("too_long", EndedBy.BOT),
        )
        talk = asyncio.create_task(self._ring_and_talk(parts))
        try:
            await self._until_over(talk)
        finally:
            timer.cancel()
            await end_tasks([*pumps, talk, *([self._opening] if self._opening else [])])
            await parts.ear.close()
            await call.hangup()

    async def _until_over(self, talk: asyncio.Task[None]) -> None:
        aborted = asyncio.create_task(self._aborted.wait())
        gone = asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait({talk, aborted, gone}, return_when=asyncio.FIRST_COMPLETED)
            if self._gone.is_set() and not talk.done():
                limit_s = self._equipment.limits.last_words_ms / 1000
                await asyncio.wait({talk, aborted}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if talk.done():
                await talk  # its exception, if any, belongs to run()
        finally:
            aborted.cancel()
            gone.cancel()

    def _assemble(self, call: Call) -> Parts:
        equipment = self._equipment
        limits = equipment.limits
        turns = self._turn_taker()
        call.tap = self._echo
        mouth = Mouth(
            call,
            equipment.speech,
            now_ms=self._now,
            on_clause=lambda protected: turns.bot_speaks(protected=protected),
            render_limit_ms=limits.render_limit_ms,
        )
        senses = Senses(
            recognizer=equipment.recognizer,
            activity=GuardedActivity(equipment.make_activity(), self._echo),
            turns=turns,
            now_ms=self._now,
            pre_roll_ms=equipment.rules.pre_roll_ms,
            recognition_limit_ms=limits.recognition_limit_ms,
        )
        ear = Ear(senses, report=self._inbox.put_nowait, on_interrupt=mouth.stop, on_hold=mouth.hold)
        ear.hints = equipment.words.hints_for("ringing", "")
        self._mouth = mouth
        opening = Opening(ear, equipment.answering, self._notes, equipment.clock, self._aborted.set)
        return Parts(
            call=call,
            ear=ear,
            opening=opening,
            mouth=mouth,
            turns=turns,
            dialogue=equipment.dialogue,
            words=equipment.words,
            clock=equipment.clock,
            limits=limits,
            inbox=self._inbox,
            agency=equipment.agency,
            desk=equipment.desk,
            split=equipment.split,
        )

    def _turn_taker(self) -> TurnTaker:
        limits = self._equipment.limits
        return TurnTaker(
            self._equipment.rules,
            self._equipment.words,
            barge_in_ms=limits.barge_in_ms,
            silence_ms=limits.silence_ms,
            patience=patience_for(self._notes.task, self._notes.started_at.year),
        )

    async def _ring_and_talk(self, parts: Parts) -> None:
        ring_ms = self._equipment.limits.ring_ms
        if await until_answered(self._inbox, self._notes, self._equipment.answering, ring_ms):
            await Conversation(parts, self._notes, self._origin_ms).run()

    async def _watch(self, parts: Parts) -> None:
        async for event in parts.call.events():
            self._notes.events.append(event)
            match event.kind:
                case "answered":
                    self._notes.answered_at = self._equipment.clock.now()
                    self._record(parts.call)
                    await parts.ear.reset()
                    self._inbox.put_nowait(Answered())
                    self._opening = asyncio.create_task(self._supervised(parts.opening.watch()))
                case "dtmf":
                    self._pressed(event)
                case "held":  # nobody can hear us: nobody is silent either
                    parts.turns.think()
                case "resumed":
                    parts.ear.listen(self._now())
                case "hung_up" | "rejected":
                    self._notes.end(EndedBy.RESIDENT)
                case "failed" | "media_lost":
                    self._notes.end(EndedBy.NETWORK, fault=event.kind)
            if event.kind == "media_lost":
                break
        await self._lost(parts.ear)

    async def _lost(self, ear: Ear) -> None:
        """The far end is gone; what it said last still counts."""
        limits = self._equipment.limits
        answered = self._notes.answered_at is not None
        limit_ms = limits.last_words_ms if answered else limits.announcement_limit_ms
        self._gone.set()
        try:
            async with asyncio.timeout(limit_ms / 1000):
                await ear.finish()
        except TimeoutError:
            _LOG.warning("last_words_not_recognised")
        self._inbox.put_nowait(Gone())

    def _pressed(self, event: CallEvent) -> None:
        digit = str(event.detail.get("digit", ""))
        if digit not in self._notes.state.keys:
            return
        if self._mouth is not None:
            self._mouth.stop()
        self._inbox.put_nowait(Key(digit, event.at_ms))

    async def _listen(self, parts: Parts) -> None:
        async for frame in parts.call.frames():
            parts.ear.feed(frame)
            parts.opening.feed(frame)

    async def _prefetch(self) -> None:
        if self._equipment.prefetch is not None:
            try:
                await self._equipment.prefetch(self._notes.task)
            except EngineError as error:
                _LOG.warning("prefetch_failed", code=error.code)

    async def _supervised(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - supervised here: a dead pump must end the call, not hang it
            _LOG.error("pump_broke", error=type(error).__name__, where=_where(error))
            self._notes.end(EndedBy.FAULT, fault=type(error).__name__)
            self._inbox.put_nowait(Gone())


def _where(error: BaseException) -> str:
    """File and line where an exception arose; its message might hold what somebody said."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
