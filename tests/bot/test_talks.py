"""At least 120 whole conversations over every topic, on both channels, through the trained model."""

from __future__ import annotations

from typing import Any

import pytest

from bot.knowledge.loader import load_entries
from tests.bot.talks import Conversation, conversations, hold

ALL = conversations()


@pytest.mark.rasa
@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("talk", ALL, ids=str)
async def test_the_conversation_goes_as_written(core: Any, talk: Conversation) -> None:
    """Every turn has the answer, the open question and the record that the file says."""
    await hold(core, talk)


def test_every_topic_is_talked_about_on_both_channels_in_at_least_120_conversations() -> None:
    """The count, and that no topic of the knowledge is missing."""
    assert len(ALL) >= 120
    topics = {entry.id: entry.topic for entry in load_entries()}
    for channel in ("web", "phone"):
        asked = [turn for talk in ALL if talk.channel == channel for turn in talk.turns]
        ids = {str(expected["policy"]) for _, expected in asked if isinstance(expected.get("policy"), str)}
        assert {topics[item] for item in ids if item} == set(topics.values()), channel
