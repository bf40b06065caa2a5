"""Hears recordings for the other doors: ``POST /v1/transcripts`` takes a WAV and answers with its text."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
from aiohttp import web

from core.codec import to_json
from core.errors import BadInput, EngineError, TooLarge
from core.hearing import MAX_SPEECH_MS, SPEECH_RATE_HZ, TRANSCRIPTS_PATH
from core.logs import get_log
from core.settings import Settings
from core.types import AudioFrame, Transcript
from voice.aloud import Reader
from voice.engines.pcm import from_pcm
from voice.interfaces import FRAME_MS, Recognizer
from voice.speaking import Speech

_LOG = get_log("voice.transcripts")

MAX_BYTES = SPEECH_RATE_HZ * 2 * (MAX_SPEECH_MS // 1000 + 1) + 4096
# Recognisers are made for utterances: a long message is cut where it is quietest, in this stretch of time.
_PIECE_FROM_MS = 12_000
_PIECE_TO_MS = 24_000
_WINDOW_MS = 200


class Transcriber:
    """Hears one recording at a time: a call that is going on comes first."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._turn = asyncio.Semaphore(1)

    async def hear(self, wav: bytes) -> Transcript:
        """See ``core.hearing.Hearing``."""
        pcm = read_wav(wav)
        texts: list[str] = []
        doubts: list[float] = []
        async with self._turn:
            for piece in pieces(pcm):
                async for transcript in self._recognizer.transcribe(_frames(piece)):
                    if transcript.final and transcript.text.strip():
                        texts.append(transcript.text.strip())
                        doubts.append(transcript.confidence)
        text = "，".join(part.rstrip("，。") for part in texts)
        return Transcript(text, True, min(doubts, default=0.0), 0, _length_ms(pcm))


def read_wav(wav: bytes) -> bytes:
    """Return the samples of a mono 16-bit WAV at ``SPEECH_RATE_HZ``. Raises ``BadInput``, ``TooLarge``."""
    try:
        with wave.open(io.BytesIO(wav), "rb") as source:
            kind = (source.getnchannels(), source.getsampwidth(), source.getframerate())
            pcm = source.readframes(source.getnframes())
    except (wave.Error, EOFError):
        raise BadInput("not a readable WAV") from None
    if kind != (1, 2, SPEECH_RATE_HZ):
        raise BadInput(f"the WAV must be mono, 16 bits, {SPEECH_RATE_HZ} Hz")
    if _length_ms(pcm) > MAX_SPEECH_MS + 500:
        raise TooLarge(f"more than {MAX_SPEECH_MS} ms")
    return pcm


def pieces(pcm: bytes) -> Iterator[bytes]:
    """Cut samples into stretches that a recogniser takes, each at the quietest place there is."""
    while _length_ms(pcm) > _PIECE_TO_MS:
        samples = from_pcm(pcm[_bytes(_PIECE_FROM_MS) : _bytes(_PIECE_TO_MS)])
        window = SPEECH_RATE_HZ * _WINDOW_MS // 1000
        loudness = np.convolve(samples**2, np.ones(window), mode="valid")
        cut = _bytes(_PIECE_FROM_MS) + 2 * (int(np.argmin(loudness)) + window // 2)
        yield pcm[:cut]
        pcm = pcm[cut:]
    if pcm:
        yield pcm


def transcripts_app(transcriber: Transcriber, reader: Reader | None = None) -> web.Application:
    """Return the application: 200 a ``Transcript``, 400 and 413 a recording that cannot be, 503 no engine."""

    async def handle(request: web.Request) -> web.Response:
        try:
            transcript = await transcriber.hear(await request.read())
        except web.HTTPRequestEntityTooLarge:
            return _error(413, TooLarge.code)
        except TooLarge as error:
            return _error(413, error.code)
        except BadInput as error:
            return _error(400, error.code)
        except EngineError as error:
            _LOG.error("transcript_failed", code=error.code, reason=str(error))
            return _error(503, error.code)
        return web.Response(body=to_json(transcript), content_type="application/json")

    app = web.Application(client_max_size=MAX_BYTES)
    app.add_routes([web.post(TRANSCRIPTS_PATH, handle)])
    if reader is not None:
        app.add_routes([reader.route()])
    return app


@asynccontextmanager
async def hearing_served(
    settings: Settings, recognizer: Recognizer, speech: Speech | None = None
) -> AsyncIterator[None]:
    """Hear and read aloud on ``hearing_port`` while the context is open.

    Another voice process of this host may already do so.
    """
    if not settings.hearing_port:
        yield
        return
    app = transcripts_app(Transcriber(recognizer), Reader(speech) if speech is not None else None)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.hearing_port).start()
            _LOG.info("hearing", host=settings.host, port=settings.hearing_port)
        except OSError as error:
            _LOG.warning("hearing_port_taken", port=settings.hearing_port, reason=error.strerror)
        yield
    finally:
        await runner.cleanup()


async def _frames(pcm: bytes) -> AsyncIterator[AudioFrame]:
    step = _bytes(FRAME_MS)
    for number, start in enumerate(range(0, len(pcm), step)):
        yield AudioFrame(pcm[start : start + step].ljust(step, b"\0"), SPEECH_RATE_HZ, number * FRAME_MS)


def _bytes(duration_ms: int) -> int:
    return SPEECH_RATE_HZ * duration_ms // 1000 * 2


def _length_ms(pcm: bytes) -> int:
    return len(pcm) * 1000 // (2 * SPEECH_RATE_HZ)


def _error(status: int, code: str) -> web.Response:
    body = {"error": {"code": code, "message": code, "hint": ""}}
    return web.Response(status=status, body=to_json(body), content_type="application/json")
