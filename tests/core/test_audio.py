"""The loudness of a recording."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import pytest

from core.audio import Peaks, peaks
from core.errors import BadInput, StorageError


def _write(path: Path, frames: list[tuple[int, ...]], width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(frames[0]) if frames else 2)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack(f"<{len(frame)}h", *frame) for frame in frames))
    return path


def test_each_slice_shows_its_loudest_sample(tmp_path: Path) -> None:
    """Lanes are measured apart, and the lowest sample counts like the highest."""
    frames = [(0, 0)] * 400 + [(-32768, 0)] + [(0, 0)] * 399 + [(0, 16384)] * 800
    found = peaks(_write(tmp_path / "a.wav", frames), buckets=2)

    assert found == Peaks(200, ((100, 0), (0, 50)))


def test_short_and_empty_recordings_have_a_shape(tmp_path: Path) -> None:
    """Fewer samples than slices give one value a sample; no sample gives none."""
    assert peaks(_write(tmp_path / "a.wav", [(32767,)] * 3), buckets=10).lanes == ((100, 100, 100),)
    assert peaks(_write(tmp_path / "b.wav", [])) == Peaks(0, ((), ()))


def test_truncated_recording_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    """A file cut off by a crash keeps its beginning."""
    path = _write(tmp_path / "a.wav", [(1000, 1000)] * 8000)
    path.write_bytes(path.read_bytes()[: 44 + 4 * 4000 + 3])

    assert peaks(path).duration_ms == 500


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """Other bytes, other widths and missing files have their own errors."""
    (tmp_path / "a.wav").write_bytes(b"not a recording")
    with pytest.raises(BadInput):
        peaks(tmp_path / "a.wav")
    with pytest.raises(BadInput, match="16-bit"):
        peaks(_write(tmp_path / "b.wav", [(0, 0)], width=1))
    with pytest.raises(StorageError):
        peaks(tmp_path / "missing.wav")
