"""Speaks clauses into a call, one ahead, and reports what was really said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from core.errors import EngineError
from core.logs import get_log
from core.types import AudioFrame
from voice.clauses import Clause
from voice.interfaces import Call, Pausable
from voice.manner import Manner

_LOG = get_log("voice.speaking")

# A clause of which this share was sent counts as said: its last syllable fades anyway.
_SAID_SHARE = 0.95
_CUT_MARK = "…"
_WARM_CLAUSES = 2


class Speech(Protocol):
    """Gives the audio of a sentence, from a cache or a synthesiser."""

    async def render(self, text: str, manner: Manner = ...) -> Sequence[AudioFrame]:
        """Return frames of 20 ms at ``CALL_RATE_HZ``. Raises ``EngineError``."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """What came out. ``text`` holds the clauses that were heard; ``unsaid`` begins with one cut short."""

    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False
    unsaid: tuple[Clause, ...] = ()
    failures: int = 0
    share: float = 0.0  # of the first unsaid clause that was heard

    def missed(self) -> dict[str, str]:
        """What the core must know that it said in vain."""
        unheard = "".join(clause.text for clause in self.unsaid)
        return {"unheard": unheard} if unheard else {}


class Mouth:
    """Our side of one call. ``on_clause`` is told before each clause whether it is protected."""

    def __init__(
        self,
        call: Call,
        speech: Speech,
        *,
        now_ms: Callable[[], int],
        on_clause: Callable[[bool], None],
        render_limit_ms: int,
    ) -> None:
        self._call = call
        self._speech = speech
        self._now_ms = now_ms
        self._on_clause = on_clause
        self._render_limit_s = render_limit_ms / 1000
        self._stopped = False
        self._protected = False

    def stop(self) -> None:
        """Fall silent at once, unless a protected clause is being said."""
        if not self._protected:
            self._stopped = True
            self._call.clear()
            self.hold(False)

    def hold(self, paused: bool) -> None:
        """Pause in mid-word, or go on there; a protected clause does not pause."""
        if isinstance(self._call, Pausable):
            self._call.pause(paused and not self._protected)

    async def say(self, clauses: Sequence[Clause], *, hold: Callable[[], bool]) -> Spoken:
        """Say ``clauses`` in order until done or stopped.

        ``hold`` tells whether the other side is speaking: an unprotected clause does not start then.
        """
        self._stopped = False
        self._protected = False
        self.hold(False)
        said: list[str] = []
        failures = 0
        start_ms = self._now_ms()
        upcoming = self._prepare(clauses, 0)
        try:
            for index, clause in enumerate(clauses):
                frames = await upcoming if upcoming is not None else ()
                upcoming = self._prepare(clauses, index + 1)
                if not frames:
                    failures += 1
                    continue
                if self._stopped or (hold() and not clause.protected):
                    return self._cut(said, clauses[index:], start_ms, failures)
                if not said:
                    start_ms = self._now_ms()
                share = await self._play(clause, frames)
                if share < _SAID_SHARE:
                    if share > 0:
                        said.append(_CUT_MARK)
                    return replace(self._cut(said, clauses[index:], start_ms, failures), share=share)
                said.append(clause.text)
        finally:
            self._protected = False
            if upcoming is not None:
                upcoming.cancel()
        return Spoken("".join(said), start_ms, self._now_ms(), failures=failures)

    async def warm(self, clauses: Sequence[Clause]) -> None:
        """Render what would be said first, so that it is in the cache when it is needed."""
        for clause in clauses[:_WARM_CLAUSES]:
            await self._render(clause)

    async def _play(self, clause: Clause, frames: Sequence[AudioFrame]) -> float:
        self._protected = clause.protected
        self._on_clause(clause.protected)
        sent_ms = await self._call.play(frames)
        return sent_ms / max(1.0, _audible_ms(frames))

    def _prepare(self, clauses: Sequence[Clause], index: int) -> asyncio.Task[Sequence[AudioFrame]] | None:
        if index >= len(clauses):
            return None
        return asyncio.create_task(self._render(clauses[index]))

    async def _render(self, clause: Clause) -> Sequence[AudioFrame]:
        try:
            async with asyncio.timeout(self._render_limit_s):
                return await self._speech.render(clause.text, clause.manner)
        except (EngineError, TimeoutError) as error:
            _LOG.error("synthesis_failed", error=type(error).__name__, chars=len(clause.text))
            return ()

    def _cut(self, said: list[str], unsaid: Sequence[Clause], start_ms: int, failures: int) -> Spoken:
        return Spoken("".join(said), start_ms, self._now_ms(), True, tuple(unsaid), failures)


def _audible_ms(frames: Sequence[AudioFrame]) -> float:
    """How long the frames sound, without the pause at their end: who talks into that cuts nothing off."""
    audible = len(frames)
    while audible > 1 and not any(frames[audible - 1].pcm):
        audible -= 1
    return sum(frame.duration_ms for frame in frames[:audible])
