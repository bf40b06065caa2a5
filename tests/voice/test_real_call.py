"""Real SIP, real speech both ways, the real dialogue core: two synthetic residents are called."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from casework.types import CallRecord
from core.ids import new_id
from core.settings import Settings
from core.types import Callee, CallTask, Disposition
from tests.eventually import eventually
from voice.assembly import phone_door
from voice.notes import CallStory
from voice.outcome import record_of
from voice.resident.serve import Street, serve_residents
from voice.session import CallSession, Equipment

pytestmark = [pytest.mark.slow, pytest.mark.sip, pytest.mark.net, pytest.mark.rasa]


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "NUANYE_DATA_DIR": str(settings.data_dir),
        "NUANYE_MODELS_DIR": str(settings.models_dir),
        "NUANYE_REDIS_URL": settings.redis_url,
        "NUANYE_DIALOGUE_PORT": str(settings.dialogue_port),
    }


async def train(settings: Settings) -> None:
    """A model of the repository's present state, from the cache or trained now.

    In a process of its own: importing Rasa here would replace the event loop policy.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.train", env=environment(settings)
    )
    assert await process.wait() == 0


@asynccontextmanager
async def dialogue_core(settings: Settings) -> AsyncIterator[None]:
    """`python -m bot` until the context ends."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", env=environment(settings))

    async def healthy() -> bool:
        assert process.returncode is None
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{settings.dialogue_base_url}/health") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    try:
        await eventually(healthy, within_s=120, every_s=0.3)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def call(equipment: Equipment, street: Street, user: str) -> tuple[CallStory, CallRecord]:
    persona = street.residents[user].persona
    task = CallTask(
        task_id=new_id("att"),
        callee=Callee(new_id("per"), persona.name, street.address(persona), "荔湾区"),
        campaign_id="",
        facts={},
        attempt=1,
        not_after=datetime.now(UTC) + timedelta(minutes=10),
    )
    story = await CallSession(equipment, task).run()
    return story, record_of(story)[0]


def loudest(recording: Path) -> tuple[int, int, int]:
    """Length in ms and the loudest sample of each side."""
    with wave.open(str(recording)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        length = file.getnframes() * 1000 // file.getframerate()
    return length, max(samples[0::2]), max(samples[1::2])


@pytest.mark.timeout(900)
async def test_residents_are_understood_over_real_sip(
    settings: Settings, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """A follow-up is completed with its evidence, an opt-out is honoured, and pauses stay short."""
    settings = replace(settings, models_dir=tmp_path / "models", dialogue_port=free_port())
    await train(settings)
    people = ("chen_guiying", "zheng_xiaoyan")
    async with dialogue_core(settings), phone_door(settings) as (equipment, speaker):
        await speaker.prefetch_fixed()
        async with serve_residents(settings, people, recognizer=equipment.recognizer) as street:
            users = tuple(street.residents)
            story, followed = await call(equipment, street, users[0])
            _, refused = await call(equipment, street, users[1])

    assert refused.disposition is Disposition.OPT_OUT
    assert followed.disposition is Disposition.COMPLETED
    assert followed.fields["identity"].value == "self"
    assert followed.fields["employment_status"].value == "unemployed"
    assert followed.fields["wanted_jobs"].value == ["保安"]
    assert followed.fields["district"].value == "荔湾区"
    length_ms, resident, bot = loudest(settings.recordings_dir / followed.recording)
    assert min(resident, bot) > 1000
    for name in ("identity", "employment_status", "wanted_jobs", "district"):
        field = followed.fields[name]
        assert field.start_ms is not None
        assert field.end_ms is not None
        assert 0 <= field.start_ms < field.end_ms <= length_ms
    ours = sorted(gap.other_ms for gap in story.gaps)
    assert ours[len(ours) // 2] <= 150
