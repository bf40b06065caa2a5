"""What a worker does beside its calls, while no line is in use: rendering ahead, hearing again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from casework.types import CallRecord
from core.clock import SystemClock
from core.settings import Settings
from voice.assembly import Speaker
from voice.engines.factory import make_second
from voice.interfaces import Recognizer
from voice.second_pass import Archive, SecondEars, SecondPass


class Aside:
    """``idle`` says whether no call is under way; set it before ``run``."""

    def __init__(self, speaker: Speaker) -> None:
        self.idle: Callable[[], bool] = lambda: True
        self._speaker = speaker
        self._second: SecondPass | None = None

    async def prepare(self, settings: Settings, first: Recognizer, archive: Archive) -> None:
        """Load what hears recordings again. Raises ``ModelError``."""
        second = await asyncio.to_thread(make_second, settings, first)
        if second is not None:
            self._second = SecondPass(
                SecondEars(*second), settings.recordings_dir, archive, lambda: self.idle(), SystemClock()
            )

    def on_stored(self, record: CallRecord) -> None:
        """A call was stored: hear it again when there is time."""
        if self._second is not None:
            self._second.add(record)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._speaker.prefetch_fixed()
        await self._speaker.prefetch_policies(lambda: self.idle(), SystemClock())
        if self._second is not None:
            await self._second.run()
