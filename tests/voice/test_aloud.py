"""Texts of other doors read aloud: a WAV of the right length, refusals by name."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import aiohttp
import pytest

from core.errors import BadInput, EngineError
from core.settings import Settings
from core.speaking import MAX_SPOKEN_CHARS, HttpSpeaking
from core.types import AudioFrame
from tests.voice.test_transcripts import CountingRecognizer
from voice.engines.scripted import ToneSynthesizer
from voice.manner import Manner
from voice.transcripts import hearing_served

pytestmark = pytest.mark.net


@dataclass
class Hum:
    """Hums 160 ms a character; fails while ``down``."""

    down: bool = False
    manners: list[Manner] = field(default_factory=list)

    async def render(self, text: str, manner: Manner = Manner()) -> Sequence[AudioFrame]:  # noqa: B008
        if self.down:
            raise EngineError("down")
        self.manners.append(manner)
        return [frame async for frame in ToneSynthesizer().speak(text)]


async def test_a_text_comes_back_as_sound(settings: Settings, free_port: Callable[[], int]) -> None:
    """Eight kilohertz, mono, slower than on the phone, Cantonese by that voice; bad texts are named."""
    ours, hum = replace(settings, hearing_port=free_port()), Hum()
    async with aiohttp.ClientSession() as http, hearing_served(ours, CountingRecognizer(), hum):
        speaking = HttpSpeaking(http, ours.hearing_base_url)
        sound = await speaking.speak("失业金怎么领。")
        with wave.open(io.BytesIO(sound)) as wav:
            assert wav.getparams()[:3] == (1, 2, 8_000)
            assert wav.getnframes() == 7 * 160 * 8
        await speaking.speak("失業金點樣攞，唔該。")
        assert [(manner.pace, manner.cantonese) for manner in hum.manners] == [(0.9, False), (0.9, True)]
        for text in ("", " \n", "长" * (MAX_SPOKEN_CHARS + 1)):
            with pytest.raises(BadInput):
                await speaking.speak(text)
        for body in (b"{", b"[]", b'{"text": 1}', b"\xff"):
            async with http.post(f"{ours.hearing_base_url}/v1/speech", data=body) as response:
                assert response.status == 400
        hum.down = True
        with pytest.raises(EngineError):
            await speaking.speak("再来。")
    async with aiohttp.ClientSession() as http:
        with pytest.raises(EngineError):
            await HttpSpeaking(http, ours.hearing_base_url).speak("没人。")
