"""From a finished job intention to the ledger, by way of a Redis stream that survives a restart."""

from __future__ import annotations

from casework.interfaces import ResultLedger
from core.clock import Clock
from core.errors import QueueError, StorageError
from core.ids import new_id, result_id
from core.interfaces import Queue
from core.logs import get_log
from core.types import Answer, Result, Turn

CHAT_RESULTS_STREAM = "nuanye:chat:results"
_GROUP = "ledger"
_STALE_MS = 10_000
_log = get_log("results")


def intention_result(turn: Turn, answer: Answer, clock: Clock) -> Result | None:
    """Return what this turn finished, or ``None``. A repeated turn gives the same ``result_id``."""
    if answer.state.completed != "job_intention":
        return None
    fields = dict(answer.state.fields)
    return Result(
        result_id=result_id("job_intention", f"{turn.conversation_id}/{turn.message_id}"),
        kind="job_intention",
        subject=turn.conversation_id,
        source=turn.conversation_id,
        channel=turn.channel,
        at=clock.now(),
        fields=fields,
        confidence=min((value.confidence for value in fields.values()), default=1.0),
        needs_review=answer.state.needs_review,
    )


class ResultRelay:
    """Moves results from the stream to the ledger; what the ledger cannot take now stays."""

    def __init__(self, queue: Queue[Result], ledger: ResultLedger, clock: Clock) -> None:
        self._queue = queue
        self._ledger = ledger
        self._clock = clock
        self._consumer = new_id("con")

    async def on_answer(self, turn: Turn, answer: Answer) -> None:
        """Publish what the turn finished. Raises ``QueueError``."""
        result = intention_result(turn, answer, self._clock)
        if result is not None:
            await self._queue.publish(result)
            _log.info("intention_finished", result=result.result_id)

    async def run(self) -> None:
        """Move results until cancelled."""
        while True:
            try:
                await self.step()
            except (QueueError, StorageError) as error:
                _log.error("result_not_saved", code=error.code, reason=str(error))
                await self._clock.sleep_ms(1_000)

    async def step(self, *, block_ms: int = 1_000, stale_ms: int = _STALE_MS) -> int:
        """Save what is there and return how many; first what another attempt left unfinished."""
        batch = await self._queue.claim_stale(_GROUP, self._consumer, idle_ms=stale_ms)
        batch = batch or await self._queue.read(_GROUP, self._consumer, count=10, block_ms=block_ms)
        for entry_id, result in batch:
            await self._ledger.save_result(result)
            await self._queue.ack(_GROUP, entry_id)
        return len(batch)
