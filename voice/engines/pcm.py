"""Small pure helpers for 16-bit mono audio: frames, levels, silence, resampling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.types import AudioFrame
from voice.interfaces import CALL_RATE_HZ, FRAME_MS

Samples = npt.NDArray[np.float32]
FRAME_BYTES = CALL_RATE_HZ * FRAME_MS // 1000 * 2
# Active speech level of a telephone talker (ITU-T P.56 recommends -26 dBov; a little more carries
# better over a handset held by somebody in the street) and the ceiling that keeps A-law clean.
SPEECH_LEVEL_DBOV = -22.0
PEAK = 0.7


@dataclass(frozen=True, slots=True)
class Heard:
    """One utterance's audio with its place on the call's time line (ms)."""

    samples: Samples
    rate_hz: int
    start_ms: int
    end_ms: int


async def collect(frames: AsyncIterator[AudioFrame]) -> Heard:
    """Gather an utterance's frames; an empty one has no samples."""
    chunks: list[bytes] = []
    start, end, rate = 0, 0.0, CALL_RATE_HZ
    async for frame in frames:
        if not chunks:
            start, rate = frame.at_ms, frame.rate_hz
        chunks.append(frame.pcm)
        end = frame.at_ms + frame.duration_ms
    return Heard(from_pcm(b"".join(chunks)), rate, start, round(end))


def from_pcm(pcm: bytes) -> Samples:
    """Turn 16-bit little-endian samples into floats in -1 … 1."""
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float32) / 32768


def to_pcm(samples: Samples) -> bytes:
    """Turn floats in -1 … 1 into 16-bit little-endian samples, clipping what lies outside."""
    return (np.clip(samples, -1.0, 32767 / 32768) * 32768).astype("<i2").tobytes()


def level_dbov(samples: Samples) -> float:
    """Root mean square in dB relative to full scale; silence is -120."""
    if samples.size == 0:
        return -120.0
    return float(10 * np.log10(max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-12)))


def resample(samples: Samples, from_hz: float, to_hz: float) -> Samples:
    """Change the sampling rate."""
    if from_hz == to_hz or samples.size == 0:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, from_hz, to_hz), dtype=np.float32)


def _loud_windows(samples: Samples, rate_hz: int, floor_db: float) -> npt.NDArray[np.bool_]:
    width = rate_hz // 100
    count = -(-samples.size // width)
    padded = np.zeros(count * width, np.float32)
    padded[: samples.size] = samples
    energy = np.mean(np.square(padded.reshape(count, width)), axis=1)
    peak = float(energy.max()) if count else 0.0
    loud: npt.NDArray[np.bool_] = energy > peak * 10 ** (floor_db / 10)
    return loud


def trim_silence(samples: Samples, rate_hz: int, *, keep_ms: int = 30, floor_db: float = -40.0) -> Samples:
    """Cut what is ``floor_db`` below the loudest 10 ms from both ends, keeping ``keep_ms``."""
    if samples.size == 0 or not np.any(samples):
        return samples[:0]
    loud = np.flatnonzero(_loud_windows(samples, rate_hz, floor_db))
    width, keep = rate_hz // 100, rate_hz * keep_ms // 1000
    start = max(int(loud[0]) * width - keep, 0)
    return samples[start : min((int(loud[-1]) + 1) * width + keep, samples.size)]


def normalise(samples: Samples, rate_hz: int, *, dbov: float = SPEECH_LEVEL_DBOV) -> Samples:
    """Bring the active speech (within 30 dB of the loudest 10 ms) to ``dbov``, peaks below ``PEAK``."""
    if samples.size == 0 or not np.any(samples):
        return samples
    loud = np.repeat(_loud_windows(samples, rate_hz, -30.0), rate_hz // 100)[: samples.size]
    gain = 10 ** ((dbov - level_dbov(samples[loud])) / 20)
    peak = float(np.abs(samples).max())
    scaled: Samples = (samples * min(gain, PEAK / peak)).astype(np.float32)
    return scaled


def stretch(samples: Samples, rate_hz: int, factor: float) -> Samples:
    """Say the same in ``factor`` times as long, at the same pitch.

    Overlap-add of 40 ms windows, each taken where it continues the one before best (WSOLA: Verhelst and
    Roelands, ICASSP 1993).
    """
    window = rate_hz // 25
    hop, reach = window // 2, rate_hz // 100
    if factor == 1.0 or samples.size < 3 * window:
        return samples
    fade = np.hanning(window).astype(np.float32)
    padded = np.concatenate([np.zeros(reach, np.float32), samples, np.zeros(window + reach, np.float32)])
    count = int(samples.size * factor) // hop
    out = np.zeros(count * hop + window, np.float32)
    weight = np.full(out.size, 1e-6, np.float32)
    expected = padded[reach : reach + window]
    for number in range(count):
        centre = min(int(number * hop / factor), samples.size - 1)
        around = padded[centre : centre + window + 2 * reach]
        alike = np.correlate(around, expected, mode="valid")
        start = centre + int(np.argmax(alike))
        out[number * hop : number * hop + window] += padded[start : start + window] * fade
        weight[number * hop : number * hop + window] += fade
        following = padded[start + hop : start + hop + window]
        expected = np.pad(following, (0, window - following.size))
    stretched: Samples = (out / weight)[: int(samples.size * factor)].astype(np.float32)
    return stretched


def to_frames(pcm: bytes, *, start_ms: int = 0) -> Iterator[AudioFrame]:
    """Cut call-rate audio into 20 ms frames; the last one is filled up with silence."""
    for index, offset in enumerate(range(0, len(pcm), FRAME_BYTES)):
        chunk = pcm[offset : offset + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        yield AudioFrame(chunk, CALL_RATE_HZ, start_ms + index * FRAME_MS)


def silence(duration_ms: int) -> bytes:
    """Return that much digital silence at the call's rate."""
    return b"\0" * (CALL_RATE_HZ * duration_ms // 1000 * 2)
