"""Reads texts aloud for the other doors: ``POST /v1/speech`` takes a text and answers with a WAV."""

from __future__ import annotations

import asyncio
import io
import wave

from aiohttp import web

from core.codec import from_json, to_json
from core.errors import BadInput, EngineError
from core.logs import get_log
from core.speaking import MAX_SPOKEN_CHARS, SPEECH_PATH, SpeechRequest
from voice.interfaces import CALL_RATE_HZ
from voice.manner import Manner
from voice.speaking import Speech

_LOG = get_log("voice.aloud")

# Who has answers read out reads with difficulty.
_PACE = 0.9


class Reader:
    """Renders one text at a time: a call that is going on comes first."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._turn = asyncio.Semaphore(1)

    async def read(self, text: str) -> bytes:
        """See ``core.speaking.Speaking``; the rate is ``CALL_RATE_HZ``."""
        if not text.strip() or len(text) > MAX_SPOKEN_CHARS:
            raise BadInput(f"text: 1 to {MAX_SPOKEN_CHARS} characters")
        async with self._turn:
            frames = await self._speech.render(text, Manner.of(text, _PACE))
        sound = io.BytesIO()
        with wave.open(sound, "wb") as out:
            out.setparams((1, 2, CALL_RATE_HZ, 0, "NONE", ""))
            out.writeframes(b"".join(frame.pcm for frame in frames))
        return sound.getvalue()

    def route(self) -> web.RouteDef:
        """200 a WAV, 400 no such text, 503 no voice."""
        return web.post(SPEECH_PATH, self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            wanted = from_json(await request.read(), SpeechRequest)
            sound = await self.read(wanted.text)
        except BadInput as error:
            return _error(400, error.code)
        except EngineError as error:
            _LOG.error("speech_failed", code=error.code, reason=str(error))
            return _error(503, error.code)
        return web.Response(body=sound, content_type="audio/wav")


def _error(status: int, code: str) -> web.Response:
    body = {"error": {"code": code, "message": code, "hint": ""}}
    return web.Response(status=status, body=to_json(body), content_type="application/json")
