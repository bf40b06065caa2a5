"""Text to speech in a file, for doors that are not the phone: asked of the voice process over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import aiohttp

from core.codec import to_json
from core.errors import BadInput, EngineError

SPEECH_PATH = "/v1/speech"
MAX_SPOKEN_CHARS = 600
"""About two minutes of speech."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Body of ``POST /v1/speech``."""

    text: str


class Speaking(Protocol):
    """Reads a text aloud."""

    async def speak(self, text: str) -> bytes:
        """Return a mono 16-bit WAV of at most ``MAX_SPOKEN_CHARS`` characters.

        Raises:
            BadInput: an empty text or a longer one.
            EngineError: the synthesiser failed or cannot be reached.
        """
        ...


class HttpSpeaking:
    """Client of the voice process's ``POST /v1/speech``."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, timeout_ms: int = 60_000) -> None:
        self._session = session
        self._url = f"{base_url.rstrip('/')}{SPEECH_PATH}"
        self._timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000)

    async def speak(self, text: str) -> bytes:
        """See ``Speaking``."""
        body = to_json(SpeechRequest(text))
        try:
            async with self._session.post(self._url, data=body, timeout=self._timeout) as response:
                sound = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise EngineError(
                f"the synthesiser was not reached ({type(error).__name__})", hint="nuanye doctor"
            ) from error
        if response.status in {400, 413}:
            raise BadInput(f"the synthesiser refused the text ({response.status})")
        if response.status != 200:
            raise EngineError(f"the synthesiser failed ({response.status})")
        return sound
