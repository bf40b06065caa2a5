"""Pure: what a telephone line and a street make of speech. Samples are floats in -1 … 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.types import AudioFrame
from voice.engines.pcm import FRAME_BYTES, Samples, from_pcm, level_dbov, resample, to_frames, to_pcm
from voice.interfaces import CALL_RATE_HZ, FRAME_MS
from voice.transport.jitter import JitterBuffer

CODECS = ("none", "pcm8k", "alaw8k")
_FRAME_SAMPLES = CALL_RATE_HZ * FRAME_MS // 1000
_A = 87.6
# Speech is heard within this of the loudest stretch; its level is measured there (compare ITU-T P.56).
_ACTIVE_DB = 30.0
_WINDOW_S = 0.02


@dataclass(frozen=True, slots=True)
class Line:
    """One condition. ``loss`` is the share of 20 ms packets that never arrive; ``noise_db`` the
    signal-to-noise ratio in dB of street-like (pink) noise, ``None`` for none."""

    codec: str = "none"
    loss: float = 0.0
    noise_db: float | None = None

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise BadInput(f"codec {self.codec!r} is not known", hint="one of " + ", ".join(CODECS))
        if not 0 <= self.loss <= 0.5:
            raise BadInput("loss must lie between 0 and 0.5")
        if self.noise_db is not None and not -10 <= self.noise_db <= 60:
            raise BadInput("noise_db must lie between -10 and 60")
        if self.loss and self.codec == "none":
            raise BadInput("packets are lost on a line only", hint="add --codec alaw8k")

    def __str__(self) -> str:
        noise = "" if self.noise_db is None else f", noise {self.noise_db:g} dB"
        return f"{self.codec}, loss {self.loss:g}{noise}"


def carry(samples: Samples, rate_hz: int, line: Line, seed: int) -> Samples:
    """Return what arrives of ``samples`` at the same rate; the same seed gives the same damage."""
    dice = np.random.default_rng(seed)
    noisy = samples if line.noise_db is None else with_noise(samples, rate_hz, line.noise_db, dice)
    if line.codec == "none":
        return noisy
    frames = list(to_frames(to_pcm(resample(noisy, rate_hz, CALL_RATE_HZ))))
    if line.codec == "alaw8k":
        frames = [over_a_law(frame) for frame in frames]
    return resample(from_pcm(_received(frames, line.loss, dice)), CALL_RATE_HZ, rate_hz)


def with_noise(samples: Samples, rate_hz: int, snr_db: float, dice: np.random.Generator) -> Samples:
    """Add pink noise ``snr_db`` below the level of the speech itself, pauses not counted."""
    if samples.size == 0:
        return samples
    noise = pink(samples.size, rate_hz, dice)
    wanted_db = _speech_level(samples, rate_hz) - snr_db
    gain = 10 ** ((wanted_db - level_dbov(noise)) / 20)
    mixed: Samples = np.clip(samples + gain * noise, -1.0, 1.0).astype(np.float32)
    return mixed


def pink(size: int, rate_hz: int, dice: np.random.Generator) -> Samples:
    """Return noise whose power falls by 3 dB an octave from 50 Hz on, at no particular level."""
    spectrum = np.fft.rfft(dice.standard_normal(size))
    bins = np.fft.rfftfreq(size, 1 / rate_hz)
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(bins, 50.0)), size).astype(np.float32)


def over_a_law(frame: AudioFrame) -> AudioFrame:
    """What is left of a frame after G.711 A-law (13 segments, 87.6), as on a telephone line."""
    samples = np.frombuffer(frame.pcm, "<i2").astype(np.float64) / 32768
    size = np.abs(samples)
    scale = 1 + np.log(_A)
    curved = np.where(size < 1 / _A, _A * size / scale, (1 + np.log(np.maximum(_A * size, 1))) / scale)
    steps = np.round(curved * 127) / 127
    back = np.where(steps < 1 / scale, steps * scale / _A, np.exp(steps * scale - 1) / _A)
    pcm = (np.clip(np.sign(samples) * back, -1, 1) * 32767).astype("<i2").tobytes()
    return AudioFrame(pcm, CALL_RATE_HZ, frame.at_ms)


def _received(frames: list[AudioFrame], loss: float, dice: np.random.Generator) -> bytes:
    """Drop frames, and play the rest through the buffer that calls have, concealment included."""
    if not loss:
        return b"".join(frame.pcm for frame in frames)
    buffer = JitterBuffer()
    lost = dice.random(len(frames)) < loss
    played = []
    for number, frame in enumerate(frames):
        if not lost[number]:
            buffer.put(number * _FRAME_SAMPLES, frame.pcm.ljust(FRAME_BYTES, b"\0"))
        played.append(buffer.tick())
    played += [buffer.tick() for _ in range(4)]  # what the buffer still holds
    return b"".join(played)


def _speech_level(samples: Samples, rate_hz: int) -> float:
    width = max(1, round(rate_hz * _WINDOW_S))
    whole = samples[: max(samples.size // width, 1) * width]
    energy = np.mean(np.square(np.resize(whole, (max(whole.size // width, 1), width))), axis=1)
    loud = energy[energy > energy.max() * 10 ** (-_ACTIVE_DB / 10)]
    return float(10 * np.log10(max(float(loud.mean()) if loud.size else 0.0, 1e-12)))
