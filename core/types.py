"""Data that crosses a border between two of our packages.

Everything here is frozen and made of plain values, so that it can be written to JSON
(``core.codec``), compared in a test and shared between tasks. Times are timezone-aware
``datetime`` in UTC; durations and offsets are integers in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

RESULT_SCHEMA_VERSION = 1


class TurnEvent(StrEnum):
    """What happened on the citizen's side of a conversation."""

    UTTERANCE = "utterance"  # text was typed or recognised
    SESSION_START = "session_start"  # a chat window was opened
    CALL_ANSWERED = "call_answered"  # metadata carries the callee's known facts
    SILENCE = "silence"  # nothing was said within the open question's patience
    KEY = "key"  # text holds one DTMF digit, 0-9, * or #
    UNCLEAR = "unclear"  # speech was heard but not understood


class CallAction(StrEnum):
    """What follows a reply: on the phone all of it; a chat door that has staff heeds ``TRANSFER``."""

    CONTINUE = "continue"
    HANGUP = "hangup"
    TRANSFER = "transfer"


class Disposition(StrEnum):
    """How a call attempt ended. The Chinese names are in ``docs/glossary.md``."""

    COMPLETED = "completed"  # the follow-up reached its confirmed summary
    PARTIAL = "partial"  # some answers were given, then the call ended
    CALLBACK = "callback"  # another time was agreed
    REFUSED = "refused"  # did not want to talk now; may be asked again by rule
    OPT_OUT = "opt_out"  # "不要再打了": goes on the do-not-call list at once
    WRONG_NUMBER = "wrong_number"
    DECEASED = "deceased"  # said by whoever answered: nobody there is called again, staff look into it
    RELATIVE = "relative"  # somebody else answered and the person was not available
    TRANSFERRED = "transferred"  # asked for staff
    HUNG_UP = "hung_up"  # answered, then hung up before any answer
    NO_SPEECH = "no_speech"  # answered, nothing was ever heard
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"  # rang out
    BUSY = "busy"
    REJECTED = "rejected"  # declined while ringing
    POWERED_OFF = "powered_off"
    SUSPENDED = "suspended"
    EMPTY_NUMBER = "empty_number"
    UNREACHABLE = "unreachable"  # no route, no coverage, peer did not respond
    MEDIA_FAILED = "media_failed"  # answered, but no usable audio path (codec, no RTP)
    INTERRUPTED = "interrupted"  # our side stopped (worker killed, shutdown)
    FAILED = "failed"  # anything technical that has no better name


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing a citizen did, as the dialogue core receives it.

    ``message_id`` is unique within ``conversation_id``: the same pair is answered once.
    ``channel`` is ``web``, ``phone``, ``wechat`` …; ``text`` is at most 2,000 characters.
    """

    conversation_id: str
    channel: str
    text: str
    message_id: str
    at: datetime
    event: TurnEvent = TurnEvent.UTTERANCE
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Button:
    """A suggestion. Pressing it sends ``text`` exactly as if the citizen had typed it."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """What an answer rests on. ``url`` is empty when the page must not be handed out."""

    policy_id: str
    title: str
    document: str
    as_of: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to the citizen: ``text`` to read, ``spoken`` to say (empty: say ``text``).

    ``pace`` is the speed to say it at: 1.0 is the voice's own, 0.8 after somebody asked to go slower.
    """

    text: str
    spoken: str = ""
    buttons: tuple[Button, ...] = ()
    sources: tuple[Source, ...] = ()
    call: CallAction = CallAction.CONTINUE
    protected: bool = False  # must be heard to its end, speech over it does not stop it
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One fact a citizen gave, with the words it was taken from.

    ``message_id`` names the turn; the phone side adds where in the recording it was said.
    ``source`` is ``said`` (in this conversation), ``register`` (known before) or ``staff``.
    """

    value: Any
    words: str = ""
    message_id: str = ""
    confidence: float = 1.0
    source: str = "said"
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ConversationState:
    """What the dialogue core believes after a turn.

    ``open_question`` is the id of the question the next answer belongs to (``""``: none);
    ``keys`` are the DTMF digits that question offers; ``completed`` names the form that this
    very turn finished (``job_intention`` or ``follow_up``, ``""``: none). ``summary`` is what staff
    read before they take over: two lines of Chinese, who asked what, and what is known and open;
    empty while nothing was said. ``send_text`` names the policy whose text this very turn asked to
    get as a message (``""``: none).
    """

    open_question: str = ""
    keys: tuple[str, ...] = ()
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    disposition: Disposition | None = None
    completed: str = ""
    policy_ids: tuple[str, ...] = ()
    intent: str = ""
    needs_review: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    send_text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The dialogue core's whole response to one turn. ``replies`` is never empty."""

    replies: tuple[Reply, ...]
    state: ConversationState = field(default_factory=ConversationState)


