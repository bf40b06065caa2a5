"""How much of a core many media legs take: python -m benchmarks.media_legs [--legs 60 --seconds 30].

All legs are in this one process: each sends speech and has what comes back judged by voice activity
detection and end of turn, frame by frame. SIPp echoes from a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.settings import load_settings
from core.types import AudioFrame, Callee, CallTask
from voice.endpointing import EndpointRules
from voice.engines.factory import make_speech
from voice.engines.vad import SileroVad
from voice.interfaces import Call
from voice.lab.soak import sipp_echo
from voice.transport.sip import SipOptions, SipTransport
from voice.turntaking import TurnTaker
from voice.words import load_words

SENTENCE = "您好，这里是广州市公共就业服务中心。"
_SETTLE_S = 2.0


async def speech() -> list[AudioFrame]:
    """A sentence in the voice that is in force."""
    return list(await make_speech(load_settings(os.environ)).render(SENTENCE))


async def listen(call: Call, frames: list[AudioFrame], activity: SileroVad) -> int:
    """Judge what comes back for as long as the call lasts; return how many frames came."""
    turns = TurnTaker(EndpointRules(), load_words(), barge_in_ms=160, silence_ms=8000)
    heard = 0

    async def talk() -> None:
        while True:
            await call.play(frames)
            await asyncio.sleep(1.0)

    talking = asyncio.create_task(talk())
    try:
        async for frame in call.frames():
            turns.feed(frame.at_ms, activity.probability(frame))
            heard += 1
    finally:
        talking.cancel()
    return heard


async def calls(stack: AsyncExitStack, ours: SipTransport, where: str, legs: int) -> AsyncIterator[Any]:
    """Place the calls one after the other and give each once it is answered."""
    for number in range(legs):
        task = CallTask(
            f"leg{number}", Callee("p", "何某", f"sip:leg{number}@{where}"), "", {}, 1,
            datetime.now(UTC) + timedelta(minutes=5),
        )  # fmt: skip
        call = await stack.enter_async_context(ours.dial(task))
        async for event in call.events():
            if event.kind == "answered":
                break
        yield call


async def run(legs: int, seconds: float) -> dict[str, Any]:
    """Hold the legs and return the share of a core that they took."""
    frames, activities = await speech(), [SileroVad() for _ in range(legs)]
    with tempfile.TemporaryDirectory() as folder:
        async with (
            sipp_echo(Path(folder)) as where,
            SipTransport(SipOptions()) as ours,
            AsyncExitStack() as stack,
        ):
            held = [call async for call in calls(stack, ours, where, legs)]
            listening = [
                asyncio.create_task(listen(call, frames, activity))
                for call, activity in zip(held, activities, strict=True)
            ]
            await asyncio.sleep(_SETTLE_S)
            before, began = resource.getrusage(resource.RUSAGE_SELF), asyncio.get_running_loop().time()
            for call in held:
                call.media.stats.worst_gap_ms = 0.0
            await asyncio.sleep(seconds)
            after, elapsed = (
                resource.getrusage(resource.RUSAGE_SELF),
                asyncio.get_running_loop().time() - began,
            )
            gaps = sorted(call.media.stats.worst_gap_ms for call in held)
            for call in held:
                await call.hangup()
            heard = await asyncio.gather(*listening)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "legs": legs,
        "seconds": round(elapsed, 1),
        "cores": round(used / elapsed, 3),
        "frames_heard_each": min(heard),
        "worst_gap_ms": {"median": round(gaps[len(gaps) // 2]), "max": round(gaps[-1])},
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> int:
    """Print the report as one JSON object; status 1 when the legs took more than a core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--legs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    found = asyncio.run(run(arguments.legs, arguments.seconds))
    print(json.dumps(found))
    return 1 if found["cores"] > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
