"""One far end, played by the loopback fake or by a real SIP peer, for tests that hold for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.clock import VirtualClock
from core.types import AudioFrame, Callee, CallEvent, CallTask
from tests.voice.transport.sounds import tone
from voice.interfaces import Call, CallTransport
from voice.transport.loopback import LoopbackPeer, LoopbackTransport
from voice.transport.ports import PortRange
from voice.transport.sip import SipOptions, SipTransport
from voice.transport.uas import AnsweringTransport, IncomingLeg

PORTS = PortRange(34000, 34999)
EARLY_HZ, FAR_HZ, OUR_HZ = 450, 700, 1100


def task_for(address: str) -> CallTask:
    return CallTask("att_test", Callee("p1", "陈小明", address), "cmp_test", {}, 1, datetime.now(UTC))


@dataclass
class Far:
    """What the far end does; times in ms, ``deeds`` counted from the answer."""

    ring_ms: int = 40
    early_ms: int = 0
    reject: int = 0
    answers: bool = True
    deeds: tuple[tuple[int, str, Any], ...] = ()
    heard: list[AudioFrame] = field(default_factory=list)


class TurningClock(VirtualClock):
    """A virtual clock that lets a test wait for the line to move it."""

    async def turn(self) -> None:
        await asyncio.sleep(0)


class Line:
    """A transport together with the far end that it reaches."""

    def __init__(self, transport: CallTransport, address: str, clock: TurningClock | None) -> None:
        self.transport, self.address, self._clock = transport, address, clock

    async def wait(self, ms: int) -> None:
        if self._clock is None:
            await asyncio.sleep(ms / 1000)
            return
        until = self._clock.monotonic_ms() + ms
        while self._clock.monotonic_ms() < until:
            await self._clock.turn()

    def dial(self, address: str = "") -> Any:
        return self.transport.dial(task_for(address or self.address))


@asynccontextmanager
async def fake_line(far: Far, ring_timeout_s: float) -> AsyncIterator[Line]:
    clock = TurningClock()

    def act(kind: str, value: Any) -> Any:
        def deed(peer: LoopbackPeer) -> None:
            if kind == "say":
                peer.say(tone(FAR_HZ, value))
            elif kind == "press":
                peer.press(value)
            else:
                peer.hang_up()

        return deed

    def find(_: CallTask) -> LoopbackPeer:
        return LoopbackPeer(
            ring_ms=far.ring_ms,
            early=tuple(tone(EARLY_HZ, far.early_ms)),
            reject=far.reject,
            answers=far.answers,
            script=tuple((at, act(kind, value)) for at, kind, value in far.deeds),
            heard=far.heard,
        )

    yield Line(LoopbackTransport(find, clock=clock, ring_timeout_s=ring_timeout_s), "sip:r@test", clock)


@asynccontextmanager
async def sip_line(far: Far, ring_timeout_s: float, kind: str = "udp") -> AsyncIterator[Line]:
    async def listen(leg: IncomingLeg) -> None:
        async for frame in leg.frames():
            if any(frame.pcm):
                far.heard.append(frame)

    async def person(leg: IncomingLeg) -> None:
        leg.ring()
        if far.early_ms:
            await leg.early_media()
            await leg.play(tone(EARLY_HZ, far.early_ms))
        await asyncio.sleep(far.ring_ms / 1000)
        if far.reject:
            leg.decline(far.reject)
        if far.reject or not far.answers:
            await asyncio.sleep(5)
            return
        await leg.answer()
        ear = asyncio.create_task(listen(leg))
        started = asyncio.get_running_loop().time()
        for at, deed, value in far.deeds:
            await asyncio.sleep(max(0.0, started + at / 1000 - asyncio.get_running_loop().time()))
            if deed == "say":
                await leg.play(tone(FAR_HZ, value))
            elif deed == "press":
                await leg.press(value)
            else:
                await leg.hangup()
        await ear

    options = SipOptions(kind=kind, ports=PORTS, ring_timeout_s=ring_timeout_s)
    async with AnsweringTransport(person, kind=kind) as uas, SipTransport(options) as transport:
        yield Line(transport, uas.uri, None)


LINES = {"loopback": fake_line, "sip": sip_line}


async def until(call: Call, kind: str) -> CallEvent:
    """The first event of this kind."""
    async for event in call.events():
        if event.kind == kind:
            return event
    raise AssertionError(f"the call ended without {kind}")


async def story(call: Call) -> list[CallEvent]:
    """All events of a call, to its end."""
    return [event async for event in call.events()]
