"""The inbox over the store in memory: time is virtual, nothing is slept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from connectors.inbox import Inbox
from connectors.patience import Patience
from connectors.results import ResultRelay, intention_result
from connectors.store import MemoryStore
from connectors.texts import NOTICES, Texts
from connectors.types import START_CURSOR, EventType, Verdict
from core.clock import VirtualClock
from core.dialogue import ScriptedDialogue
from core.errors import BadInput, DialogueError, DialogueUnavailable, QueueError
from core.streams import MemoryQueue
from core.types import Answer, ConversationState, FieldValue, Reply, Result, Turn, TurnEvent
from tests.connectors.conftest import GatedDialogue, ListLedger
from tests.eventually import eventually

TEXTS = Texts(notices={code: f"<{code}>" for code in NOTICES}, page={}, cantonese={})
CLOCK_START = VirtualClock().now()


def turn(message_id: str = "m1", text: str = "您好", event: TurnEvent = TurnEvent.UTTERANCE) -> Turn:
    return Turn("web_a", "web", text, message_id, CLOCK_START, event=event)


def failing(times: int, error: Callable[[], Exception]) -> ScriptedDialogue:
    """A dialogue that fails ``times`` times, then answers."""

    def answer(given: Turn) -> Answer:
        if len(dialogue.turns) <= times:
            raise error()
        return Answer((Reply(f"答{given.message_id}"),))

    dialogue = ScriptedDialogue(answer)
    return dialogue


class Bench:
    """An inbox with its parts at hand."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.patience = patience
        self.inbox: Inbox | None = None

    async def run(self, dialogue: object, on_answer: object = None) -> Inbox:
        async def nothing(_turn: Turn, _answer: Answer) -> None:
            return None

        self.inbox = Inbox(
            self.store,
            dialogue,  # type: ignore[arg-type]
            TEXTS,
            on_answer=on_answer or nothing,  # type: ignore[arg-type]
            patience=self.patience,
            clock=self.clock,
        )
        await self.inbox.start()
        return self.inbox

    async def log(self, count: int) -> list[tuple[str, str]]:
        """Return type and text of the entries once there are ``count`` and nothing waits."""
        for _ in range(2_000):
            page = await self.store.since("web_a", START_CURSOR)
            if len(page.events) >= count and page.pending == 0:
                return [(event.type.value, event.text) for event in page.events]
            await asyncio.sleep(0)
        raise AssertionError([event.text for event in page.events])


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    if made.inbox is not None:
        await made.inbox.stop()


async def test_questions_are_answered_in_order(bench: Bench) -> None:
    """Three quick messages are put to the core one after another and answered in that order."""
    inbox = await bench.run(failing(0, DialogueError))
    for message_id in ("m1", "m2", "m3"):
        assert await inbox.accept(turn(message_id), "u") is Verdict.ACCEPTED
    log = await bench.log(6)
    assert [text for kind, text in log if kind == "reply"] == ["答m1", "答m2", "答m3"]


async def test_opening_a_window_leaves_no_message_of_the_citizen(bench: Bench) -> None:
    """A session start is answered, but nobody said anything."""
    inbox = await bench.run(failing(0, DialogueError))
    await inbox.accept(turn("start", "", TurnEvent.SESSION_START), "u")
    assert await bench.log(1) == [("reply", "答start")]


async def test_an_unreachable_core_is_asked_again_and_the_citizen_told_once(bench: Bench) -> None:
    """Five failures give one kind sentence and, in the end, the answer."""
    dialogue = failing(5, lambda: DialogueUnavailable("down"))
    inbox = await bench.run(dialogue)
    await inbox.accept(turn(), "u")
    assert await bench.log(3) == [("message", "您好"), ("notice", "<unavailable>"), ("reply", "答m1")]
    assert len({given.message_id for given in dialogue.turns}) == 1
    assert bench.clock.elapsed_ms >= 500 + 1_000 + 2_000 + 4_000 + 8_000


async def test_after_a_quarter_of_an_hour_the_citizen_is_asked_to_repeat(bench: Bench) -> None:
    """A core that stays away does not block the conversation for ever."""
    inbox = await bench.run(failing(10_000, lambda: DialogueUnavailable("down")))
    await inbox.accept(turn(), "u")
    assert (await bench.log(3))[-1] == ("notice", "<gave_up>")
    assert bench.clock.elapsed_ms >= Patience().give_up_ms


async def test_a_core_that_fails_on_a_turn_is_tried_three_times(bench: Bench) -> None:
    """Then the citizen is asked to put it differently, and the next message is answered."""
    dialogue = failing(3, lambda: DialogueError("broken"))
    inbox = await bench.run(dialogue)
    await inbox.accept(turn("m1"), "u")
    await inbox.accept(turn("m2"), "u")
    texts = [text for _, text in await bench.log(4)]
    assert texts[-2:] == ["<failed>", "答m2"]


