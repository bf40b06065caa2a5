"""A database for handovers, a clock that stands in office hours or after, and somebody at the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from casework.handover.rules import Patience
from casework.handover.types import Handover, HandoverState
from casework.store import Store, open_store
from connectors.handover.staffing import Behind
from core.clock import SystemClock
from core.settings import Settings
from core.types import Answer, CallAction, ConversationState, FieldValue, Reply, Turn
from tests.connectors.script import script
from tests.connectors.wechat.conftest import open_town
from tests.connectors.wechat_kf.conftest import open_service
from tests.connectors.wecom.conftest import open_corp
from tests.eventually import eventually

__all__ = ["open_corp", "open_service", "open_town"]

TEN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # a Monday, ten o'clock in China
NIGHT = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
SUMMARY = ("居民问：失业金怎么领", "在天河区，想请工作人员看材料")


@dataclass
class OfficeClock(SystemClock):
    """Waits like the machine's clock; the day and hour are the test's."""

    begins: datetime = TEN
    _zero_ms: float = field(default_factory=lambda: SystemClock().monotonic_ms())

    def now(self) -> datetime:
        return self.begins + timedelta(milliseconds=self.monotonic_ms() - self._zero_ms)

    def pass_time(self, **span: float) -> None:
        """Let hours go by at once."""
        self.begins += timedelta(**span)


@dataclass
class Office:
    """The database's side, as the console works on it."""

    store: Store
    clock: OfficeClock
    behind: Behind

    async def one(self, *states: HandoverState) -> Handover:
        """Wait for the only handover to be in one of ``states``."""
        found: list[Handover] = []

        async def there() -> bool:
            found[:] = await self.store.list_handovers(states)
            return len(found) == 1

        await eventually(there)
        return found[0]

    async def claim(self, staff: str = "li.hua") -> Handover:
        """Claim whoever waits, or the only task."""
        waiting = await self.one(HandoverState.WAITING, HandoverState.TASK)
        assert await self.store.claim_handover(waiting.handover_id, staff)
        return replace(waiting, staff=staff, version=waiting.version + 1)

    async def say(self, handover: Handover, text: str, line_id: str = "stf_1") -> None:
        """Write a line as the member of staff who has it."""
        assert await self.store.staff_says(handover.handover_id, handover.staff, line_id, text)

    async def delivery(self, handover: Handover, line_id: str = "stf_1") -> str:
        """Return what became of a line of staff."""
        lines = await self.store.handover_lines(handover.handover_id)
        return next((line.delivery for line in lines if line.line_id == line_id), "?")

    async def reads(self, handover: Handover, words: str) -> None:
        """Wait until staff can read this in the conversation."""

        async def there() -> bool:
            return words in [text for _, text in await self.talk(handover)]

        await eventually(there)

    async def heeded(self, handover: Handover) -> None:
        """Wait until the doors have acted on the newest change."""

        async def there() -> bool:
            found = await self.store.get_handover(handover.handover_id)
            return found is not None and found.heeded == found.version

        await eventually(there)

    async def talk(self, handover: Handover) -> list[tuple[str, str]]:
        """Return the whole conversation as staff see it."""
        return [(line.who, line.text) for line in await self.store.handover_lines(handover.handover_id)]


@pytest.fixture
async def office(tmp_path: Path, settings: Settings) -> AsyncIterator[Office]:
    """An SQLite database and a desk at ten in the morning."""
    clock = OfficeClock()
    url = f"sqlite+aiosqlite:///{tmp_path / 'office.db'}"
    async with await open_store(url, secret=b"x" * 32, clock=clock) as store:
        yield Office(store, clock, Behind(store, Patience(), clock))


def asks_for_staff(turn: Turn) -> Answer:
    """The script, with somebody who asks for a person, and somebody in danger."""
    if "人工" in turn.text:
        fields = {"district": FieldValue("天河区")}
        state = ConversationState(fields=fields, summary=SUMMARY)
        return Answer((Reply("好的，我帮您找工作人员。", call=CallAction.TRANSFER),), state)
    if "不想活" in turn.text:
        state = ConversationState(needs_review=("crisis",))
        return Answer((Reply("请拨打 12356。", call=CallAction.TRANSFER),), state)
    return script(turn)
