"""What a conversation is told: what was perceived, and what became of the call."""

from __future__ import annotations

from dataclasses import dataclass

from voice.notes import EndedBy
from voice.perceptions import Perception


@dataclass(frozen=True, slots=True)
class Answered:
    """The far end picked up."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The far end is no longer there."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The call must end politely: say the emergency sentence ``key``."""

    key: str
    by: EndedBy
    fault: str = ""


Input = Perception | Answered | Gone | Farewell
