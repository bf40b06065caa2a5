"""After the call: the recording is recognised again, without haste, and staff see where the two differ.

It runs only while no line is in use, one utterance at a time, so that no caller waits for it. What it finds
stands beside the transcript; it changes no field.
"""

from __future__ import annotations

import asyncio
import json
import wave
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from casework.types import CallRecord
from casework.vault import without_name
from core.clock import Clock
from core.errors import EngineError, StorageError
from core.logs import get_log
from core.types import AudioFrame, Utterance
from voice.engines import pcm
from voice.interfaces import CALL_RATE_HZ, Recognizer
from voice.words import bare

_LOG = get_log("voice.second_pass")
_BEFORE_MS, _AFTER_MS = 300, 200
_MOST_WAITING = 500
_BUSY_MS = 1_000
DETAIL_KEY = "second_hearing"


class Archive(Protocol):
    """Where finished calls can be added to."""

    async def annotate_call(self, call_id: str, extra: Mapping[str, Any]) -> None:
        """Add ``extra`` to a stored call's detail. Raises ``StorageError``."""
        ...


@dataclass(frozen=True, slots=True)
class SecondEars:
    """A recogniser for the second pass; ``name`` is shown to staff."""

    recognizer: Recognizer
    name: str


class SecondPass:
    """Listens again to finished calls. ``idle`` says whether no call is under way."""

    def __init__(
        self, ears: SecondEars, recordings_dir: Path, archive: Archive, idle: Callable[[], bool], clock: Clock
    ) -> None:
        self._ears = ears
        self._folder = recordings_dir
        self._archive = archive
        self._idle = idle
        self._clock = clock
        self._waiting: deque[CallRecord] = deque(maxlen=_MOST_WAITING)
        self._came = asyncio.Event()

    def add(self, record: CallRecord) -> None:
        """Have a stored call heard again; when too many wait, the oldest is left as it is."""
        if record.recording and any(_audible(item) for item in record.utterances):
            self._waiting.append(record)
            self._came.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._came.wait()
            while self._waiting:
                await self.listen(self._waiting.popleft())
            self._came.clear()

    async def listen(self, record: CallRecord) -> None:
        """Recognise one call's answers again and store what was heard differently."""
        lines = []
        try:
            for item in record.utterances:
                if _audible(item):
                    await self._until_idle()
                    lines += await self._again(record, item)
            extra = {DETAIL_KEY: {"engine": self._ears.name, "lines": lines}}
            scrubbed = without_name(json.dumps(extra, ensure_ascii=False), record.callee_name)
            await self._archive.annotate_call(record.call_id, json.loads(scrubbed))
        except (OSError, EOFError, ValueError, wave.Error, EngineError, StorageError) as error:
            _LOG.warning("second_pass_failed", call_id=record.call_id, error=type(error).__name__)

    async def _until_idle(self) -> None:
        while not self._idle():
            await self._clock.sleep_ms(_BUSY_MS)

    async def _again(self, record: CallRecord, item: Utterance) -> list[dict[str, Any]]:
        audio = resident_audio(self._folder / record.recording, item)
        text, confidence = "", 0.0
        async for transcript in self._ears.recognizer.transcribe(_frames(audio)):
            text, confidence = transcript.text.strip(), transcript.confidence
        if not bare(text) or bare(text) == bare(item.text):
            return []
        return [{"start_ms": item.start_ms, "text": text, "confidence": round(confidence, 3)}]


def _audible(item: Utterance) -> bool:
    return item.speaker == "resident" and item.end_ms > item.start_ms


def resident_audio(path: Path, item: Utterance) -> bytes:
    """Cut an utterance of the resident (left channel) out. Raises ``OSError``, ``wave.Error``."""
    with wave.open(str(path), "rb") as source:
        if (source.getframerate(), source.getnchannels(), source.getsampwidth()) != (CALL_RATE_HZ, 2, 2):
            raise wave.Error("not a recording of ours")
        first = max(0, item.start_ms - _BEFORE_MS) * CALL_RATE_HZ // 1000
        last = min(source.getnframes(), (item.end_ms + _AFTER_MS) * CALL_RATE_HZ // 1000)
        if first >= last:
            return b""
        source.setpos(first)
        both = np.frombuffer(source.readframes(last - first), "<i2").reshape(-1, 2)
    return both[:, 0].tobytes()


async def _frames(audio: bytes) -> AsyncIterator[AudioFrame]:
    for frame in pcm.to_frames(audio):
        yield frame
