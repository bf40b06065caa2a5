"""What several packages need to know about a recording, read from its WAV bytes alone."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BadInput, StorageError

_FULL_SCALE = 32768


@dataclass(frozen=True, slots=True)
class Peaks:
    """Loudest sample per slice of time, one row per audio channel, each value 0-100.

    ``lanes[0]`` is the left channel (the resident), ``lanes[1]`` the right one (the bot).
    """

    duration_ms: int
    lanes: tuple[tuple[int, ...], ...]


def peaks(path: Path, buckets: int = 1200) -> Peaks:
    """Measure a 16-bit WAV file in at most ``buckets`` slices.

    Raises:
        BadInput: the file is not a 16-bit PCM WAV.
        StorageError: the file cannot be read.
    """
    try:
        with wave.open(str(path), "rb") as source:
            if source.getsampwidth() != 2:
                raise BadInput("a recording must hold 16-bit samples")
            channels, rate, count = source.getnchannels(), source.getframerate(), source.getnframes()
            data = source.readframes(count)
    except (wave.Error, EOFError) as error:
        raise BadInput("not a readable WAV file") from error
    except OSError as error:
        raise StorageError(f"a recording cannot be read ({type(error).__name__})") from error
    whole = len(data) - len(data) % (2 * channels)
    samples = np.frombuffer(data[:whole], dtype="<i2").reshape(-1, channels)
    # A crashed writer leaves a header that promises more than the file holds: trust the samples.
    duration_ms = round(samples.shape[0] * 1000 / rate)
    if samples.shape[0] == 0 or buckets < 1:
        return Peaks(duration_ms, tuple(() for _ in range(channels)))
    edges = np.linspace(0, samples.shape[0], min(buckets, samples.shape[0]), endpoint=False, dtype=np.int64)
    loudest = np.maximum.reduceat(np.abs(samples.astype(np.int32)), edges, axis=0)
    scaled = np.ceil(loudest * 100 / _FULL_SCALE).astype(int)
    return Peaks(duration_ms, tuple(tuple(int(v) for v in scaled[:, lane]) for lane in range(channels)))
