"""What a call's ear reports. Times are ms since dialling."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heard:
    """Words. ``start_ms``…``end_ms`` is the talk itself; the other times say when we knew what."""

    text: str
    confidence: float
    start_ms: int
    end_ms: int
    decided_ms: int  # the end of the utterance was noticed
    ready_ms: int  # its text was there


@dataclass(frozen=True, slots=True)
class Unclear:
    """Speech without usable words; ``reason`` is ``no_words`` or ``recognizer``."""

    reason: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nobody spoke for the whole patience."""


@dataclass(frozen=True, slots=True)
class Dismissed:
    """A noise that needs no answer."""


@dataclass(frozen=True, slots=True)
class Key:
    """A DTMF key."""

    digit: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Guess:
    """What they may have said, if this pause should be their last: an answer can be prepared."""

    text: str


Perception = Heard | Unclear | Quiet | Dismissed | Key | Guess
