"""What every channel keeps, whatever its platform: subclass, provide a ``harness``, and pass.

A harness opens the channel with a dialogue, sends as the platform does, and tells what users saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from casework.handover.types import HandoverEnd
from connectors.handover.staffing import Behind
from core.errors import DialogueUnavailable
from core.interfaces import Dialogue
from core.types import Answer, CallAction, Reply, Turn
from tests.connectors.conftest import QUICK
from tests.connectors.handover.conftest import Office
from tests.eventually import eventually

PATIENCE = replace(QUICK, deadline_ms=60_000)


class Harness(Protocol):
    """One channel under test."""

    async def open(self, dialogue: Dialogue) -> None:
        """Start the chat server with this channel; again: another process of the same installation."""
        ...

    async def close(self) -> None:
        """Stop the newest process."""
        ...

    async def say(self, user: str, text: str, key: str) -> None:
        """Deliver one message under the platform's identity ``key`` (digits), as the platform would."""
        ...

    async def forge(self, user: str, text: str) -> int:
        """Send what is not from the platform; return the HTTP status."""
        ...

    async def push(self, user: str, text: str) -> None:
        """Say something unasked to somebody who has written before."""
        ...

    def staffed(self, behind: Behind) -> None:
        """From the next ``open`` on staff may take over; the platform's own servicers are off duty."""
        ...

    async def seen(self, user: str) -> list[str]:
        """Return the sentences that reached a user, in order, split at blank lines."""
        ...


MakeHarness = Callable[[], Awaitable[Harness]]


class Notebook:
    """A dialogue that answers every turn with its words and remembers whom it was asked by."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.down = False

    async def respond(self, turn: Turn) -> Answer:
        self.turns.append(turn)
        await asyncio.sleep(0.01)
        if self.down:
            raise DialogueUnavailable("down")
        if turn.text == "人工":
            return Answer((Reply("答人工"), Reply("请问您住在哪个区？", call=CallAction.TRANSFER)))
        return Answer((Reply(f"答{turn.text}"),))


class ChannelContract:
    """The tests. ``harness`` is a fixture of the subclass's module."""

    async def answers(self, harness: Harness, user: str, wanted: list[str]) -> None:
        async def there() -> bool:
            return [text for text in await harness.seen(user) if text.startswith("答")] == wanted

        await eventually(there, within_s=20)
        await asyncio.sleep(0.3)
        assert await there()

    async def test_a_message_is_answered_once(self, harness: Harness) -> None:
        """One message, one turn on this channel, one answer."""
        book = Notebook()
        await harness.open(book)
        await harness.say("u1", "您好", "1")
        await self.answers(harness, "u1", ["答您好"])
        assert len({turn.message_id for turn in book.turns}) == 1

    async def test_a_repeat_is_the_same_message(self, harness: Harness) -> None:
        """Three deliveries under one key, two of them at once, are one turn and one answer."""
        book = Notebook()
        await harness.open(book)
        await asyncio.gather(harness.say("u1", "您好", "1"), harness.say("u1", "您好", "1"))
        await harness.say("u1", "您好", "1")
        await self.answers(harness, "u1", ["答您好"])
        assert len(book.turns) == 1

    async def test_messages_keep_their_order(self, harness: Harness) -> None:
        """What is written one after the other is answered in that order."""
        book = Notebook()
        await harness.open(book)
        for number in range(1, 5):
            await harness.say("u1", f"第{number}句", str(number))
        await self.answers(harness, "u1", [f"答第{number}句" for number in range(1, 5)])

    async def test_users_are_kept_apart(self, harness: Harness) -> None:
        """Two users with the same words and keys have two conversations."""
        book = Notebook()
        await harness.open(book)
        await asyncio.gather(harness.say("u1", "我是甲", "1"), harness.say("u2", "我是乙", "2"))
        await self.answers(harness, "u1", ["答我是甲"])
        await self.answers(harness, "u2", ["答我是乙"])
        assert len({turn.conversation_id for turn in book.turns}) == 2

    async def test_what_is_not_the_platforms_is_refused(self, harness: Harness) -> None:
        """A forged message is 401 or 403 and reaches nobody."""
        book = Notebook()
        await harness.open(book)
        assert await harness.forge("u1", "假的") in {401, 403}
        assert book.turns == []

    async def test_a_conversation_names_its_channel_and_not_its_user(self, harness: Harness) -> None:
        """The conversation's id begins with the channel's name and hides the platform's id of the user."""
        book = Notebook()
        await harness.open(book)
        await harness.say("user-13800138000", "您好", "1")
        await self.answers(harness, "user-13800138000", ["答您好"])
        turn = book.turns[0]
        assert turn.conversation_id.startswith(f"{turn.channel}_")
        assert "13800138000" not in turn.conversation_id + turn.message_id

    async def test_a_core_that_is_away_loses_nothing(self, harness: Harness) -> None:
        """A message that is taken while the core is away is answered when it is back, once."""
        book = Notebook()
        book.down = True
        await harness.open(book)
        saying = asyncio.create_task(harness.say("u1", "您好", "1"))
        await eventually(lambda: len(book.turns) >= 2)
        book.down = False
        await saying
        await self.answers(harness, "u1", ["答您好"])

    async def test_a_stop_loses_nothing(self, harness: Harness) -> None:
        """A process stops over an unanswered message: the next one answers it."""
        book, other = Notebook(), Notebook()
        book.down = True
        await harness.open(book)
        saying = asyncio.create_task(harness.say("u1", "您好", "1"))
        await eventually(lambda: bool(book.turns))
        await harness.close()
        await asyncio.gather(saying, return_exceptions=True)
        await harness.open(other)
        await self.answers(harness, "u1", ["答您好"])

    async def test_staff_can_write_unasked(self, harness: Harness) -> None:
        """What is pushed to somebody who has written reaches them after the answer."""
        await harness.open(Notebook())
        await harness.say("u1", "您好", "1")
        await self.answers(harness, "u1", ["答您好"])
        await harness.push("u1", "工作人员来了")

        async def there() -> bool:
            return (await harness.seen("u1"))[-1:] == ["工作人员来了"]

        await eventually(there)

    async def test_staff_take_over_and_give_back(self, harness: Harness, office: Office) -> None:
        """Asked for a person, the core is silent and asks nothing until staff have given back."""
        book = Notebook()
        harness.staffed(office.behind)
        await harness.open(book)
        await harness.say("u1", "人工", "1")
        handover = await office.claim()
        await harness.say("u1", "在吗", "2")
        await office.reads(handover, "在吗")
        await office.say(handover, "您好，请讲")

        async def heard() -> bool:
            return any(text.endswith("您好，请讲") for text in await harness.seen("u1"))

        await eventually(heard)
        assert await office.store.end_handover(handover.handover_id, HandoverEnd.RETURNED, staff="li.hua")
        await office.heeded(handover)
        await harness.say("u1", "谢谢", "3")
        await self.answers(harness, "u1", ["答人工", "答谢谢"])
        assert "请问您住在哪个区？" not in await harness.seen("u1")
        assert [turn.text for turn in book.turns if turn.text] == ["人工", "谢谢"]
