"""Who has the floor: one leg's frames in, signals out. Pure; the only clock is the frames' ``at_ms``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from voice.bargein import BargeIn, Reaction
from voice.endpointing import (
    Endpointer,
    EndpointRules,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from voice.interfaces import FRAME_MS
from voice.words import VoiceWords


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The other side took the floor: our speech must stop now."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Somebody speaks, it is not clear yet what: our speech pauses."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class GoOn:
    """It was a noise or a listening noise: our speech goes on where it paused."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was said for the whole patience after our speech ended."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """An utterance ended that nobody needs to answer: a click, a listening noise, talk over a notice."""

    speech: SpeechEnded


Signal = (
    SpeechStarted
    | SpeechPaused
    | SpeechResumed
    | SpeechEnded
    | Interrupted
    | HeldBack
    | GoOn
    | Silence
    | Discarded
)


class Floor(Enum):
    """Whose turn it is."""

    BOT = "bot"  # we are speaking
    RESIDENT = "resident"  # we are listening; the silence timer runs
    THINKING = "thinking"  # neither: an answer is being prepared


class TurnTaker:
    """One leg's turn-taking. ``feed`` every frame; tell it when we speak and when we have finished."""

    def __init__(
        self,
        rules: EndpointRules,
        words: VoiceWords,
        *,
        barge_in_ms: int,
        silence_ms: int,
        patience: float = 1.0,
    ) -> None:
        self._endpointer = Endpointer(rules, words, patience=patience)
        self._barge_in = BargeIn(barge_in_ms, words)
        self._rules = rules
        self._silence_ms = silence_ms
        self._floor = Floor.THINKING
        self._protected = False
        self._interrupted = False
        self._quiet_since = 0

    @property
    def floor(self) -> Floor:
        """Whose turn it is."""
        return self._floor

    @property
    def talking(self) -> bool:
        """Whether the other side is in the middle of an utterance."""
        return self._endpointer.talking

    @property
    def voiced(self) -> bool:
        """Whether the other side makes a sound right now."""
        return self._endpointer.voiced

    def bot_speaks(self, *, protected: bool) -> None:
        """We begin (or go on with) a reply; a protected one is not stopped by speech."""
        self._floor = Floor.BOT
        self._protected = protected
        self._interrupted = False
        self._barge_in.start(protected=protected, voiced_ms=self._endpointer.voiced_ms)

    def bot_done(self, at_ms: int) -> None:
        """Our speech ended at ``at_ms``: the silence timer starts there."""
        self._floor = Floor.RESIDENT
        self._quiet_since = at_ms

    @property
    def patience(self) -> float:
        """How much longer than usual this person's pauses are waited for."""
        return self._endpointer.patience

    def was_cut_off(self, quiet_ms: int) -> None:
        """We had taken them for finished after ``quiet_ms`` of silence, and they went on."""
        self._endpointer.resumed_after(quiet_ms)

    def think(self) -> None:
        """An answer is being prepared: silence is ours, not theirs."""
        self._floor = Floor.THINKING

    def feed(
        self, at_ms: int, probability: float, partial: str = "", *, pending: bool = False
    ) -> tuple[Signal, ...]:
        """Take the frame that begins at ``at_ms``; see ``Endpointer.feed``."""
        signals: list[Signal] = []
        change = self._endpointer.feed(at_ms, probability, partial, pending=pending)
        if change is not None and not isinstance(change, SpeechEnded):
            signals.append(change)
        if self._floor is Floor.BOT:
            signals += self._react(at_ms + FRAME_MS, partial)
        if isinstance(change, SpeechEnded):
            signals.append(self._judge(change))
        if self._endpointer.talking:
            self._quiet_since = at_ms + FRAME_MS
        elif self._floor is Floor.RESIDENT and at_ms + FRAME_MS - self._quiet_since >= self._silence_ms:
            self._floor = Floor.THINKING
            signals.append(Silence(at_ms + FRAME_MS))
        return tuple(signals)

    def _react(self, now_ms: int, partial: str) -> tuple[Signal, ...]:
        match self._barge_in.feed(self._endpointer.voiced, partial):
            case Reaction.STOP:
                self._interrupted = True
                return (Interrupted(now_ms),)
            case Reaction.PAUSE:
                return (HeldBack(now_ms),)
            case Reaction.GO_ON:
                return (GoOn(now_ms),)
        return ()

    def finish(self, at_ms: int) -> SpeechEnded | None:
        """The line is going away: close the open utterance, if it is worth recognising."""
        ended = self._endpointer.finish(at_ms)
        return ended if ended is not None and ended.voiced_ms >= self._rules.noise_ms else None

    def _judge(self, ended: SpeechEnded) -> Signal:
        over_bot = self._floor is Floor.BOT and not self._interrupted
        if ended.voiced_ms < self._rules.noise_ms or over_bot:
            return Discarded(ended)
        if self._floor is Floor.RESIDENT:
            self._floor = Floor.THINKING
        return ended
