"""Answers read aloud by the web door: only what the conversation holds, by its owner."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from connectors.types import Event, EventType
from connectors.web.aloud import READINGS_PER_MINUTE, spoken
from core.dialogue import ScriptedDialogue
from core.errors import EngineError
from core.speaking import MAX_SPOKEN_CHARS
from tests.connectors.conftest import Door, StartDoor
from tests.connectors.script import GREETING, script


@dataclass
class Mouth:
    """Gives half a second of silence for everything and keeps what it was to say."""

    said: list[str] = field(default_factory=list)
    down: bool = False

    async def speak(self, text: str) -> bytes:
        if self.down:
            raise EngineError("down")
        self.said.append(text)
        sound = io.BytesIO()
        with wave.open(sound, "wb") as out:
            out.setparams((1, 2, 8_000, 0, "NONE", ""))
            out.writeframes(bytes(8_000))
        return sound.getvalue()


async def read(door: Door, token: str, event_id: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"}
    async with door.client.get(f"{door.url}/api/web/speech?event={event_id}", headers=headers) as response:
        return response.status, await response.read()


@pytest.mark.net
async def test_only_answers_of_ones_own_conversation_are_read(start_door: StartDoor) -> None:
    """Own words, foreign and forged ids give 404, no token 401, a broken voice 503, a flood 429."""
    mouth = Mouth()
    door = await start_door(ScriptedDialogue(script), speaking=mouth)
    token, other = (await door.open())["token"], (await door.open())["token"]
    await door.until(token, 1)
    await door.say(token, "您好")
    greeting, mine, _ = await door.until(token, 3)
    status, sound = await read(door, token, greeting["id"])
    assert (status, sound[:4]) == (200, b"RIFF")
    assert mouth.said == [GREETING.replace("\n", "")]
    for event_id in (mine["id"], "0-0", "9999999999999-0", "x", "", "%00"):
        assert (await read(door, token, event_id))[0] == 404
    assert (await read(door, other, greeting["id"]))[0] == 404
    assert (await read(door, "x", greeting["id"]))[0] == 401
    mouth.down = True
    assert (await read(door, token, greeting["id"]))[0] == 503
    statuses = [(await read(door, token, "x"))[0] for _ in range(READINGS_PER_MINUTE)]
    assert statuses[-1] == 429
    assert mouth.said == [GREETING.replace("\n", "")]
    mute = await start_door(ScriptedDialogue(script))
    assert (await read(mute, token, greeting["id"]))[0] == 503


def test_what_is_said_of_an_answer() -> None:
    """The spoken variant wins; else no addresses, no brackets, whole sentences only, never over the limit."""

    def event(text: str, said: str = "") -> Event:
        return Event(EventType.REPLY, datetime(2026, 11, 28, tzinfo=UTC), "m1", text, spoken=said)

    assert spoken(event("看 https://a.example/b 这里（第3条）。", "请看网页。")) == "请看网页。"
    assert spoken(event("看 https://a.example/b 这里（第3条）。")) == "看  这里。"
    long = spoken(event("一共十个字的一句话。" * 100))
    assert MAX_SPOKEN_CHARS - 10 <= len(long) <= MAX_SPOKEN_CHARS
    assert long.endswith("。")
    assert len(spoken(event("长" * 2_000))) == MAX_SPOKEN_CHARS


@pytest.mark.browser
@pytest.mark.net
async def test_a_device_without_a_voice_plays_the_servers(start_door: StartDoor, chromium_page: Page) -> None:
    """No Chinese voice here: the sound comes from the server, ends by itself, and failing is said."""
    page, mouth = chromium_page, Mouth()
    await page.add_init_script("delete window.speechSynthesis")
    door = await start_door(ScriptedDialogue(script), speaking=mouth)
    await page.goto(door.url)
    await page.get_by_role("button", name="朗读").click()
    await expect(page.get_by_role("button", name="停止朗读")).to_have_count(0)
    await expect(page.get_by_role("button", name="朗读", exact=True)).to_be_visible()
    assert mouth.said == [GREETING.replace("\n", "")]
    mouth.down = True
    await page.get_by_role("button", name="朗读").click()
    await expect(page.get_by_role("button", name="这台设备现在不能朗读。")).to_be_visible()
