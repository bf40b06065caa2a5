"""The trained model, once per session, and a person to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.ids import new_id
from core.redis_server import RedisServer
from core.settings import Settings
from core.types import Answer, Turn, TurnEvent

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, 10:00 in Guangzhou


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the repository's present state, from the cache or trained now."""
    from bot.train import ensure_model

    return ensure_model(Settings(models_dir=tmp_path_factory.mktemp("models")), quiet=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def core(trained_model: Path, redis_server: RedisServer) -> AsyncIterator[Any]:
    """The dialogue core on the session's Redis (``bot.server.Core``)."""
    from bot.quiet import quieten

    quieten()
    from bot.server import Core

    redis = Redis.from_url(redis_server.url)
    folder = trained_model.parent
    core = Core(Settings(models_dir=folder, data_dir=folder / "data", redis_url=redis_server.url), redis)
    await core.start()
    yield core
    await core.stop()
    await redis.aclose()


@dataclass
class Person:
    """One side of a conversation; remembers the last answer."""

    core: Any
    channel: str
    conversation: str = field(default_factory=lambda: new_id("test"))
    said: int = 0
    at: datetime = AT

    async def says(self, *lines: str) -> Answer:
        """Say lines one after another and return the last answer."""
        for line in lines:
            answer = await self.does(TurnEvent.UTTERANCE, line)
        return answer

    async def does(self, event: TurnEvent, text: str = "", **metadata: Any) -> Answer:
        """Send one turn."""
        self.said += 1
        turn = Turn(self.conversation, self.channel, text, f"m{self.said}", self.at, event, metadata)
        answer: Answer = await self.core.respond(turn)
        return answer

    async def is_called(self, **facts: Any) -> Answer:
        """Pick up the phone."""
        return await self.does(
            TurnEvent.CALL_ANSWERED, name="陈小明", facts=facts, agency="广州市公共就业服务中心"
        )


@pytest.fixture
def person(core: Any) -> Callable[[str], Person]:
    """Return a function that makes a person on a channel."""
    return lambda channel: Person(core, channel)


def text_of(answer: Answer) -> str:
    """All that was said, in one string."""
    return "\n".join(reply.text for reply in answer.replies)
