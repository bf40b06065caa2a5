"""Recognisers that are told the words: conversations at text level, with the timing of speech.

The audio is real and does what audio does (voice activity, end-pointing, interruption); only the
words come from whoever speaks, through a ``WordLine``. So the rest of a call can be tested in a
variety that no engine at hand hears, and measured as with a streaming engine that keeps real time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from core.types import AudioFrame, Transcript
from voice.interfaces import FRAME_MS
from voice.words import bare

_CONFIDENCE = 0.95
# What was heard before the utterance's first frame reached us on the wire belongs to it.
_WIRE_S = 0.1


@dataclass(frozen=True, slots=True)
class _Character:
    text: str
    at_s: float  # its middle


class WordLine:
    """What one side of a call says and when, in seconds of the event loop's clock."""

    def __init__(self) -> None:
        self._characters: list[_Character] = []

    def say(self, text: str, start_s: float, end_s: float) -> None:
        """``text`` sounds from ``start_s`` to ``end_s``, every character for the same time."""
        characters = bare(text)
        step = (end_s - start_s) / max(1, len(characters))
        self._characters += [
            _Character(character, start_s + (index + 0.5) * step)
            for index, character in enumerate(characters)
        ]

    def cut(self, at_s: float) -> None:
        """The speaker fell silent: what was to sound later never did."""
        self._characters = [item for item in self._characters if item.at_s < at_s]

    def between(self, from_s: float, to_s: float) -> str:
        """Return the characters that sounded in a stretch of time."""
        return "".join(item.text for item in self._characters if from_s <= item.at_s < to_s)


class ToldRecognizer:
    """``voice.interfaces.Recognizer`` for one leg of one call, fed by the other end's ``WordLine``.

    Partials lag ``lag_ms`` behind the sound, as a streaming engine's do; the final transcript comes
    ``final_ms`` after the last frame. ``mishear`` changes the words on their way.
    """

    streaming = True

    def __init__(
        self,
        words: WordLine,
        *,
        lag_ms: int = 200,
        final_ms: int = 60,
        mishear: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._words = words
        self._lag_s = lag_ms / 1000
        self._final_s = final_ms / 1000
        self._mishear = mishear
        self._origin_s = float("inf")

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``voice.interfaces.Recognizer``; never raises."""
        clock = asyncio.get_running_loop().time
        start: int | None = None
        end, told = 0, ""
        async for frame in frames:
            start = frame.at_ms if start is None else start
            end = frame.at_ms + FRAME_MS
            # The frame that arrived with the least delay tells when the call's clock began.
            self._origin_s = min(self._origin_s, clock() - end / 1000)
            text = self._between(start, end, self._lag_s)
            if text != told:
                told = text
                yield Transcript(text, False, _CONFIDENCE, start, end)
        await asyncio.sleep(self._final_s)
        text = self._between(start or 0, end, 0.0) if start is not None else ""
        yield Transcript(text, True, _CONFIDENCE if text else 0.0, start or 0, end)

    def _between(self, start_ms: int, end_ms: int, lag_s: float) -> str:
        from_s = self._origin_s + start_ms / 1000 - _WIRE_S
        return self._mishear(self._words.between(from_s, self._origin_s + end_ms / 1000 - lag_s))


class Overheard:
    """``voice.interfaces.Recognizer`` for whole sentences that are handed over once they were said.

    A turn's words may be handed over a little after its audio ended: they are waited for.
    """

    streaming = False

    def __init__(self, patience_s: float = 2.0) -> None:
        self._patience_s = patience_s
        self._said: asyncio.Queue[str] = asyncio.Queue()

    def hand_over(self, text: str) -> None:
        """The other side has just said ``text``."""
        self._said.put_nowait(text)

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """Yield everything that was said since the last time."""
        start: int | None = None
        end = 0
        async for frame in frames:
            start = frame.at_ms if start is None else start
            end = frame.at_ms + FRAME_MS
        parts: list[str] = []
        try:
            async with asyncio.timeout(self._patience_s):
                parts.append(await self._said.get())
        except TimeoutError:
            pass
        while not self._said.empty():
            parts.append(self._said.get_nowait())
        text = "".join(parts)
        yield Transcript(text, True, _CONFIDENCE if text else 0.0, start or 0, end)
