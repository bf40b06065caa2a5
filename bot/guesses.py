"""Answers to turns that are not over yet: worked out in advance, without a trace until they are asked for.

A door that hears somebody fall silent may ask what it would say (``POST /v1/turns?speculative``). The turn
runs on a copy of the conversation; answer and copy wait here. The real turn, if it has the same message id
and the same words, then only has to be committed; any other turn throws the guess away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from redis.asyncio import Redis

from core.codec import from_json, to_json
from core.errors import BadInput
from core.types import Answer, Turn

GUESS_SECONDS = 60
# The recogniser's final text may come with another confidence; the answer does not depend on it.
_UNIMPORTANT = frozenset({"confidence"})


@dataclass(frozen=True, slots=True)
class Guess:
    """One speculative turn: what it was, what the answer is, the conversation as it would be afterwards."""

    fingerprint: str
    answer: Answer
    tracker: str


def fingerprint(turn: Turn, model: str) -> str:
    """Identify a turn by everything its answer depends on, except its time."""
    metadata = {key: turn.metadata[key] for key in sorted(turn.metadata) if key not in _UNIMPORTANT}
    parts = [turn.message_id, turn.channel, turn.event.value, turn.text, metadata, model]
    return hashlib.sha256(to_json(parts)).hexdigest()


def guess_key(conversation_id: str) -> str:
    """The Redis key of a conversation's only guess."""
    return f"nuanye:guess:{conversation_id}"


async def keep(redis: Redis, turn: Turn, guess: Guess) -> None:
    """Store ``guess`` in place of an earlier one."""
    await redis.set(guess_key(turn.conversation_id), to_json(guess), ex=GUESS_SECONDS)


async def forget(redis: Redis, turn: Turn) -> None:
    """Drop the conversation's guess."""
    await redis.delete(guess_key(turn.conversation_id))


def matching(stored: bytes | str | None, print_: str) -> Guess | None:
    """Return the stored guess when it is about this very turn."""
    if stored is None:
        return None
    try:
        guess = from_json(stored, Guess)
    except BadInput:
        return None
    return guess if guess.fingerprint == print_ else None
