"""A synthetic resident on the phone: rings, answers, and talks as its persona does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.logs import get_log
from core.tasks import end_tasks
from voice.engines.told import WordLine
from voice.engines.vad import SileroVad
from voice.interfaces import Recognizer, VoiceActivity
from voice.resident.leg import Leg
from voice.resident.persona import Persona
from voice.resident.talk import Means, Talk, Visit, Voice

_LOG = get_log("resident")


class Resident:
    """One persona with its voice and ears; ``take`` handles one call, also several at once."""

    def __init__(
        self,
        persona: Persona,
        voice: Voice,
        recognizer: Recognizer | None,
        *,
        make_activity: Callable[[], VoiceActivity] = SileroVad,
        words: WordLine | None = None,
    ) -> None:
        if persona.hearing == "recognise" and recognizer is None:
            raise ValueError("a resident that recognises speech needs a recogniser")
        self.persona = persona
        self._means = Means(voice, recognizer if persona.hearing == "recognise" else None, words)
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
        await Talk(self.persona, leg, self._means, visit).run(self._make_activity())

    async def _ring(self, leg: Leg, visit: Visit) -> bool:
        """Do what comes before an answer; ``False`` when there will be none."""
        ringing = self.persona.ringing
        leg.ring()
        await asyncio.sleep(ringing.ring_ms / 1000)
        if ringing.announcement:
            await leg.early_media()
            await self._means.say(leg, ringing.announcement)
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
