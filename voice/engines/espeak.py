"""The last-resort voice: the program ``espeak-ng``, Mandarin (``cmn``) and Cantonese (``yue``)."""

from __future__ import annotations

import asyncio
import io
import shutil
import wave
from collections.abc import AsyncIterator

from core.errors import EngineError, ModelError
from core.types import AudioFrame
from voice import reading
from voice.engines import pcm
from voice.interfaces import CALL_RATE_HZ

LANGUAGES = ("cmn", "yue")


class EspeakSynthesizer:
    """``voice.interfaces.Synthesizer``: one short-lived process per clause.

    Raises ``ModelError`` when the program is not installed.
    """

    def __init__(
        self, language: str = "cmn", *, words_per_minute: int = 150, timeout_s: float = 10.0
    ) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}")
        program = shutil.which("espeak-ng")
        if program is None:
            raise ModelError(
                "the program espeak-ng is not installed", hint="install your system's package espeak-ng"
            )
        self._program = program
        self._language = language
        self._speed = words_per_minute
        self._timeout_s = timeout_s
        self.name = f"espeak-ng {language}/{words_per_minute}"

    async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """See ``voice.interfaces.Synthesizer``."""
        at_ms = 0
        for clause in reading.clauses(reading.speakable(text)):
            audio = await self._render(clause.text)
            for frame in pcm.to_frames(audio + pcm.silence(clause.pause_ms), start_ms=at_ms):
                yield frame
                at_ms = frame.at_ms + round(frame.duration_ms)

    async def _render(self, clause: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            self._program,
            "-v",
            self._language,
            "-s",
            str(self._speed),
            "--stdin",
            "--stdout",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(clause.encode()), self._timeout_s)
        except TimeoutError as error:
            raise EngineError(f"espeak-ng did not finish within {self._timeout_s:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise EngineError(f"espeak-ng ended with status {process.returncode}")
        return _call_rate(output)


def _call_rate(output: bytes) -> bytes:
    try:
        with wave.open(io.BytesIO(output), "rb") as source:
            rate = source.getframerate()
            # Written to a pipe, the header promises 2 GB; what came is all there is.
            samples = pcm.from_pcm(source.readframes(len(output)))
    except (wave.Error, EOFError) as error:
        raise EngineError("espeak-ng wrote no sound") from error
    trimmed = pcm.trim_silence(pcm.resample(samples, rate, CALL_RATE_HZ), CALL_RATE_HZ)
    return pcm.to_pcm(pcm.normalise(trimmed, CALL_RATE_HZ))
