"""Recordings to the web door: every format browsers make, and everything that is none."""

from __future__ import annotations

import asyncio
import io
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.web.voice import MAX_RECORDING, RECORDINGS_PER_MINUTE
from core.dialogue import ScriptedDialogue
from core.errors import EngineError
from core.types import Transcript
from tests.connectors.conftest import Door, StartDoor
from tests.connectors.script import script
from tests.programs import find_program

pytestmark = pytest.mark.net

SAID = "失业金怎么领"


@dataclass
class ListEars:
    """Hears ``says`` in everything and keeps what it was given; ``broken`` engines fail."""

    says: str = SAID
    broken: bool = False
    heard: list[bytes] = field(default_factory=list)

    async def transcribe(self, wav: bytes) -> Transcript:
        self.heard.append(wav)
        if self.broken:
            raise EngineError("away")
        return Transcript(self.says, True, 0.9, 0, 1_000)


def tone(seconds: float) -> bytes:
    """A WAV of a quiet tone, 8 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8_000, 0, "NONE", ""))
        out.writeframes(b"\x00\x08\x00\xf8" * int(4_000 * seconds))
    return file.getvalue()


async def encoded(folder: Path, kind: str, *options: str) -> bytes:
    source, target = folder / "tone.wav", folder / f"voice.{kind}"
    source.write_bytes(tone(1))
    arguments = ["-loglevel", "error", "-i", str(source), *options, str(target)]
    done = await asyncio.create_subprocess_exec(find_program("ffmpeg") or "ffmpeg", *arguments)
    assert await done.wait() == 0
    return target.read_bytes()


async def hear(door: Door, token: str, data: bytes, query: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "audio/webm"}
    url = f"{door.url}/api/web/transcripts{query}"
    async with door.client.post(url, data=data, headers=headers) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("webm", ("-c:a", "libopus")),
        ("ogg", ("-c:a", "libopus")),
        ("mp4", ("-c:a", "aac")),
        ("mp4", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov")),
        ("aac", ("-c:a", "aac")),
        ("mp3", ()),
        ("wav", ("-ar", "44100", "-ac", "2")),
    ],
)
async def test_what_browsers_record_is_heard(
    start_door: StartDoor, tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    """Chromium's, Firefox's, Apple's and the mini program's formats come out as 16 kHz mono."""
    ears = ListEars()
    door = await start_door(ScriptedDialogue(script), hearing=ears)
    token = (await door.open())["token"]
    status, answer = await hear(door, token, await encoded(tmp_path, kind, *options))
    assert (status, answer) == (200, {"type": "transcript", "text": SAID})
    with wave.open(io.BytesIO(ears.heard[0])) as wav:
        assert wav.getparams()[:3] == (1, 2, 16_000)
        assert 800 <= wav.getnframes() / 16 <= 1_300


async def test_traditional_characters_are_given_back_where_they_are_read(start_door: StartDoor) -> None:
    """What was heard is shown in the writing that the page is in."""
    door = await start_door(ScriptedDialogue(script), hearing=ListEars())
    token = (await door.open())["token"]
    assert (await hear(door, token, tone(1), "?lang=yue-HK"))[1]["text"] == "失業金怎麼領"


@pytest.mark.parametrize(
    ("data", "status", "code", "words"),
    [
        (b"", 422, "voice.unclear", "没听清"),
        (b"not audio at all", 422, "voice.unclear", "没听清"),
        (b"\x1a\x45\xdf\xa3" + b"\x00" * 500, 422, "voice.unclear", "没听清"),
        (b"\x00\x00\x00\x20ftypM4A " + b"\xff" * 500, 422, "voice.unclear", "没听清"),
        (b"RIFF\xff\xff\xff\x7fWAVEfmt ", 422, "voice.unclear", "没听清"),
        (tone(0), 422, "voice.unclear", "没听清"),
        (tone(61), 413, "voice.long", "太长"),
        (b"OggS" + b"\x00" * MAX_RECORDING, 413, "input.too_large", "太长"),
        (b"x" * 10_000_000, 413, "input.too_large", "太长"),
    ],
)
async def test_what_cannot_be_heard_is_refused_kindly(
    start_door: StartDoor, data: bytes, status: int, code: str, words: str
) -> None:
    """Empty, not audio, truncated, silent, 61 seconds, 10 MB: a named error; the engine is not troubled."""
    ears = ListEars()
    door = await start_door(ScriptedDialogue(script), hearing=ears)
    token = (await door.open())["token"]
    got, answer = await hear(door, token, data)
    assert (got, answer["error"]["code"]) == (status, code)
    assert words in answer["error"]["message"]
    assert ears.heard == []
    assert (await hear(door, token, tone(1)))[0] == 200


async def test_nothing_said_or_no_recogniser_is_named(start_door: StartDoor) -> None:
    """Silence asks for another try, an absent engine for writing; without one there is no microphone."""
    door = await start_door(ScriptedDialogue(script), hearing=ListEars(says=" "))
    token = (await door.open())["token"]
    assert (await hear(door, token, tone(1)))[1]["error"]["code"] == "voice.unclear"
    broken = ListEars(broken=True)
    door = await start_door(ScriptedDialogue(script), hearing=broken)
    status, answer = await hear(door, token, tone(1))
    assert (status, answer["error"]["code"]) == (503, "voice.away")
    assert "请打字" in answer["error"]["message"]
    deaf = await start_door(ScriptedDialogue(script))
    assert (await hear(deaf, token, tone(1)))[0] == 503
    async with deaf.client.get(deaf.url) as page:
        assert '"voice":false' in await page.text()


async def test_strangers_and_floods_are_not_heard(start_door: StartDoor) -> None:
    """No token, 401; more than ten recordings a minute, 429: decoding costs, so it is counted."""
    ears = ListEars()
    door = await start_door(ScriptedDialogue(script), hearing=ears)
    token = (await door.open())["token"]
    assert (await hear(door, "x", tone(1)))[0] == 401
    answers = [await hear(door, token, b"junk") for _ in range(RECORDINGS_PER_MINUTE + 1)]
    assert answers[-1][0] == 429
    assert answers[-1][1]["error"]["code"] == "voice.too_many"
    assert ears.heard == []
