"""What the conversation plan is made of. Frozen values; nothing here knows Rasa or a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.types import CallAction, Disposition, FieldValue, TurnEvent

JOB_INTENTION = "job_intention"
FOLLOW_UP = "follow_up"
PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Entity:
    """A name found in the text: ``district``, ``place`` or ``job``; offsets into ``Heard.text``."""

    kind: str
    value: str
    start: int
    end: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One turn as the plan sees it: normalised text plus what the classifier made of it."""

    text: str
    intent: str = ""
    confidence: float = 0.0
    entities: tuple[Entity, ...] = ()
    event: TurnEvent = TurnEvent.UTTERANCE
    message_id: str = ""
    at: datetime = field(default_factory=lambda: datetime.now().astimezone())
    channel: str = "web"
    callee: str = ""  # who was called; 我是李建国 names him
    doubtful: bool = False  # twice in a row heard too badly to be taken for an answer
    unheard: str = ""  # what of our last reply was cut off and never heard
    retry: bool = False  # the same question was just not understood: wording of one's own counts

    def sure(self, intent: str, at_least: float = 0.6) -> bool:
        """Say whether the classifier is sure enough of ``intent``."""
        return self.intent == intent and self.confidence >= at_least


@dataclass(frozen=True, slots=True)
class Update:
    """A field's new value, the words it came from, and how sure we are (0 to 1)."""

    field: str
    value: Any
    words: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Say:
    """A response of the domain with the values its sentence needs."""

    response: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memo:
    """All that is remembered between turns; each attribute is a Rasa slot of the same name."""

    activity: str = ""
    open_question: str = ""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    callee: str = ""
    agency: str = ""
    silences: int = 0
    unclears: int = 0
    flags: tuple[str, ...] = ()
    disposition: Disposition | None = None
    needs_review: tuple[str, ...] = ()

    def value(self, name: str) -> Any:
        """Return a field's value, ``None`` when it has none."""
        found = self.fields.get(name)
        return found.value if found is not None else None


@dataclass(frozen=True, slots=True)
class Step:
    """What a turn leads to.

    ``policy_question`` is to be answered before ``says``; ``replay`` asks for the last policy
    answer again; ``completed`` names the form that this turn finished.
    """

    memo: Memo
    says: tuple[Say, ...] = ()
    call: CallAction = CallAction.CONTINUE
    completed: str = ""
    policy_question: str = ""
    replay: bool = False
