"""Recordings: both legs in their place, playable after a crash, exported for listening."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from core.audio import peaks
from core.errors import BadInput, EngineError, StorageError
from core.types import AudioFrame
from tests.voice.transport.sounds import ms_of, tone
from voice.recording import CallRecorder, export_recording, repair

LEFT_HZ, RIGHT_HZ = 700, 1100
SILENCE = bytes(320)


def lanes(path: Path) -> tuple[list[AudioFrame], list[AudioFrame]]:
    with wave.open(str(path)) as source:
        assert (source.getnchannels(), source.getframerate(), source.getsampwidth()) == (2, 8000, 2)
        data = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2").reshape(-1, 2)
    both = [
        [AudioFrame(data[i : i + 160, lane].tobytes(), 8000, i // 8) for i in range(0, len(data), 160)]
        for lane in (0, 1)
    ]
    return both[0], both[1]


def record(path: Path, ms: int = 3000) -> CallRecorder:
    """A resident who hums all the time; the bot speaks from 1.0 s to 1.5 s. Not closed."""
    recorder = CallRecorder(path)
    bot = iter(tone(RIGHT_HZ, 500))
    for frame in tone(LEFT_HZ, ms):
        at_ms = 5000 + frame.at_ms
        recorder.heard(AudioFrame(frame.pcm, 8000, at_ms))
        if 1000 <= frame.at_ms < 1500:
            recorder.sent(AudioFrame(next(bot).pcm, 8000, at_ms))
    return recorder


def test_both_legs_lie_on_one_time_line(tmp_path: Path) -> None:
    """Left is the resident, right the bot, each where it sounded; offsets count from the start."""
    recorder = record(tmp_path / "20261123" / "call.wav")
    recorder.close()
    recorder.close()
    left, right = lanes(recorder.path)
    assert ms_of(left, LEFT_HZ) == len(left) * 20 == recorder.duration_ms == 3000
    spoken = [frame.at_ms for frame in right if ms_of([frame], RIGHT_HZ)]
    assert (spoken[0], spoken[-1], len(spoken)) == (1000, 1480, 25)
    assert (recorder.offset_ms(5000), recorder.offset_ms(6234), recorder.offset_ms(0)) == (0, 1234, 0)
    drawn = peaks(recorder.path, buckets=30)
    assert drawn.duration_ms == 3000
    assert [value > 0 for value in drawn.lanes[1]] == [10 <= bucket < 15 for bucket in range(30)]


def test_a_gap_in_the_frames_becomes_silence(tmp_path: Path) -> None:
    """What comes late or twice does not move what follows."""
    recorder = CallRecorder(tmp_path / "call.wav")
    sound = tone(LEFT_HZ, 100)
    for at_ms in (0, 20, 200, 40, 220):
        recorder.heard(AudioFrame(sound[0].pcm, 8000, at_ms))
    recorder.heard(AudioFrame(sound[0].pcm, 8000, 99_000_000))
    recorder.close()
    left, _ = lanes(recorder.path)
    assert [frame.at_ms for frame in left if frame.pcm != SILENCE] == [0, 20, 200, 220]


def test_a_call_without_audio_gives_an_empty_recording(tmp_path: Path) -> None:
    """Nothing heard, nothing sent: a valid file of no length."""
    recorder = CallRecorder(tmp_path / "call.wav")
    recorder.close()
    assert lanes(recorder.path) == ([], [])
    assert repair(recorder.path) == 0


def test_a_killed_worker_leaves_a_playable_recording(tmp_path: Path) -> None:
    """SIGKILL in mid-call costs at most the last second, without any repair."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.voice.test_recording import record\n"
        "record(Path(sys.argv[1]), 5500)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "call.wav"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert done.returncode == -signal.SIGKILL
    left, right = lanes(path)
    assert 4500 <= len(left) * 20 <= 5500
    assert ms_of(left, LEFT_HZ) == len(left) * 20
    assert ms_of(right, RIGHT_HZ) == 500


def test_repair_takes_the_bytes_at_their_word(tmp_path: Path) -> None:
    """A header that is behind or ahead, and half a sample at the end, are put right."""
    recorder = record(tmp_path / "call.wav")
    recorder.close()
    whole = recorder.path.read_bytes()
    for size, tail, expected in ((0, b"", 3000), (2**32 - 1, b"", 3000), (4000, b"\x01\x02\x03", 3000)):
        head = whole[:40] + size.to_bytes(4, "little")
        recorder.path.write_bytes(head + whole[44:] + tail)
        assert repair(recorder.path) == expected
        assert recorder.path.read_bytes() == whole
    recorder.path.write_bytes(whole[: 44 + 8000 * 4])
    assert repair(recorder.path) == 1000
    assert len(lanes(recorder.path)[0]) == 50


@pytest.mark.parametrize("content", [b"", b"RIFF", b"x" * 100])
def test_repair_refuses_what_is_no_recording(tmp_path: Path, content: bytes) -> None:
    """And does not touch it."""
    path = tmp_path / "other.wav"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        repair(path)
    assert path.read_bytes() == content


def test_a_full_disk_ends_the_recording_but_not_the_call(tmp_path: Path) -> None:
    """``failed`` says so; what was written stays playable, later frames are accepted and dropped."""
    path = tmp_path / "call.wav"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        recorder = record(path, 6000)
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert recorder.failed
    assert repair(path) >= 2000
    assert ms_of(lanes(path)[0], LEFT_HZ) >= 2000


def test_a_recording_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    """The folder is a file: StorageError, at once."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageError):
        CallRecorder(tmp_path / "file" / "call.wav")


def test_another_rate_is_refused(tmp_path: Path) -> None:
    """A recording holds telephone audio."""
    recorder = CallRecorder(tmp_path / "call.wav")
    with pytest.raises(BadInput, match="8000"):
        recorder.heard(AudioFrame(bytes(640), 16000))
    recorder.close()


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("fmt", ["mp3", "ogg"])
def test_export_keeps_both_channels(tmp_path: Path, fmt: str) -> None:
    """The listening copy is stereo, as long as the recording, and sounds like it."""
    recorder = record(tmp_path / "call.wav")
    recorder.close()
    copy = export_recording(recorder.path, fmt)
    assert copy == tmp_path / f"call.{fmt}"
    back = tmp_path / "back.wav"
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg is not None, "ffmpeg is missing: make setup installs it"
    subprocess.run([ffmpeg, "-loglevel", "error", "-i", str(copy), "-ar", "8000", str(back)], check=True)
    left, right = lanes(back)
    assert 2900 <= len(left) * 20 <= 3200
    assert ms_of(left, LEFT_HZ) >= 2700
    assert 400 <= ms_of(right, RIGHT_HZ) <= 600


def test_export_without_ffmpeg_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing program and the cure; other formats are refused."""
    recorder = record(tmp_path / "call.wav", 200)
    recorder.close()
    with pytest.raises(BadInput, match="mp3 or ogg"):
        export_recording(recorder.path, "exe")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="ffmpeg is missing") as caught:
        export_recording(recorder.path, "mp3")
    assert "install" in caught.value.hint
