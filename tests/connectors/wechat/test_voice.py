"""Voice messages without a transcript: fetched, decoded, heard by the recogniser, answered."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from connectors.media import to_speech
from connectors.platform_texts import load_platform_texts
from core.dialogue import ScriptedDialogue
from core.errors import BadInput, TooLarge
from tests.connectors.script import script
from tests.connectors.wechat.conftest import USER, OpenTown, Town
from tests.eventually import eventually

pytestmark = [pytest.mark.net, pytest.mark.needs("ffmpeg")]

TEXTS = load_platform_texts({"agency": "中心", "hotline": "12333"})
# AMR at 12.2 kbit/s: frames of 20 ms, a header byte and 31 bytes of speech.
AMR_FRAME = b"\x3c" + bytes(31)


def amr(seconds: float) -> bytes:
    return b"#!AMR\n" + AMR_FRAME * int(seconds * 50)


def encoded(kind: str, folder: Path, seconds: float = 2) -> bytes:
    path = folder / f"voice.{kind}"
    source = f"sine=frequency=440:duration={seconds}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


async def voice(town: Town, data: bytes, kind: str = "audio/amr") -> str:
    """Send a voice message and return what the user sees in the end."""
    before = len(town.screen())
    town.platform.api.media["media1"] = (data, kind)
    await town.platform.message(USER, {"MsgType": "voice", "MediaId": "media1", "Format": "amr"})
    await eventually(lambda: len(town.screen()) > before, within_s=20)
    return town.texts()[-1]


async def test_a_voice_message_is_answered_like_text(open_town: OpenTown) -> None:
    """Downloaded, decoded to 16 kHz, heard and answered; the core sees only the words."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    assert await voice(town, amr(3)) == "收到：失业金怎么领"
    assert town.hearing.heard[0] == pytest.approx(3 * 32_000, rel=0.05)
    assert (dialogue.turns[0].text, dialogue.turns[0].metadata) == ("失业金怎么领", {})


async def test_sixty_seconds_pass_and_sixty_one_do_not(open_town: OpenTown) -> None:
    """The platform's longest voice message is heard; a longer file gets a sentence."""
    town = await open_town(ScriptedDialogue(script))
    assert await voice(town, amr(60)) == "收到：失业金怎么领"
    assert await voice(town, amr(61)) == TEXTS.notices["voice_long"]
    assert len(town.hearing.heard) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"#!AMR\n", b"RIFF" + b"\0" * 40, b"ID3" + b"\xff" * 300, b"\x89PNG\r\n" + b"\0" * 99],
    ids=["empty", "html", "bare head", "broken wav", "broken mp3", "picture"],
)
async def test_media_that_is_not_audio_is_declined(open_town: OpenTown, data: bytes) -> None:
    """Whatever the file really is: a kind sentence, no recogniser, no crash."""
    town = await open_town(ScriptedDialogue(script))
    assert await voice(town, data) == TEXTS.notices["voice_unclear"]
    assert town.hearing.heard == []


async def test_nothing_said_and_a_broken_recogniser_have_their_sentences(open_town: OpenTown) -> None:
    """Silence asks to repeat; a recogniser that is away asks to type."""
    town = await open_town(ScriptedDialogue(script))
    town.hearing.text = " "
    assert await voice(town, amr(1)) == TEXTS.notices["voice_unclear"]
    town.hearing.down = True
    assert await voice(town, amr(1)) == TEXTS.notices["voice_away"]


async def test_expired_media_is_declined_and_a_busy_platform_waited_for(open_town: OpenTown) -> None:
    """Error 40007 gets a sentence; an API that is away for a while only delays the answer."""
    town = await open_town(ScriptedDialogue(script))
    await town.platform.message(USER, {"MsgType": "voice", "MediaId": "gone", "Format": "amr"})
    await town.shown(1)
    assert town.texts() == [TEXTS.notices["voice_unclear"]]
    town.platform.api.weather.down = True
    asking = asyncio.create_task(voice(town, amr(1)))
    await asyncio.sleep(1.0)
    town.platform.api.weather.down = False
    assert await asking == "收到：失业金怎么领"


@pytest.mark.parametrize("kind", ["mp3", "wav", "ogg"])
async def test_other_formats_are_decoded(kind: str, tmp_path: Path) -> None:
    """The high-definition and other platforms' formats give the same WAV."""
    speech = await to_speech(encoded(kind, tmp_path))
    assert speech.duration_ms == pytest.approx(2_000, abs=100)
    assert speech.wav.startswith(b"RIFF")


async def test_an_hour_is_not_decoded_to_its_end() -> None:
    """A small file of very long silence is refused after a minute's worth."""
    with pytest.raises(TooLarge):
        await to_speech(amr(3_600))
    with pytest.raises(BadInput):
        await to_speech(b"OggS" + bytes(100))
