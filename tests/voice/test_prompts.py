"""The cache of rendered speech."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import EngineError
from core.types import AudioFrame, Reply
from voice.clauses import clauses_of
from voice.engines import pcm
from voice.engines.scripted import tone
from voice.fixed import policy_sentences
from voice.lab.line import over_a_law
from voice.manner import Manner
from voice.prompts import PromptCache, pieces, recording_name


class CountingVoice:
    """Speaks one frame per character and remembers what it was asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        self.asked.append(text)
        await self.gate.wait()
        if self.broken:
            raise EngineError("no voice")
        for index, char in enumerate(text):
            yield AudioFrame(bytes([ord(char) % 251 + 1]) * pcm.FRAME_BYTES, 8000, index * 20)


def test_pieces_keep_their_marks_and_numbers_whole() -> None:
    """Sentences are cut at ，。？！； but not inside 2,500, and nothing is lost."""
    assert pieces("您好，我是中心。补贴2,500元，好吗？") == (
        "您好，",
        "我是中心。",
        "补贴2,500元，",
        "好吗？",
    )
    assert pieces("") == ()


async def test_only_new_clauses_are_rendered(tmp_path: Path) -> None:
    """A sentence with another name renders the clause with the name alone."""
    voice = CountingVoice()
    cache = PromptCache(voice, tmp_path)
    await cache.render("陈桂英您好，这里是就业中心。")
    await cache.render("李建国您好，这里是就业中心。")
    assert voice.asked == ["陈桂英您好，", "这里是就业中心。", "李建国您好，"]


async def test_audio_survives_the_process_and_times_are_continuous(tmp_path: Path) -> None:
    """A second cache over the same folder plays the same frames, 20 ms apart, without the engine."""
    voice = CountingVoice()
    first = await PromptCache(voice, tmp_path).render("您好，请问方便吗？")
    other = CountingVoice()
    again = await PromptCache(other, tmp_path).render("您好，请问方便吗？")
    assert again == first
    assert other.asked == []
    assert [frame.at_ms for frame in again] == list(range(0, 20 * len(again), 20))


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
async def test_a_damaged_file_is_rendered_again(tmp_path: Path, damage: str) -> None:
    """An empty, shortened or altered file is noticed, not played, and replaced."""
    good = await PromptCache(CountingVoice(), tmp_path).render("您好。")
    [path] = tmp_path.rglob("*.pcm")  # noqa: ASYNC240 - a handful of files in a test
    content = path.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    path.write_bytes({"empty": b"", "cut": content[:-100], "flipped": flipped}[damage])
    voice = CountingVoice()
    assert await PromptCache(voice, tmp_path).render("您好。") == good
    assert voice.asked == ["您好。"]
    assert path.read_bytes() == content


