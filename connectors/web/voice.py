"""Voice input of the web chat: a recording in, its words back for the citizen to check and send."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from connectors.heard import Unheard, words_of
from connectors.rate import RateLimit
from connectors.web import wire
from connectors.web.gate import Gate, json_response, language_of
from connectors.web.guard import Refusal
from connectors.web.language import written
from core.errors import TooLarge
from core.hearing import Hearing

MAX_RECORDING = 3 << 20
"""Bytes: a minute in any format that browsers and mini programs record, uncompressed speech included."""

RECORDINGS_PER_MINUTE = 10

_STATUS = {"voice_long": 413, "voice_unclear": 422, "voice_away": 503}


@dataclass(frozen=True, slots=True)
class VoiceRoute:
    """``POST /api/web/transcripts``. ``rate`` counts the recordings of each conversation."""

    hearing: Hearing
    rate: RateLimit

    async def handle(self, gate: Gate, request: web.Request) -> web.StreamResponse:
        """Hear the body. Raises ``Refusal``, ``TooLarge``, ``QueueError``."""
        conversation_id = gate.guard.bearer(request)
        language = language_of(request)
        if not await self.rate.allow(conversation_id):
            raise Refusal(429, "voice.too_many", "rate_limited")
        data = await _recording(request)
        try:
            text = wire.clean(await words_of(data, self.hearing, gate.guard.clock))
        except Unheard as error:
            code = error.notice.replace("_", ".")
            raise Refusal(_STATUS[error.notice], code, error.notice) from None
        return json_response({"type": "transcript", "text": written(text, language)})


async def _recording(request: web.Request) -> bytes:
    """Read a body that may be larger than the other routes take; the rest of a larger one is not read."""
    data = bytearray()
    if (request.content_length or 0) > MAX_RECORDING:
        raise TooLarge(f"recording: more than {MAX_RECORDING} bytes")
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > MAX_RECORDING:
            raise TooLarge(f"recording: more than {MAX_RECORDING} bytes")
    return bytes(data)
