"""Recognition by Whisper (faster-whisper, int8 on the processor), one utterance at a time.

Whisper was trained on windows of 30 s and its encoder's cost grows with the window, not with the
speech in it. Telephone answers last 1-5 s, so the window is cut to the speech plus
``_PADDING_S`` of silence: on 2 cores that takes 0.3 s instead of 0.8 s with the same characters
(``docs/benchmarks.md``). A shorter padding makes the decoder repeat itself; whenever it does, the
utterance is decoded once more in the full window.
"""

from __future__ import annotations

import asyncio
import copy
import math
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import EngineError, ModelError
from core.types import AudioFrame, Transcript
from voice.catalogue import fetch_hint
from voice.engines import guards, pcm

_RATE_HZ = 16_000
_HOP = 160
_FULL_WINDOW = 3000  # mel frames of 10 ms
_PADDING_S = 8.0
_CAREFUL_BEAM = 10
_MIN_SPEECH_MS = 120
_SILENCE_DBOV = -62.0
_MAX_NEW_TOKENS = 96
_MAX_PROMPT_TOKENS = 120
_NO_SPEECH = 0.6
_PROMPT_DOUBT = 0.3
_DOUBTFUL_LOGPROB = -1.0
_HOPELESS_LOGPROB = -1.8
_UNWANTED = re.compile(r"[\uff10-\uff19a-z]")


@dataclass(frozen=True, slots=True)
class _Decoded:
    text: str
    logprob: float
    no_speech: float


class WhisperRecognizer:
    """``voice.interfaces.Recognizer``; the model is shared, calls queue for ``workers`` threads."""

    streaming = False

    def __init__(
        self, model_dir: Path, *, threads: int = 2, workers: int = 1, beam: int = 5, timeout_s: float = 20.0
    ) -> None:
        self._beam = beam
        self._padding_s = _PADDING_S
        self._timeout_s = timeout_s
        self._load(model_dir, threads, workers)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="whisper")

    def _load(self, model_dir: Path, threads: int, workers: int) -> None:
        try:
            from faster_whisper import WhisperModel
            from faster_whisper.tokenizer import Tokenizer

            self._whisper = WhisperModel(
                str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=workers
            )
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"the Whisper model cannot be loaded ({type(error).__name__})",
                hint=fetch_hint("whisper-base"),
            ) from error
        self._tokens: Any = Tokenizer(
            self._whisper.hf_tokenizer, multilingual=True, task="transcribe", language="zh"
        )
        # Full-width digits are what it writes for a pause; English words are what it makes of a
        # short "喂，你好". Capitals stay: CAD and AI are things people say.
        decode = self._whisper.hf_tokenizer.decode
        unwanted = {
            number
            for number in self._whisper.hf_tokenizer.get_vocab().values()
            if number < self._tokens.eot and _UNWANTED.search(decode([number]))
        }
        self._suppressed = sorted({*self._tokens.non_speech_tokens, *unwanted})

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``voice.interfaces.Recognizer``: one final transcript per utterance."""
        heard = await pcm.collect(frames)
        duration_ms = heard.end_ms - heard.start_ms
        if duration_ms < _MIN_SPEECH_MS or pcm.level_dbov(heard.samples) < _SILENCE_DBOV:
            yield Transcript("", True, 0.0, heard.start_ms, heard.end_ms)
            return
        loop = asyncio.get_running_loop()
        try:
            text, confidence = await asyncio.wait_for(
                loop.run_in_executor(self._pool, self._recognise, heard, hints), self._timeout_s
            )
        except TimeoutError as error:
            raise EngineError(f"Whisper did not finish within {self._timeout_s:g} s") from error
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"Whisper failed ({type(error).__name__})") from error
        yield Transcript(text, True, confidence, heard.start_ms, heard.end_ms)

    def careful(self) -> WhisperRecognizer:
        """Return the same model without haste: a wider search, in the window it was trained on."""
        other = copy.copy(self)
        other._beam = _CAREFUL_BEAM
        other._padding_s = _FULL_WINDOW / 100
        return other

    def close(self) -> None:
        """Let the worker threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _recognise(self, heard: pcm.Heard, hints: tuple[str, ...]) -> tuple[str, float]:
        samples = pcm.resample(heard.samples, heard.rate_hz, _RATE_HZ)
        features = self._whisper.feature_extractor(samples)
        speech_ms = heard.end_ms - heard.start_ms
        window = min(_FULL_WINDOW, round(samples.size / _HOP + self._padding_s * 100) // 2 * 2)
        best = self._decode(features, window, hints)
        # Over noise it recites the prompt with confidence; its doubt that anybody spoke gives it away.
        if hints and (best.no_speech > _PROMPT_DOUBT or guards.is_echo(best.text, hints)):
            best = self._decode(features, window, ())
        if guards.is_looping(best.text) or guards.is_too_fast(best.text, speech_ms):
            best = self._decode(features, _FULL_WINDOW, ())
        return self._judge(best, speech_ms)

    def _decode(self, features: Any, window: int, hints: tuple[str, ...]) -> _Decoded:
        encoded = self._whisper.encode(_fit(features, window))
        words = " " + "、".join(hints) + "。" if hints else ""
        prompt_tokens = self._tokens.encode(words)[:_MAX_PROMPT_TOKENS] if hints else []
        prompt = self._whisper.get_prompt(self._tokens, prompt_tokens, without_timestamps=True)
        result = self._whisper.model.generate(
            encoded,
            [prompt],
            beam_size=self._beam,
            max_length=len(prompt) + _MAX_NEW_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1, *self._suppressed],
        )[0]
        text = guards.tidy(self._tokens.decode(result.sequences_ids[0]))
        return _Decoded(text, float(result.scores[0]), float(result.no_speech_prob))

    def _judge(self, decoded: _Decoded, speech_ms: int) -> tuple[str, float]:
        text = guards.collapse_loops(decoded.text)
        if not guards.bare(text) or guards.is_invented(text):
            return "", 0.0
        silent = decoded.no_speech > _NO_SPEECH and decoded.logprob < _DOUBTFUL_LOGPROB
        if silent or decoded.logprob < _HOPELESS_LOGPROB:
            return "", 0.0
        confidence = math.exp(min(decoded.logprob, 0.0)) * (1.0 - decoded.no_speech / 2)
        if text != decoded.text or guards.is_too_fast(text, speech_ms):
            confidence /= 2
        return text, round(min(max(confidence, 0.0), 1.0), 3)


def _fit(features: Any, window: int) -> Any:
    """Cut or pad the mel frames to ``window``, padding with the quietest value there is."""
    missing = window - features.shape[1]
    if missing > 0:
        features = np.pad(features, ((0, 0), (0, missing)), constant_values=features.min())
    return np.ascontiguousarray(features[:, :window])