async def test_two_calls_share_one_rendering_even_if_one_hangs_up(tmp_path: Path) -> None:
    """A clause wanted twice at once is rendered once; cancelling one caller does not rob the other."""
    voice = CountingVoice()
    voice.gate.clear()
    cache = PromptCache(voice, tmp_path)
    first = asyncio.create_task(cache.render("您好。"))
    second = asyncio.create_task(cache.render("您好。"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    voice.gate.set()
    assert len(await second) == 3
    assert voice.asked == ["您好。"]


async def test_a_failed_rendering_is_an_error_and_is_tried_again(tmp_path: Path) -> None:
    """An engine's failure reaches the caller, leaves nothing in the cache, and does not stop prefetching."""
    voice = CountingVoice()
    cache = PromptCache(voice, tmp_path)
    voice.broken = True
    with pytest.raises(EngineError):
        await cache.render("您好。")
    assert await cache.prefetch(["您好。"]) == 0
    voice.broken = False
    assert await cache.prefetch(["您好。", "您好。再见。"]) == 2
    assert await cache.prefetch(["您好。再见。"]) == 0


async def test_an_unwritable_folder_does_not_stop_speech(tmp_path: Path) -> None:
    """With the disk gone, speech is rendered and kept in memory."""
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    voice = CountingVoice()
    cache = PromptCache(voice, blocked / "prompts")
    assert len(await cache.render("您好。")) == 3
    await cache.render("您好。")
    assert voice.asked == ["您好。"]


async def test_a_recorded_sentence_replaces_the_voice(tmp_path: Path) -> None:
    """A recording named after a sentence is played instead, resampled; a broken one is passed over."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    sentence = "您好，这里是就业中心。"
    with wave.open(str(recorded / recording_name(sentence)), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
        target.writeframes(b"\x00\x10" * 16000)
    voice = CountingVoice()
    frames = await PromptCache(voice, tmp_path / "cache", recorded=recorded).render(sentence)
    assert sum(frame.duration_ms for frame in frames) == pytest.approx(1000, abs=40)
    assert voice.asked == []
    (recorded / recording_name(sentence)).write_bytes(b"RIFF")
    assert len(await PromptCache(voice, tmp_path / "cache", recorded=recorded).render(sentence)) == 11


async def test_memory_is_bounded_and_disk_answers_at_once(tmp_path: Path) -> None:
    """With room for one clause in memory, others still come from disk: first frame within 20 ms."""
    voice = CountingVoice()
    cache = PromptCache(voice, tmp_path, memory_bytes=2000)
    await cache.prefetch(["第一句话。", "第二句话。"])
    best = 1e9
    for text in ("第一句话。", "第二句话。") * 5:
        started = time.perf_counter()
        async for _ in cache.speak(text):
            best = min(best, time.perf_counter() - started)
            break
    assert len(voice.asked) == 2
    assert best < 0.020


def _wav(rate: int = 8000, width: int = 2, channels: int = 1, content: bytes = b"\x00\x10" * 8000) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"\x00" * 5000,
        b"ID3\x04" + bytes(range(256)) * 20,
        _wav()[:30],
        _wav(content=b""),
        _wav(width=1),
        _wav(rate=1),
        _wav(rate=2_000_000),
        _wav(content=bytes(16000)),
        _wav(content=b"\x00\x10" * 11_000_000),
    ],
    ids=[
        "empty",
        "header",
        "zeros",
        "mp3",
        "cut",
        "no sound",
        "8 bit",
        "1 Hz",
        "2 MHz",
        "silent",
        "22 MB",
    ],
)
async def test_a_bad_recording_is_named_once_and_the_voice_speaks(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever lies in a prompt's file, the sentence is said; the log tells its name and why."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    sentence = "您好，这里是就业中心。"
    (recorded / recording_name(sentence)).write_bytes(content)
    cache = PromptCache(CountingVoice(), tmp_path / "cache", recorded=recorded)
    for _ in range(3):
        assert len(await cache.render(sentence)) == 11
    log = capsys.readouterr()
    assert (log.out + log.err).count("recorded_prompt_unusable") == 1


async def test_a_recording_is_as_loud_as_the_voice(tmp_path: Path) -> None:
    """A whispered and a shouted recording are heard alike, after A-law too."""
    levels = []
    for amplitude in (300, 30_000):
        recorded = tmp_path / str(amplitude)
        recorded.mkdir()
        samples = (np.sin(np.arange(16000) / 5) * amplitude).astype("<i2")
        (recorded / recording_name("您好。")).write_bytes(_wav(16000, content=samples.tobytes()))
        cache = PromptCache(CountingVoice(), tmp_path / "cache", recorded=recorded)
        frames = [over_a_law(frame) for frame in await cache.render("您好。")]
        levels.append(pcm.level_dbov(pcm.from_pcm(b"".join(frame.pcm for frame in frames))))
    assert levels[0] == pytest.approx(pcm.SPEECH_LEVEL_DBOV, abs=1.0)
    assert levels[1] == pytest.approx(levels[0], abs=0.5)


def _pitch(audio: bytes) -> float:
    spectrum = np.abs(np.fft.rfft(pcm.from_pcm(audio)))
    return float(np.argmax(spectrum)) * 8000 / (len(audio) / 2)


@pytest.mark.parametrize("pace", [0.8, 1.25])
async def test_a_slower_pace_takes_longer_at_the_same_pitch(tmp_path: Path, pace: float) -> None:
    """讲慢啲: the same audio, stretched; nothing is synthesised anew."""

    class Hum(CountingVoice):
        async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
            self.asked.append(text)
            for index in range(100):
                yield tone(index * 20)

    voice = Hum()
    cache = PromptCache(voice, tmp_path)
    usual = b"".join(frame.pcm for frame in await cache.render("您好。"))
    other = b"".join(frame.pcm for frame in await cache.render("您好。", Manner(pace)))
    assert len(voice.asked) == 1
    assert len(other) / len(usual) == pytest.approx(1 / pace, rel=0.03)
    pitches = [
        np.argmax(np.abs(np.fft.rfft(pcm.from_pcm(each)))) * 8000 / (len(each) / 2) for each in (usual, other)
    ]
    assert pitches[1] == pytest.approx(pitches[0], rel=0.02)


async def test_cantonese_is_spoken_by_the_cantonese_voice(tmp_path: Path) -> None:
    """The whole reply decides; a clause that reads alike in both varieties stays with its reply."""
    mandarin, cantonese = CountingVoice(), CountingVoice()
    cantonese.name = "cantonese"
    cache = PromptCache(mandarin, tmp_path, cantonese=cantonese)
    for clause in clauses_of([Reply("好的，你而家有冇返工？")], pieces):
        await cache.render(clause.text, clause.manner)
    for clause in clauses_of([Reply("好的，您现在有工作吗？")], pieces):
        await cache.render(clause.text, clause.manner)
    assert cantonese.asked == ["好的，", "你而家有冇返工？"]
    assert mandarin.asked == ["好的，", "您现在有工作吗？"]


async def test_rendering_ahead_waits_for_calls(tmp_path: Path) -> None:
    """What is rendered at low priority asks before every sentence whether it may."""
    asked: list[int] = []

    async def may() -> None:
        asked.append(1)

    cache = PromptCache(CountingVoice(), tmp_path)
    assert await cache.prefetch(policy_sentences()[:5], before_each=may) == len(asked) > 5
