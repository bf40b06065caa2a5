"""Rendered speech by content: memory, then disk, then the engine; recorded human speech before all.

The unit is a clause, so that of "陈桂英您好，我是…。" only the name is rendered afresh.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import wave
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from core.errors import EngineError
from core.logs import get_log
from core.types import AudioFrame
from voice.engines import pcm
from voice.interfaces import CALL_RATE_HZ
from voice.manner import Manner, is_cantonese

_LOG = get_log("voice.prompts")
# Raise it when rendering changes (levels, trimming, reading rules): old files are then left alone.
_FORMAT = "1"
_DIGEST_BYTES = 32
_PLAIN = Manner()
_LARGEST_RECORDING = 20_000_000
_RECORDING_RATES = range(8_000, 192_001)
_AUDIBLE = 0.001
_PIECE = re.compile(r"(?:[^，。？！；,?!;\n]|(?<=\d)[,，](?=\d{3}))+(?:(?!(?<=\d),\d{3})[，。？！；,?!;\n])*")


class Engine(Protocol):
    """A synthesiser that names itself; two that sound different have different names."""

    @property
    def name(self) -> str:
        """Engine and voice."""
        ...

    def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """See ``voice.interfaces.Synthesizer``."""
        ...


def pieces(text: str) -> tuple[str, ...]:
    """Cut at ，。？！； keeping the mark, which decides the pause after the piece."""
    return tuple(piece.strip() for piece in _PIECE.findall(text) if piece.strip())


def recording_name(text: str) -> str:
    """File name of the recorded human speech that replaces the sentence ``text``."""
    return hashlib.sha256(re.sub(r"\s+", "", text).encode()).hexdigest()[:16] + ".wav"


class PromptCache:
    """``voice.interfaces.Synthesizer`` in front of another one; also renders whole sentences.

    ``folder`` holds rendered clauses, ``recorded`` recorded sentences (``recording_name``).
    A file that does not match its own digest counts as absent. Disk trouble never stops speech.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        recorded: Path | None = None,
        cantonese: Engine | None = None,
        memory_bytes: int = 32 << 20,
    ) -> None:
        self.name = engine.name
        self._engine = engine
        self._cantonese = cantonese or engine
        self._folder = folder
        self._recorded = recorded
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_left = memory_bytes
        self._running: dict[str, asyncio.Task[bytes]] = {}
        self._unusable: set[str] = set()

    async def speak(self, text: str, manner: Manner = _PLAIN) -> AsyncIterator[AudioFrame]:
        """Yield frames; the first clause sounds while later ones are still rendered."""
        at_ms = 0
        human = self._human(text)
        engine = self._cantonese if manner.cantonese else self._engine
        for piece in (text,) if human is not None else pieces(text):
            audio = human if human is not None else await self._piece(piece, engine)
            if manner.pace != 1.0:
                audio = pcm.to_pcm(pcm.stretch(pcm.from_pcm(audio), CALL_RATE_HZ, 1 / manner.pace))
            for frame in pcm.to_frames(audio, start_ms=at_ms):
                yield frame
                at_ms = frame.at_ms + round(frame.duration_ms)

    async def render(self, text: str, manner: Manner = _PLAIN) -> Sequence[AudioFrame]:
        """Return all frames of ``text``. Raises ``EngineError``."""
        return [frame async for frame in self.speak(text, manner)]

    async def prefetch(
        self, texts: Iterable[str], *, before_each: Callable[[], Awaitable[None]] | None = None
    ) -> int:
        """Make sure that ``texts`` are on disk; return how many clauses had to be rendered.

        ``before_each`` is awaited before each rendering: it may wait for calls to end. A clause that
        cannot be rendered is logged and left for the call to try again.
        """
        rendered = 0
        for piece, cantonese in dict.fromkeys(
            (piece, is_cantonese(text)) for text in texts for piece in pieces(text)
        ):
            engine = self._cantonese if cantonese else self._engine
            if self._stored(self._key(piece, engine)) is None:
                if before_each is not None:
                    await before_each()
                try:
                    await self._piece(piece, engine)
                except EngineError as error:
                    _LOG.warning("prefetch_failed", error=str(error), chars=len(piece))
                    continue
                rendered += 1
        return rendered

    def _key(self, piece: str, engine: Engine) -> str:
        return hashlib.sha256(f"{_FORMAT}\n{engine.name}\n{piece}".encode()).hexdigest()

    async def _piece(self, piece: str, engine: Engine) -> bytes:
        key = self._key(piece, engine)
        audio = self._stored(key)
        if audio is not None:
            return audio
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._render(key, piece, engine))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        # Shielded: one call that hangs up must not take the sentence from another that waits for it.
        return await asyncio.shield(task)

    async def _render(self, key: str, piece: str, engine: Engine) -> bytes:
        audio = b"".join([frame.pcm async for frame in engine.speak(piece)])
        self._remember(key, audio)
        if audio:
            await asyncio.to_thread(self._write, key, audio)
        return audio

    def _stored(self, key: str) -> bytes | None:
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        audio = self._read(key)
        if audio is not None:
            self._remember(key, audio)
        return audio

    def _remember(self, key: str, audio: bytes) -> None:
        if key not in self._memory:
            self._memory_left -= len(audio)
        self._memory[key] = audio
        while self._memory_left < 0 and self._memory:
            self._memory_left += len(self._memory.popitem(last=False)[1])

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.pcm"

    def _read(self, key: str) -> bytes | None:
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.warning("prompt_unreadable", error=type(error).__name__)
            return None
        digest, audio = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if not audio or hashlib.sha256(audio).digest() != digest:
            _LOG.warning("prompt_damaged", key=key[:12])
            return None
        return audio

    def _write(self, key: str, audio: bytes) -> None:
        path = self._path(key)
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(hashlib.sha256(audio).digest() + audio)
            fresh.replace(path)
        except OSError as error:
            _LOG.warning("prompt_not_kept", error=type(error).__name__)

    def _human(self, text: str) -> bytes | None:
        if self._recorded is None:
            return None
        name = recording_name(text)
        if name in self._memory:
            return self._memory[name]
        path = self._recorded / name
        if not path.is_file():
            return None
        try:
            audio = _read_wav(path)
        except (OSError, EOFError, wave.Error, ValueError) as error:
            # Once is enough: the sentence may be said a thousand times a day.
            if name not in self._unusable:
                self._unusable.add(name)
                _LOG.warning(
                    "recorded_prompt_unusable", file=name, error=type(error).__name__, why=str(error)
                )
            return None
        self._remember(name, audio)
        return audio


def _read_wav(path: Path) -> bytes:
    """Read a recording as call-rate audio, as loud as the voice. Raises ``ValueError`` with the reason."""
    if path.stat().st_size > _LARGEST_RECORDING:
        raise ValueError("a recorded prompt is at most 20 MB")
    with wave.open(str(path), "rb") as source:
        if source.getsampwidth() != 2 or source.getnframes() == 0:
            raise ValueError("a recorded prompt must hold 16-bit samples")
        if source.getframerate() not in _RECORDING_RATES:
            raise ValueError("a recorded prompt has 8,000 to 192,000 samples a second")
        samples = pcm.from_pcm(source.readframes(source.getnframes()))
        whole = samples[: len(samples) // source.getnchannels() * source.getnchannels()]
        mono = np.mean(whole.reshape(-1, source.getnchannels()), axis=1, dtype=np.float32)
        rate = source.getframerate()
    if not np.any(np.abs(mono) > _AUDIBLE):
        raise ValueError("a recorded prompt must not be silent")
    return pcm.to_pcm(pcm.normalise(pcm.resample(mono, rate, CALL_RATE_HZ), CALL_RATE_HZ))
