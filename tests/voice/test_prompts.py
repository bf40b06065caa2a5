"""The cache of rendered speech."""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import EngineError
from core.types import AudioFrame
from voice.engines import pcm
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
