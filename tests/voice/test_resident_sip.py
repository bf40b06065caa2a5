"""Synthetic residents over real SIP and RTP, with the real voice and the real recogniser."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.settings import Settings, load_settings
from core.types import AudioFrame, Callee, CallTask
from tests.eventually import eventually
from voice.engines.factory import make_recognizer, make_speech
from voice.engines.vad import SileroVad
from voice.interfaces import Call
from voice.resident.choosing import sounds
from voice.resident.listening import TurnEnded, TurnListener
from voice.resident.serve import serve_residents
from voice.transport.sip import SipOptions, SipTransport

pytestmark = [pytest.mark.sip, pytest.mark.net, pytest.mark.slow]


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Settings with the developer's model cache, so that voices are rendered once."""
    return load_settings({"NUANYE_DATA_DIR": str(tmp_path)})


def task(address: str) -> CallTask:
    """A call to ``address``."""
    return CallTask(
        "t1", Callee("p1", "何某", address), "c1", {}, 1, datetime.now(UTC) + timedelta(minutes=5)
    )


async def final_event(call: Call) -> tuple[str, int]:
    """Kind and SIP code of the event that ended the attempt."""
    async for event in call.events():
        if event.kind in {"rejected", "failed", "hung_up"}:
            return event.kind, int(event.detail.get("code", 0))
    return "", 0


async def next_turn(frames: AsyncIterator[AudioFrame], listener: TurnListener, vad: SileroVad) -> TurnEnded:
    """What the resident says until it pauses."""
    async for frame in frames:
        change = listener.feed(frame, vad.probability(frame))
        if isinstance(change, TurnEnded):
            return change
    raise AssertionError("the resident hung up without a word")


async def test_a_resident_understands_the_question_and_answers_it(here: Settings, tmp_path: Path) -> None:
    """Asked over the telephone who it is and whether it is convenient, the resident answers each."""
    recognizer = await asyncio.to_thread(make_recognizer, here)
    speech = make_speech(here)

    async def understood(turn: TurnEnded) -> tuple[str, ...]:
        async def stream() -> AsyncIterator[AudioFrame]:
            for frame in turn.frames:
                yield frame

        return sounds([item async for item in recognizer.transcribe(stream())][-1].text)

    async with (
        serve_residents(here, ["chen_guiying"], recordings=tmp_path, recognizer=recognizer) as street,
        SipTransport(SipOptions.from_settings(here)) as transport,
        transport.dial(task(street.address(street.personas[0]))) as call,
    ):
        frames, listener, vad = call.frames(), TurnListener(600), SileroVad()
        async with asyncio.timeout(90):
            await next_turn(frames, listener, vad)
            await call.play(await speech.render("您好，请问您是陈桂英本人吗？"))
            assert "jiu" in await understood(await next_turn(frames, listener, vad))
            await call.play(await speech.render("现在方便说两分钟吗？"))
            assert "ke" in await understood(await next_turn(frames, listener, vad))
            await call.hangup()
            await eventually(lambda: bool(street.visits), within_s=10)
    [(user, visit)] = street.visits
    assert (user, visit.ended_by) == ("chen_guiying", "bot")
    assert visit.said[:3] == ["喂，你好。", "是的，我就是。", "可以，方便。"]
    [recording] = [path for path in os.listdir(tmp_path) if path.endswith(".wav")]
    with wave.open(str(tmp_path / recording)) as source:
        assert (source.getframerate(), source.getnchannels()) == (8000, 2)
        assert source.getnframes() > 5 * 8000


@pytest.mark.parametrize(("user", "code"), [("liang_wei", 603), ("nobody", 404), ("deng_jiahao", 480)])
async def test_refusals_reach_the_caller_with_their_code(here: Settings, user: str, code: int) -> None:
    """Declined, unknown and switched-off residents end the attempt with the SIP status of their file."""
    async with (
        serve_residents(here, ["liang_wei", "deng_jiahao"]) as street,
        SipTransport(replace(SipOptions.from_settings(here), ring_timeout_s=30)) as transport,
        transport.dial(task(f"sip:{user}@{street.host}:{street.port}")) as call,
    ):
        async with asyncio.timeout(60):
            assert await final_event(call) == ("rejected", code)


async def test_the_command_says_where_everybody_lives_and_stops_on_a_signal(tmp_path: Path) -> None:
    """`nuanye resident … --json` prints the addresses at once on a pipe, and SIGTERM ends it with 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "nuanye",
        "resident",
        "liang_wei",
        "--json",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NUANYE_DATA_DIR": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert json.loads(line)["residents"]["liang_wei"].startswith("sip:liang_wei@127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
