"""The first seconds after the answer: is there a person, or a machine in a person's place?

A voice box talks for ten seconds without a pause. Waiting for the end of its sentence would mean talking to
it meanwhile, so what it has said so far is looked at early.
"""

from __future__ import annotations

from collections.abc import Callable

from core.clock import Clock
from core.types import AudioFrame
from voice.answering import FAX, MACHINES, AnsweredBy, Answering, Judgement
from voice.hearing import Ear
from voice.notes import CallNotes, EndedBy
from voice.tones import FaxTone

# After the answer. A person's first words are shorter than the least; whoever talks on is looked at again.
GLIMPSES_MS = (1_500, 2_500, 4_000, 6_000)
_LEAST_MS = 900
_FAX_UNTIL_MS = 20_000


class Opening:
    """Judges the far end's first words. ``over`` ends the call without another word of ours."""

    def __init__(
        self, ear: Ear, answering: Answering, notes: CallNotes, clock: Clock, over: Callable[[], None]
    ) -> None:
        self._ear = ear
        self._answering = answering
        self._notes = notes
        self._clock = clock
        self._over = over
        self._fax = FaxTone()
        self._answered_ms: float | None = None

    async def watch(self) -> None:
        """Look at what is being said, from the answer until the first judgement or the last glimpse."""
        self._answered_ms = self._clock.monotonic_ms()
        for at_ms in GLIMPSES_MS:
            await self._clock.sleep_ms(max(0.0, at_ms - self._since_ms()))
            if self.decided:
                return
            text = await self._ear.glimpse(_LEAST_MS)
            if text and not self.decided:
                judgement = self._answering.judge(text, answered=True)
                # 暂时无法接通 may go on with 请在嘀声后留言: an announcement is heard out.
                told = judgement.by is AnsweredBy.NETWORK and at_ms == GLIMPSES_MS[-1]
                if judgement.by in MACHINES or told:
                    self._settle(judgement)
                    self._over()

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame of the far end's."""
        if self._answered_ms is None or self.decided or self._since_ms() > _FAX_UNTIL_MS:
            return
        if self._fax.feed(frame):
            self._settle(FAX)
            self._over()

    def first_words(self, text: str) -> Judgement:
        """Judge a whole utterance; a person who was recognised once stays one."""
        if self._notes.detail.get("answered_by") == AnsweredBy.PERSON.value:
            return Judgement(AnsweredBy.PERSON)
        judgement = self._answering.judge(text, answered=True)
        if judgement.by is not AnsweredBy.FORWARDING:
            self._settle(judgement)
        return judgement

    @property
    def decided(self) -> bool:
        """Whether it is known who answered."""
        return "answered_by" in self._notes.detail

    def _settle(self, judgement: Judgement) -> None:
        self._notes.detail["answered_by"] = judgement.by.value
        if self._answered_ms is not None:
            self._notes.detail["answered_by_ms"] = round(self._since_ms())
        if judgement.disposition is not None:
            self._notes.announcement = judgement.disposition
            self._notes.end(EndedBy.NETWORK)

    def _since_ms(self) -> float:
        return self._clock.monotonic_ms() - (self._answered_ms or 0.0)
