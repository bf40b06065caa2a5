"""Streaming recognition by Vosk (Kaldi): partial text while the speaker talks, a time for each word."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import EngineError, ModelError
from core.types import AudioFrame, Transcript
from voice.catalogue import fetch_hint
from voice.engines import guards

MODEL_NAME = "vosk-small-cn-0.22"
_RATE_HZ = 16_000
# Kaldi works in chunks; 100 ms keeps partial text fresh at a fifth of the calls.
_CHUNK_MS = 100
_HAN_GAP = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")


@dataclass(slots=True)
class _Progress:
    """What was recognised so far; word times are seconds from the utterance's first frame."""

    texts: list[str] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)

    def add(self, result: str) -> None:
        found = json.loads(result)
        if found.get("text"):
            self.texts.append(found["text"])
            self.words += found.get("result", [])

    def text(self, partial: str = "") -> str:
        return _HAN_GAP.sub("", " ".join([*self.texts, partial])).strip()


class VoskRecognizer:
    """``voice.interfaces.Recognizer``; the model is shared, every utterance has its own decoder.

    ``grammar`` restricts what can be heard to these phrases, where the model's graph allows it.
    Hints are not used: a Kaldi graph cannot be biased per utterance without one.
    """

    streaming = True

    def __init__(self, model_dir: Path, *, grammar: Sequence[str] = (), workers: int = 2) -> None:
        _check(model_dir)
        try:
            import vosk

            vosk.SetLogLevel(-1)
            self._vosk: Any = vosk
            self._model: Any = vosk.Model(str(model_dir))
        except Exception as error:  # the edge to Vosk, which raises a bare Exception
            raise ModelError(
                f"the Vosk model cannot be loaded ({type(error).__name__})", hint=fetch_hint(MODEL_NAME)
            ) from error
        self._grammar = json.dumps([*grammar, "[unk]"], ensure_ascii=False) if grammar else ""
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="vosk")

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``voice.interfaces.Recognizer``."""
        loop = asyncio.get_running_loop()
        decoder, progress = self._decoder(), _Progress()
        resampler: Any = None
        waiting, waiting_ms, start, end, shown = bytearray(), 0.0, 0, 0.0, ""
        first = True
        async for frame in frames:
            if first:
                start, first = frame.at_ms, False
                resampler = _resampler(frame.rate_hz)
            end = frame.at_ms + frame.duration_ms
            waiting += frame.pcm
            waiting_ms += frame.duration_ms
            if waiting_ms < _CHUNK_MS:
                continue
            audio, waiting, waiting_ms = bytes(waiting), bytearray(), 0.0
            text = await loop.run_in_executor(self._pool, _accept, decoder, progress, resampler, audio)
            if text and text != shown:
                shown = text
                yield Transcript(text, False, 0.5, start, round(end))
        if resampler is None:
            yield Transcript("", True, 0.0, 0, 0)
            return
        await loop.run_in_executor(self._pool, _finish, decoder, progress, resampler, bytes(waiting))
        yield _final(progress, start, round(end))

    def close(self) -> None:
        """Let the worker threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _decoder(self) -> Any:
        arguments = (self._model, _RATE_HZ, self._grammar) if self._grammar else (self._model, _RATE_HZ)
        decoder = self._vosk.KaldiRecognizer(*arguments)
        decoder.SetWords(True)
        return decoder


def _check(model_dir: Path) -> None:
    """Refuse what libvosk would end the process over."""
    missing = [
        name
        for name, pattern in (
            ("acoustic model", "**/final.mdl"),
            ("settings", "**/mfcc.conf"),
            ("graph", "**/*.fst"),
        )
        if not any(path.stat().st_size for path in model_dir.glob(pattern))
    ]
    if missing:
        raise ModelError("the Vosk model lacks its " + ", ".join(missing), hint=fetch_hint(MODEL_NAME))


def _resampler(rate_hz: int) -> Any:
    import soxr

    return soxr.ResampleStream(rate_hz, _RATE_HZ, 1, dtype="int16")


def _accept(decoder: Any, progress: _Progress, resampler: Any, audio: bytes) -> str:
    """Feed a chunk; return all text so far."""
    _feed(decoder, progress, resampler, audio, last=False)
    partial = str(json.loads(decoder.PartialResult()).get("partial", ""))
    return progress.text(partial)


def _feed(decoder: Any, progress: _Progress, resampler: Any, audio: bytes, *, last: bool) -> None:
    wide = resampler.resample_chunk(np.frombuffer(audio, "<i2"), last=last)
    try:
        if wide.size and decoder.AcceptWaveform(wide.tobytes()):
            progress.add(decoder.Result())
    except Exception as error:  # the edge to Vosk, which raises a bare Exception
        raise EngineError("Vosk could not process the audio") from error


def _finish(decoder: Any, progress: _Progress, resampler: Any, audio: bytes) -> None:
    _feed(decoder, progress, resampler, audio, last=True)
    progress.add(decoder.FinalResult())


def _final(progress: _Progress, start: int, end: int) -> Transcript:
    text = guards.tidy(progress.text().replace("[unk]", ""))
    if not text:
        return Transcript("", True, 0.0, start, end)
    known = [word for word in progress.words if word.get("word") != "[unk]"]
    confidence = sum(float(word.get("conf", 1.0)) for word in known) / len(known) if known else 0.5
    if known:
        end = start + round(known[-1]["end"] * 1000)
        start += round(known[0]["start"] * 1000)
    return Transcript(text, True, round(min(max(confidence, 0.0), 1.0), 3), start, end)
