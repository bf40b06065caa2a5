"""Streaming recognition by sherpa-onnx: transducers and paraformers, Mandarin and Cantonese."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.errors import EngineError, ModelError
from core.types import AudioFrame, Transcript
from voice.catalogue import fetch_hint
from voice.engines import guards, pcm

MODEL_NAME = "sherpa-paraformer-yue"
_RATE_HZ = 16_000
_CHUNK_MS = 100
# The encoder looks ahead; without this tail the last syllable stays inside it.
_TAIL_S = 0.6


class SherpaRecognizer:
    """``voice.interfaces.Recognizer`` from a folder with ``tokens.txt`` and ONNX files.

    A folder with a joiner is a transducer, which also takes hints as hot words; one without is a
    paraformer. Quantised files are preferred.
    """

    streaming = True

    def __init__(self, model_dir: Path, *, threads: int = 2, workers: int = 1) -> None:
        self._transducer = bool(_file(model_dir, "joiner"))
        arguments = _arguments(model_dir, self._transducer)
        try:
            import sherpa_onnx

            kind = sherpa_onnx.OnlineRecognizer
            build = kind.from_transducer if self._transducer else kind.from_paraformer
            if self._transducer:
                arguments |= {"decoding_method": "modified_beam_search", "modeling_unit": "cjkchar"}
            self._recognizer: Any = build(
                **arguments, num_threads=threads, sample_rate=_RATE_HZ, feature_dim=80
            )
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"the sherpa-onnx model cannot be loaded ({type(error).__name__})",
                hint=fetch_hint(MODEL_NAME),
            ) from error
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="sherpa")

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``voice.interfaces.Recognizer``."""
        loop = asyncio.get_running_loop()
        stream = self._stream(hints)
        waiting, waiting_ms, start, end, rate, shown = bytearray(), 0.0, -1, 0.0, _RATE_HZ, ""
        async for frame in frames:
            if start < 0:
                start, rate = frame.at_ms, frame.rate_hz
            end = frame.at_ms + frame.duration_ms
            waiting += frame.pcm
            waiting_ms += frame.duration_ms
            if waiting_ms < _CHUNK_MS:
                continue
            audio, waiting, waiting_ms = bytes(waiting), bytearray(), 0.0
            text = await loop.run_in_executor(self._pool, self._accept, stream, audio, rate)
            if text and text != shown:
                shown = text
                yield Transcript(text, False, 0.5, start, round(end))
        if start < 0:
            yield Transcript("", True, 0.0, 0, 0)
            return
        text, confidence = await loop.run_in_executor(self._pool, self._finish, stream, bytes(waiting), rate)
        yield Transcript(text, True, confidence, start, round(end))

    def close(self) -> None:
        """Let the worker threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _stream(self, hints: tuple[str, ...]) -> Any:
        if hints and self._transducer:
            return self._recognizer.create_stream(hotwords="/".join(hints))
        return self._recognizer.create_stream()

    def _accept(self, stream: Any, audio: bytes, rate_hz: int) -> str:
        # sherpa-onnx resamples by itself, keeping its filter's state in the stream.
        try:
            stream.accept_waveform(rate_hz, pcm.from_pcm(audio))
            return self._drain(stream)
        except RuntimeError as error:
            raise EngineError("sherpa-onnx could not process the audio") from error

    def _finish(self, stream: Any, audio: bytes, rate_hz: int) -> tuple[str, float]:
        self._accept(stream, audio + bytes(int(_TAIL_S * rate_hz) * 2), rate_hz)
        stream.input_finished()
        text = self._drain(stream)
        if not text:
            return "", 0.0
        scores = list(self._recognizer.ys_probs(stream)) if self._transducer else []
        confidence = math.exp(sum(scores) / len(scores)) if scores else 0.7
        return text, round(min(max(confidence, 0.0), 1.0), 3)

    def _drain(self, stream: Any) -> str:
        while self._recognizer.is_ready(stream):
            self._recognizer.decode_stream(stream)
        return guards.tidy(str(self._recognizer.get_result(stream)))


def _file(model_dir: Path, stem: str) -> Path | None:
    found = sorted(model_dir.glob(f"{stem}*.onnx"), key=lambda path: (".int8" not in path.name, path.name))
    return found[0] if found else None


def _arguments(model_dir: Path, transducer: bool) -> dict[str, Any]:
    wanted = ("encoder", "decoder", "joiner") if transducer else ("encoder", "decoder")
    files = {stem: _file(model_dir, stem) for stem in wanted}
    tokens = model_dir / "tokens.txt"
    missing = [stem for stem, path in files.items() if path is None]
    missing += [] if tokens.is_file() else ["tokens.txt"]
    if missing:
        raise ModelError("the sherpa-onnx model lacks its " + ", ".join(missing), hint=fetch_hint(MODEL_NAME))
    return {"tokens": str(tokens)} | {stem: str(path) for stem, path in files.items()}
