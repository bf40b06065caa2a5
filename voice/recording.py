"""Recordings: both legs on one time line, on disk while the call runs.

8 kHz, 16-bit, stereo WAV; left is the resident, right is the bot as it was really sent. The
header is brought up to date about once a second, so that a killed worker leaves a playable file.
"""

from __future__ import annotations

import shutil
import struct
from io import BufferedRandom
from pathlib import Path

import numpy as np

from core.errors import BadInput, EngineError, StorageError
from core.logs import get_log
from core.types import AudioFrame
from voice.interfaces import CALL_RATE_HZ, FRAME_MS

_log = get_log("recording")

_HEADER = 44
_CHANNELS = 2
_BLOCK = 2 * _CHANNELS
_SAMPLES = CALL_RATE_HZ * FRAME_MS // 1000
_SILENCE = bytes(_SAMPLES * 2)
_FLUSH_BYTES = CALL_RATE_HZ * _BLOCK  # one second
_LONGEST_GAP = 60_000 // FRAME_MS  # frames; a larger jump is a mistake, not a pause

FORMATS = ("mp3", "ogg")


class CallRecorder:
    """An ``AudioTap`` that writes a WAV file: ``call.tap = recorder``, and ``close`` at the end.

    The recording starts with the first frame heard; ``offset_ms`` converts a call's times. When
    the disk fails in mid-call the call goes on: ``failed`` says so.
    """

    def __init__(self, path: Path) -> None:
        """Create the file and its folder. Raises ``StorageError``."""
        self.path = path
        self.failed = False
        self.origin_ms: int | None = None
        self._slot = 0
        self._left = self._right = _SILENCE
        self._waiting = bytearray()
        self._written = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BufferedRandom | None = path.open("w+b")
            self._file.write(_header(0))
            self._file.flush()
        except OSError as error:
            raise StorageError(f"a recording cannot be created ({type(error).__name__})") from error

    @property
    def duration_ms(self) -> int:
        """How much has been recorded."""
        return (self._written + len(self._waiting)) * 1000 // (_BLOCK * CALL_RATE_HZ)

    def offset_ms(self, at_ms: int) -> int:
        """Convert a time of the call (``AudioFrame.at_ms``) to an offset into the recording."""
        return max(0, at_ms - (self.origin_ms or 0))

    def heard(self, frame: AudioFrame) -> None:
        """Take a frame of the resident."""
        if self._advance(frame):
            self._left = _fit(frame.pcm)

    def sent(self, frame: AudioFrame) -> None:
        """Take a frame of the bot that has just left."""
        if self._advance(frame):
            self._right = _fit(frame.pcm)

    def close(self) -> None:
        """Write the rest and the final header. Harmless when repeated."""
        if self._file is None:
            return
        if self.origin_ms is not None:
            self._push()
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _advance(self, frame: AudioFrame) -> bool:
        """Move on to the frame's place; ``False`` when that has already been written."""
        if self._file is None:
            return False
        if frame.rate_hz != CALL_RATE_HZ:
            raise BadInput(f"a recording holds {CALL_RATE_HZ} Hz, not {frame.rate_hz} Hz")
        if self.origin_ms is None:
            self.origin_ms = frame.at_ms
        slot = round((frame.at_ms - self.origin_ms) / FRAME_MS)
        if not self._slot <= slot <= self._slot + _LONGEST_GAP:
            return False
        while self._slot < slot:
            self._push()
            self._slot += 1
        return True

    def _push(self) -> None:
        both = np.empty((_SAMPLES, _CHANNELS), dtype="<i2")
        both[:, 0] = np.frombuffer(self._left, dtype="<i2")
        both[:, 1] = np.frombuffer(self._right, dtype="<i2")
        self._waiting += both.tobytes()
        self._left = self._right = _SILENCE
        if len(self._waiting) >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._file is None:
            return
        try:
            self._file.seek(_HEADER + self._written)
            self._file.write(self._waiting)
            self._written += len(self._waiting)
            self._waiting.clear()
            self._file.seek(0)
            self._file.write(_header(self._written))
            self._file.flush()
        except OSError as error:
            self.failed = True
            _log.error("recording_failed", error=type(error).__name__)
            file, self._file = self._file, None
            _abandon(file)


def repair(path: Path) -> int:
    """Make a recording's header agree with its bytes; return its length in ms.

    Raises:
        BadInput: the file is not one of our recordings.
        StorageError: it cannot be read or written.
    """
    try:
        with path.open("r+b") as file:
            head = file.read(_HEADER)
            if len(head) < _HEADER or head[:4] != b"RIFF" or head[20:36] != _header(0)[20:36]:
                raise BadInput("not a recording of a call")
            size = path.stat().st_size - _HEADER
            size -= size % _BLOCK
            file.truncate(_HEADER + size)
            file.seek(0)
            file.write(_header(size))
    except OSError as error:
        raise StorageError(f"a recording cannot be repaired ({type(error).__name__})") from error
    return size * 1000 // (_BLOCK * CALL_RATE_HZ)


def export_recording(path: Path, fmt: str) -> Path:
    """Write a listening copy beside a recording and return its path; blocks for about a second.

    Raises:
        BadInput: the format is none of ``FORMATS``, or the file is no recording.
        EngineError: ffmpeg is missing or failed.
        StorageError: a file cannot be read or written.
    """
    if fmt not in FORMATS:
        raise BadInput(f"a recording can be exported as {' or '.join(FORMATS)}")
    if shutil.which("ffmpeg") is None:
        raise EngineError("ffmpeg is missing", hint="install the package ffmpeg, or listen to the WAV file")
    from pydub import AudioSegment
    from pydub.exceptions import CouldntDecodeError, CouldntEncodeError

    target = path.with_suffix(f".{fmt}")
    try:
        AudioSegment.from_wav(str(path)).export(str(target), format=fmt).close()
    except CouldntDecodeError as error:
        raise BadInput("not a recording of a call") from error
    except CouldntEncodeError as error:
        raise EngineError(f"ffmpeg cannot write {fmt}", hint="install a complete ffmpeg") from error
    except OSError as error:
        raise StorageError(f"a recording cannot be exported ({type(error).__name__})") from error
    return target


def _fit(pcm: bytes) -> bytes:
    size = len(_SILENCE)
    return pcm[:size] + bytes(size - min(len(pcm), size))


def _header(size: int) -> bytes:
    byte_rate = CALL_RATE_HZ * _BLOCK
    head = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, _CHANNELS, CALL_RATE_HZ, byte_rate, _BLOCK, 16)
    return head + form + struct.pack("<4sI", b"data", size)


def _abandon(file: BufferedRandom) -> None:
    try:
        file.close()
    except OSError:
        return
