"""Recordings from other doors: heard whole, cut at pauses, refused by name."""

from __future__ import annotations

import asyncio
import io
import socket
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import aiohttp
import numpy as np
import pytest

from core.errors import BadInput, EngineError
from core.hearing import MAX_SPEECH_MS, SPEECH_RATE_HZ, HttpHearing
from core.settings import Settings
from core.types import AudioFrame, Transcript
from voice.engines.factory import WHISPER_MODEL, make_synthesizer, model_store
from voice.engines.pcm import from_pcm, resample, to_pcm
from voice.engines.whisper import WhisperRecognizer
from voice.transcripts import hearing_served, pieces

pytestmark = pytest.mark.net


class CountingRecognizer:
    """Says how much it was given; fails while ``down``."""

    streaming = False

    def __init__(self) -> None:
        self.lengths_ms: list[int] = []
        self.down = False

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        if self.down:
            raise EngineError("down")
        length = 0.0
        async for frame in frames:
            length += frame.duration_ms
        self.lengths_ms.append(round(length))
        yield Transcript(f"第{len(self.lengths_ms)}段。", True, 0.9, 0, round(length))


def wav(pcm: bytes, rate: int = SPEECH_RATE_HZ, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()


def noise(seconds: float) -> bytes:
    dice = np.random.default_rng(3)
    return to_pcm(dice.uniform(-0.3, 0.3, int(seconds * SPEECH_RATE_HZ)).astype(np.float32))


@pytest.fixture
async def hearing(
    settings: Settings, free_port: Callable[[], int]
) -> AsyncIterator[tuple[HttpHearing, CountingRecognizer]]:
    """The service on a free port and its client."""
    recognizer = CountingRecognizer()
    ours = replace(settings, hearing_port=free_port())
    async with aiohttp.ClientSession() as session, hearing_served(ours, recognizer):
        yield HttpHearing(session, ours.hearing_base_url, timeout_ms=5_000), recognizer


async def test_a_short_recording_is_heard_in_one_go(
    hearing: tuple[HttpHearing, CountingRecognizer],
) -> None:
    """The recogniser gets all of it and its text comes back."""
    client, recognizer = hearing
    transcript = await client.transcribe(wav(noise(3)))
    assert (transcript.text, transcript.final, transcript.end_ms) == ("第1段", True, 3_000)
    assert recognizer.lengths_ms == [3_000]


async def test_a_minute_is_cut_at_its_pauses(hearing: tuple[HttpHearing, CountingRecognizer]) -> None:
    """Each piece ends in a pause and no sample is lost."""
    client, recognizer = hearing
    quiet = bytes(SPEECH_RATE_HZ)
    talk = noise(17) + quiet + noise(20) + quiet + noise(20)
    transcript = await client.transcribe(wav(talk))
    assert transcript.text == "第1段，第2段，第3段"
    assert sum(recognizer.lengths_ms) == pytest.approx(58_000, abs=60)
    assert recognizer.lengths_ms[0] == pytest.approx(17_250, abs=300)
    assert b"".join(pieces(talk)) == talk


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not audio",
        wav(noise(1), rate=8_000),
        wav(noise(1), channels=2),
        wav(noise(61)),
        bytes(9_000_000),
    ],
    ids=["empty", "text", "rate", "stereo", "61 s", "9 MB"],
)
async def test_what_cannot_be_heard_is_refused(
    hearing: tuple[HttpHearing, CountingRecognizer], data: bytes
) -> None:
    """A recording in another form, too long or too large is bad input and reaches no engine."""
    client, recognizer = hearing
    with pytest.raises(BadInput):
        await client.transcribe(data)
    assert recognizer.lengths_ms == []


async def test_a_failing_or_missing_engine_is_named(
    hearing: tuple[HttpHearing, CountingRecognizer], free_port: Callable[[], int]
) -> None:
    """Both a failure and an absent service are an engine error, worth another try."""
    client, recognizer = hearing
    recognizer.down = True
    with pytest.raises(EngineError, match="503"):
        await client.transcribe(wav(noise(1)))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(EngineError, match="not reached"):
            await HttpHearing(session, f"http://127.0.0.1:{free_port()}").transcribe(wav(noise(1)))


async def test_a_taken_port_does_not_stop_the_calls(settings: Settings) -> None:
    """A second voice process on one host goes on without this service; port 0 switches it off."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with hearing_served(replace(settings, hearing_port=port), CountingRecognizer()):
            await asyncio.sleep(0)
    async with hearing_served(replace(settings, hearing_port=0), CountingRecognizer()):
        await asyncio.sleep(0)


@pytest.mark.slow
async def test_a_real_engine_hears_a_synthetic_voice(
    settings: Settings, free_port: Callable[[], int]
) -> None:
    """What the synthesiser says is recognised from a WAV of 16 kHz."""
    speech = b"".join([frame.pcm async for frame in make_synthesizer(settings).speak("失业登记怎么办？")])
    loud = to_pcm(resample(from_pcm(speech), 8_000, SPEECH_RATE_HZ))
    recognizer = WhisperRecognizer(model_store(settings).require(WHISPER_MODEL))
    ours = replace(settings, hearing_port=free_port())
    async with aiohttp.ClientSession() as session, hearing_served(ours, recognizer):
        transcript = await HttpHearing(session, ours.hearing_base_url).transcribe(wav(loud))
    recognizer.close()
    assert "怎么办" in transcript.text
    assert transcript.end_ms < MAX_SPEECH_MS
