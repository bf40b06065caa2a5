"""The far end of a loopback call as a coroutine: the test plays a person, second by virtual second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from core.types import AudioFrame, CallTask
from tests.voice.virtual_time import LoopClock
from voice.engines.scripted import tone
from voice.interfaces import FRAME_MS
from voice.transport.loopback import LoopbackCall, LoopbackPeer, LoopbackTransport

FarEnd = Callable[["Person"], Awaitable[None]]


def hum(ms: int, hz: int = 350) -> tuple[AudioFrame, ...]:
    """So much audible "speech"."""
    return tuple(tone(index * FRAME_MS, hz) for index in range(ms // FRAME_MS))


class Person:
    """What somebody on the phone can do. All times are ms since dialling."""

    def __init__(self, peer: LoopbackPeer) -> None:
        self.peer = peer
        self.said: list[tuple[int, int, str]] = []
        self._origin = asyncio.get_running_loop().time()

    def now(self) -> int:
        """Milliseconds since dialling."""
        return round((asyncio.get_running_loop().time() - self._origin) * 1000)

    async def wait(self, ms: int) -> None:
        """Let time pass."""
        await asyncio.sleep(ms / 1000)

    async def say(self, text: str, ms: int = 800) -> None:
        """Talk for ``ms``."""
        self.said.append((self.now(), self.now() + ms + 2 * FRAME_MS, text))
        self.peer.say(hum(ms))
        await self.wait(ms)

    async def bot_starts(self) -> None:
        """Wait until the bot's next word."""
        seen = len(self.peer.heard)
        while len(self.peer.heard) == seen:
            await self.wait(FRAME_MS)

    async def bot_finishes(self, pause_ms: int = 300) -> None:
        """Wait until the bot has spoken and then kept silent for ``pause_ms``."""
        await self.bot_starts()
        while self.now() - self.peer.heard[-1].at_ms < pause_ms:
            await self.wait(FRAME_MS)

    async def reply(self, text: str, ms: int = 800) -> None:
        """Hear the bot out, then talk."""
        await self.bot_finishes()
        await self.say(text, ms)

    def words(self, start_ms: int, end_ms: int) -> str:
        """What was said in this stretch: the script of the recogniser."""
        return "".join(text for start, end, text in self.said if start < end_ms and end > start_ms)


class PersonTransport:
    """Dials ``peer``, played by ``far_end``."""

    def __init__(self, far_end: FarEnd, peer: LoopbackPeer | None = None) -> None:
        self._far_end = far_end
        self.peer = peer or LoopbackPeer(ring_ms=200)
        self.person: Person | None = None

    def words(self, start_ms: int, end_ms: int) -> str:
        """See ``Person.words``."""
        return self.person.words(start_ms, end_ms) if self.person else ""

    @asynccontextmanager
    async def dial(self, task: CallTask) -> AsyncIterator[LoopbackCall]:
        """See ``CallTransport``."""
        self.person = Person(self.peer)
        playing = asyncio.ensure_future(self._far_end(self.person))
        try:
            async with LoopbackTransport(lambda _: self.peer, clock=LoopClock()).dial(task) as call:
                yield call
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
