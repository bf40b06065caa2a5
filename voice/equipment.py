"""What all calls of a worker share, and what is set for one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.clock import Clock
from core.interfaces import Dialogue
from core.types import CallTask
from voice.answering import Answering, load_answering
from voice.clauses import split_clauses
from voice.desk import Desk
from voice.endpointing import EndpointRules
from voice.interfaces import CallTransport, Recognizer, VoiceActivity
from voice.limits import SessionLimits
from voice.speaking import Speech
from voice.words import VoiceWords

# A campaign's or a person's variable of this name says how long their pauses are waited for.
PATIENCE_VARIABLE = "patience"
_PATIENCE = {"quick": 0.85, "usual": 1.0, "elderly": 1.5}
_BIRTH_YEAR = "birth_year"  # of the register, where a plan asks for it
_ELDERLY_FROM = 60


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all calls of a worker share. ``prefetch`` renders what a call is going to need."""

    transport: CallTransport
    dialogue: Dialogue
    recognizer: Recognizer
    speech: Speech
    make_activity: Callable[[], VoiceActivity]
    words: VoiceWords
    clock: Clock
    limits: SessionLimits
    agency: str
    desk: Desk | None = None
    prefetch: Callable[[CallTask], Awaitable[None]] | None = None
    recordings_dir: Path | None = None
    split: Callable[[str], tuple[str, ...]] = split_clauses
    labels: Mapping[str, str] = field(default_factory=dict)  # engine names, for the record
    rules: EndpointRules = EndpointRules()
    answering: Answering = field(default_factory=load_answering)


def patience_for(task: CallTask, year: int) -> float:
    """How much longer than usual this callee's pauses are waited for, as a factor.

    The variable ``patience`` (``quick``, ``usual``, ``elderly``) decides; without it the year of birth.
    """
    named = task.variables.get(PATIENCE_VARIABLE, "")
    if named in _PATIENCE:
        return _PATIENCE[named]
    born = task.variables.get(_BIRTH_YEAR, "")
    if born.isascii() and born.isdigit() and year - int(born) >= _ELDERLY_FROM:
        return _PATIENCE["elderly"]
    return 1.0