async def test_a_refused_turn_is_not_tried_again(bench: Bench) -> None:
    """The core's refusal is final."""
    dialogue = failing(1, lambda: BadInput("no"))
    inbox = await bench.run(dialogue)
    await inbox.accept(turn(), "u")
    assert (await bench.log(2))[-1] == ("notice", "<failed>")
    assert len(dialogue.turns) == 1


async def test_a_slow_answer_is_announced_and_still_given(bench: Bench) -> None:
    """Past the deadline the citizen reads that it takes longer; the answer follows."""
    dialogue = GatedDialogue()
    inbox = await bench.run(dialogue)
    await inbox.accept(turn(), "u")

    async def announced() -> bool:
        return len((await bench.store.since("web_a", START_CURSOR)).events) == 2

    await eventually(announced, every_s=0)
    dialogue.gate.set()
    assert await bench.log(3) == [("message", "您好"), ("notice", "<slow>"), ("reply", "收到：您好")]


async def test_stopping_keeps_the_unanswered_turn_for_the_next_process(bench: Bench) -> None:
    """An inbox stopped in mid-answer leaves the turn; the next one answers it once."""
    stuck = GatedDialogue()
    first = await bench.run(stuck)
    await first.accept(turn(), "u")
    await eventually(lambda: bool(stuck.turns), every_s=0)
    await first.stop()
    await bench.run(failing(0, DialogueError))
    log = await bench.log(2)
    assert [entry for entry in log if entry[0] != "notice"] == [("message", "您好"), ("reply", "答m1")]


async def test_a_result_that_cannot_be_queued_holds_the_answer_back(bench: Bench) -> None:
    """The citizen is told "registered" only once the registration is safe."""
    tries: list[str] = []

    async def on_answer(given: Turn, _answer: Answer) -> None:
        tries.append(given.message_id)
        if len(tries) < 3:
            raise QueueError("down")

    inbox = await bench.run(failing(0, DialogueError), on_answer)
    await inbox.accept(turn(), "u")
    assert (await bench.log(3))[-1] == ("reply", "答m1")
    assert tries == ["m1", "m1", "m1"]


async def test_repeats_are_successes_and_answered_once(bench: Bench) -> None:
    """A resent message is acknowledged as a repeat and adds nothing."""
    inbox = await bench.run(failing(0, DialogueError))
    await inbox.accept(turn(), "u")
    await bench.log(2)
    assert await inbox.accept(turn(), "u") is Verdict.REPEAT
    assert len(await bench.log(2)) == 2


async def test_waiting_readers_wake_for_an_answer_and_for_the_end(bench: Bench) -> None:
    """A long poll ends with the first entry, and at once when the process stops."""
    inbox = await bench.run(failing(0, DialogueError))
    reading = asyncio.create_task(inbox.since("web_a", START_CURSOR, wait_ms=60_000))
    await asyncio.sleep(0)
    await inbox.accept(turn(), "u")
    page = await asyncio.wait_for(reading, 2)
    assert page.events[0].type is EventType.MESSAGE
    await bench.log(2)
    cursor = (await bench.store.since("web_a", START_CURSOR)).cursor
    reading = asyncio.create_task(inbox.since("web_a", cursor, wait_ms=60_000))
    await asyncio.sleep(0)
    await inbox.stop()
    assert (await asyncio.wait_for(reading, 2)).events == ()


def finished(message_id: str = "m9") -> tuple[Turn, Answer]:
    fields = {
        "district": FieldValue("天河区", "天河", message_id, 0.7),
        "expected_pay": FieldValue({"min": 4000}),
    }
    state = ConversationState(completed="job_intention", fields=fields, needs_review=("low_confidence",))
    return turn(message_id), Answer((Reply("好"),), state)


def test_a_finished_intention_becomes_a_result_with_its_evidence() -> None:
    """The result names its conversation, keeps every field and is the same when the turn is repeated."""
    clock = VirtualClock()
    result = intention_result(*finished(), clock)
    assert result is not None
    assert result.kind == "job_intention"
    assert result.source == "web_a"
    assert result.fields["district"].words == "天河"
    assert result.confidence == 0.7
    assert result.needs_review == ("low_confidence",)
    again = intention_result(*finished(), clock)
    assert again is not None
    assert again.result_id == result.result_id
    other = intention_result(*finished("m10"), clock)
    assert other is not None
    assert other.result_id != result.result_id
    assert intention_result(turn(), Answer((Reply("好"),)), clock) is None


async def test_the_relay_keeps_what_the_ledger_cannot_take() -> None:
    """A database that is down costs nothing: the result is saved when it is back."""
    clock = VirtualClock()
    queue: MemoryQueue[Result] = MemoryQueue(clock)
    ledger = ListLedger(down=True)
    relay = ResultRelay(queue, ledger, clock)
    await relay.on_answer(*finished())
    running = asyncio.create_task(relay.run())
    await eventually(lambda: clock.elapsed_ms >= 1_000, every_s=0)
    assert ledger.results == []
    ledger.down = False
    clock.advance_ms(20_000)
    await eventually(lambda: bool(ledger.results))
    running.cancel()
    assert [result.kind for result in ledger.results] == ["job_intention"]
