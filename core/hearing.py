"""Speech in a file to text, for doors that are not the phone: asked of the voice process over HTTP."""

from __future__ import annotations

from typing import Protocol

import aiohttp

from core.codec import from_json
from core.errors import BadInput, EngineError
from core.types import Transcript

TRANSCRIPTS_PATH = "/v1/transcripts"
MAX_SPEECH_MS = 60_000
SPEECH_RATE_HZ = 16_000


class Hearing(Protocol):
    """Hears a recording."""

    async def transcribe(self, wav: bytes) -> Transcript:
        """Return what is said in a mono 16-bit WAV of at most ``MAX_SPEECH_MS``.

        Nothing said gives an empty text.

        Raises:
            BadInput: no such WAV.
            EngineError: the recogniser failed or cannot be reached; worth a retry.
        """
        ...


class HttpHearing:
    """Client of the voice process's ``POST /v1/transcripts``."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, timeout_ms: int = 30_000) -> None:
        self._session = session
        self._url = f"{base_url.rstrip('/')}{TRANSCRIPTS_PATH}"
        self._timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000)

    async def transcribe(self, wav: bytes) -> Transcript:
        """See ``Hearing``."""
        headers = {"Content-Type": "audio/wav"}
        try:
            async with self._session.post(
                self._url, data=wav, headers=headers, timeout=self._timeout
            ) as response:
                body = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise EngineError(
                f"the recogniser was not reached ({type(error).__name__})", hint="nuanye doctor"
            ) from error
        if response.status in {400, 413}:
            raise BadInput(f"the recogniser refused the recording ({response.status})")
        if response.status != 200:
            raise EngineError(f"the recogniser failed ({response.status})")
        return from_json(body, Transcript)
