"""Puts a resident through to a person. The person hears first whom they are going to talk to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Protocol

from core.clock import Clock
from core.errors import CallError, EngineError
from core.logs import get_log
from core.types import Callee, CallTask
from voice.interfaces import Call, CallTransport
from voice.speaking import Speech

_LOG = get_log("voice.desk")

_PICKED_UP_MS = 400  # a receiver takes a moment to reach the ear


class Desk(Protocol):
    """Where people sit who take calls over."""

    async def take_over(self, call: Call, task: CallTask, briefing: str) -> bool:
        """Hand ``call`` to a person; ``False``: nobody took it, and the resident is still ours."""
        ...


@dataclass(frozen=True, slots=True)
class BlindDesk:
    """Sends the resident there and trusts that somebody answers (a hotline)."""

    address: str

    async def take_over(self, call: Call, task: CallTask, briefing: str) -> bool:
        """See ``Desk``; nobody is briefed."""
        return await _transferred(call, self.address, None)


@dataclass(frozen=True, slots=True)
class BriefedDesk:
    """Calls an extension, tells whoever answers what the resident wants, then joins the two.

    The resident is joined with the call that was briefed (REFER with Replaces, RFC 3891); a far end
    that cannot do that is sent to the extension instead, where it rings once more.
    """

    address: str
    transport: CallTransport
    speech: Speech
    clock: Clock
    ring_ms: int = 20_000

    async def take_over(self, call: Call, task: CallTask, briefing: str) -> bool:
        """See ``Desk``."""
        staff = replace(
            task, task_id=f"{task.task_id}-desk", callee=Callee("staff", "", self.address), caller=""
        )
        try:
            async with self.transport.dial(staff) as desk:
                if not await self._answered(desk) or not await self._briefed(desk, briefing):
                    return False
                if await _transferred(call, self.address, desk):
                    return True
        except CallError as error:
            _LOG.warning("desk_unreachable", code=error.code)
            return False
        return await _transferred(call, self.address, None)

    async def _answered(self, desk: Call) -> bool:
        try:
            async with asyncio.timeout(self.ring_ms / 1000):
                async for event in desk.events():
                    if event.kind == "answered":
                        return True
        except TimeoutError:
            _LOG.info("desk_did_not_answer")
        return False

    async def _briefed(self, desk: Call, briefing: str) -> bool:
        """Say it; ``False`` when the person hung up meanwhile. Without a voice they are joined unbriefed."""
        await self.clock.sleep_ms(_PICKED_UP_MS)
        try:
            frames = await self.speech.render(briefing)
        except EngineError as error:
            _LOG.warning("briefing_not_spoken", code=error.code)
            return True
        lasts_ms = sum(frame.duration_ms for frame in frames)
        return await desk.play(frames) >= 0.9 * lasts_ms


async def _transferred(call: Call, to: str, replacing: Call | None) -> bool:
    try:
        return await call.transfer(to, replacing)
    except CallError as error:
        _LOG.warning("transfer_failed", code=error.code)
        return False