@dataclass(frozen=True, slots=True)
class Callee:
    """Who is to be called. ``address`` is a SIP URI or a telephone number."""

    person_id: str
    name: str
    address: str
    district: str = ""


@dataclass(frozen=True, slots=True)
class CallTask:
    """One attempt, handed to a voice worker. ``task_id`` is the attempt's id.

    ``facts`` are the field values known before the call (``{"district": "天河区"}``);
    the attempt must not start after ``not_after``. ``script`` names the conversation to hold,
    ``variant`` the version of it that this person was assigned, ``variables`` what it may mention;
    ``caller`` is the number to call from (empty: the trunk's own).
    """

    task_id: str
    callee: Callee
    campaign_id: str
    facts: Mapping[str, Any]
    attempt: int
    not_after: datetime
    script: str = ""
    variant: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of talk in a finished call; times are offsets into the recording."""

    speaker: str  # "resident" or "bot"
    text: str
    start_ms: int
    end_ms: int
    message_id: str = ""
    confidence: float | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What was learnt, on its way to the districts and the console.

    ``result_id`` is derived from its source (``core.ids.result_id``), so a repeat is recognised.
    JSON Schema: ``docs/schema/result-v1.json``.
    """

    result_id: str
    kind: str  # "call", "job_intention", "correction"
    subject: str  # person id, or the chat conversation's id
    source: str  # attempt id or conversation id
    channel: str
    at: datetime
    fields: Mapping[str, FieldValue]
    disposition: Disposition | None = None
    confidence: float = 1.0
    needs_review: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = RESULT_SCHEMA_VERSION


class FeedbackOutcome(StrEnum):
    """What a district or a member of staff did about a result."""

    REVIEWED = "reviewed"  # looked at, nothing to do
    CONTACTED = "contacted"
    OFFERED = "offered"  # a job or a course was offered
    PLACED = "placed"  # in work again
    REFUSED = "refused"  # help was not wanted
    NOT_FOUND = "not_found"  # nobody could be reached


@dataclass(frozen=True, slots=True)
class Feedback:
    """A district's answer to a result. ``feedback_id`` is the sender's: a repeat is recognised by it.

    JSON Schema: ``docs/schema/feedback-v1.json``.
    """

    feedback_id: str
    result_id: str
    outcome: FeedbackOutcome
    by: str  # who says so: a district's system or a member of staff
    at: datetime
    note: str = ""
    schema_version: int = 1


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """16-bit little-endian mono samples. ``at_ms`` counts from the start of the stream."""

    pcm: bytes
    rate_hz: int
    at_ms: int = 0

    @property
    def duration_ms(self) -> float:
        """How long the frame sounds, in milliseconds."""
        return len(self.pcm) / 2 * 1000 / self.rate_hz


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser heard; ``start_ms``/``end_ms`` lie on the time line of its frames."""

    text: str
    final: bool
    confidence: float
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something the far end or the network did.

    ``kind``: ``rerouted`` (the trunk failed, the next one is tried), ``ringing``, ``early_media``,
    ``answered``, ``dtmf``, ``held``, ``resumed``, ``media_lost``, and as the last one ``rejected``
    (the far end's final answer), ``failed`` (it never came to a call) or ``hung_up``. ``detail``
    carries ``digit``; for the last event ``code`` (SIP, 0: none), ``reason``, ``by`` (``us``/``far``)
    and, where the network says how the attempt is to be stored, ``disposition``.
    """

    kind: str
    at_ms: int
    detail: Mapping[str, Any] = field(default_factory=dict)
