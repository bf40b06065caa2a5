"""What a chat door remembers of a conversation, and the words its inbox is spoken to in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.types import Answer, Button, CallAction, Source, Turn

START_CURSOR = "0-0"

STAFF = "staff"
"""``Event.code`` of a reply that a member of staff wrote; its ``message_id`` is that of the line."""


class EventType(StrEnum):
    """Who an entry of the conversation's log comes from."""

    MESSAGE = "message"  # the citizen's own words, so that another window can show them
    REPLY = "reply"  # one reply of the dialogue core
    NOTICE = "notice"  # a sentence of the door itself; ``code`` says which


class Verdict(StrEnum):
    """What the inbox did with a turn. ``REPEAT`` is a success: the first delivery counts."""

    ACCEPTED = "accepted"
    REPEAT = "repeat"
    RATE_LIMITED = "rate_limited"  # this citizen writes too fast
    CROWDED = "crowded"  # earlier messages of this conversation are still unanswered
    BUSY = "busy"  # the whole service has too many unanswered messages


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a conversation's log.

    ``id`` is given by the log and is the cursor to continue after; ``message_id`` is the turn that
    the entry is, or answers. An answer of several replies is stored whole, numbered ``index`` of
    ``of``. ``spoken`` is what to read aloud instead of ``text``, where that differs. On its last
    reply, ``handover``: a person is to take over; ``completed`` and ``policy_ids`` are those of the
    conversation state.
    """

    type: EventType
    at: datetime
    message_id: str
    text: str
    code: str = ""
    buttons: tuple[Button, ...] = ()
    sources: tuple[Source, ...] = ()
    index: int = 0
    of: int = 1
    handover: bool = False
    completed: str = ""
    policy_ids: tuple[str, ...] = ()
    spoken: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    """What followed a cursor. ``pending`` counts the turns that still wait for their answer."""

    events: tuple[Event, ...]
    cursor: str
    pending: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the inbox takes on. Times in milliseconds."""

    messages_per_window: int = 20
    window_ms: int = 60_000
    pending_per_conversation: int = 5
    waiting_conversations: int = 2_000
    keep_ms: int = 24 * 3_600_000
    log_length: int = 500


def reply_events(turn: Turn, answer: Answer, at: datetime) -> tuple[Event, ...]:
    """Turn the dialogue core's answer into the entries that the log keeps."""
    last = len(answer.replies) - 1
    return tuple(
        Event(
            type=EventType.REPLY,
            at=at,
            message_id=turn.message_id,
            text=reply.text,
            buttons=reply.buttons,
            sources=reply.sources,
            index=index,
            of=last + 1,
            spoken=reply.spoken,
            handover=reply.call is CallAction.TRANSFER,
            completed=answer.state.completed if index == last else "",
            policy_ids=answer.state.policy_ids if index == last else (),
        )
        for index, reply in enumerate(answer.replies)
    )
