"""Reading answers aloud where the browser has no voice: an entry of the log in, a WAV back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from connectors.inbox import Inbox
from connectors.rate import RateLimit
from connectors.types import START_CURSOR, Event, EventType
from connectors.web.gate import Gate
from connectors.web.guard import Refusal
from core.errors import BadInput, EngineError
from core.logs import get_log
from core.speaking import MAX_SPOKEN_CHARS, Speaking

READINGS_PER_MINUTE = 20

_log = get_log("web.aloud")
_UNSAID = re.compile(r"https?://\S+|[（(][^（()）]*[)）]")
_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；\n]?")


@dataclass(frozen=True, slots=True)
class AloudRoute:
    """``GET /api/web/speech?event=``: speaks what the conversation holds and nothing that a caller brings."""

    inbox: Inbox
    speaking: Speaking
    rate: RateLimit

    async def handle(self, gate: Gate, request: web.Request) -> web.StreamResponse:
        """Read one reply or notice. Raises ``Refusal``, ``QueueError``."""
        conversation_id = gate.guard.bearer(request)
        if not await self.rate.allow(conversation_id):
            raise Refusal(429, "voice.too_many", "rate_limited")
        event = await self._event(conversation_id, request.query.get("event", ""))
        try:
            sound = await self.speaking.speak(spoken(event))
        except BadInput:
            raise Refusal(404, "speech.none", "invalid", "event: nothing to say") from None
        except EngineError as error:
            _log.warning("speech_failed", code=error.code, reason=str(error))
            raise Refusal(503, "speech.away", "failed") from None
        return web.Response(body=sound, content_type="audio/wav")

    async def _event(self, conversation_id: str, event_id: str) -> Event:
        cursor = START_CURSOR
        while events := (await self.inbox.since(conversation_id, cursor)).events:
            for event in events:
                if event.id == event_id and event.type is not EventType.MESSAGE:
                    return event
            cursor = events[-1].id
        raise Refusal(404, "speech.none", "invalid", "event: not an answer of this conversation")


def spoken(event: Event) -> str:
    """Return what is said of an answer: no addresses, no brackets, whole sentences up to the limit."""
    text = event.spoken or _UNSAID.sub("", event.text)
    said = ""
    for sentence in _SENTENCE.findall(text):
        if len(said) + len(sentence) > MAX_SPOKEN_CHARS:
            break
        said += sentence
    return (said or text[:MAX_SPOKEN_CHARS]).strip()
