"""Answers prepared while somebody may still be speaking: what the core would say, already rendered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.errors import BadInput, DialogueError
from core.interfaces import Dialogue, ForesightedDialogue
from core.logs import get_log
from core.tasks import end_tasks
from core.types import Turn
from voice.clauses import clauses_of
from voice.speaking import Mouth

_LOG = get_log("voice.foresight")


class Foresight:
    """Asks the core ahead of time. What it prepares shows only in how soon the real answer sounds.

    The same turn in earnest finds its answer ready in the core and its first sentences in the prompt
    cache; another one is answered as if nothing had been guessed.
    """

    def __init__(self, dialogue: Dialogue, mouth: Mouth, split: Callable[[str], tuple[str, ...]]) -> None:
        self._dialogue = dialogue
        self._mouth = mouth
        self._split = split
        self._tasks: set[asyncio.Task[None]] = set()

    def prepare(self, turn: Turn) -> None:
        """Begin to work out the answer to ``turn``; an earlier guess is given up."""
        if not isinstance(self._dialogue, ForesightedDialogue):
            return
        for task in self._tasks:
            task.cancel()
        task = asyncio.create_task(self._work_out(self._dialogue, turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is still being prepared."""
        await end_tasks(self._tasks)

    async def _work_out(self, dialogue: ForesightedDialogue, turn: Turn) -> None:
        try:
            answer = await dialogue.prepare(turn)
        except (DialogueError, BadInput) as error:
            _LOG.info("guess_failed", error=type(error).__name__)
            return
        await self._mouth.warm(clauses_of(answer.replies, self._split))
