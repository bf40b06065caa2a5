"""Finds where an utterance begins and ends, from speech probability and partial text, clocked by frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from voice.interfaces import FRAME_MS
from voice.turns import Turn, is_phone_number, judge
from voice.words import VoiceWords, bare

_NUMERALS = frozenset("0123456789零一二两三四五六七八九十百千万")


# What is whole and this short is an answer, not the beginning of a story.
_SHORT_CHARS = 4
# Somebody who paused so long and then went on needs more time; that much more each time, up to a limit.
_THOUGHT_MS = 400
_SLOWER = 1.15
_SLOWEST = 2.0


class Pace(Enum):
    """How finished a partial transcript looks."""

    UNKNOWN = "unknown"  # no text: voice activity is all there is
    QUICK = "quick"  # a whole short answer
    STEADY = "steady"
    COUNTING = "counting"  # an amount: 四千 may become 四千五
    PATIENT = "patient"  # part of a number, "嗯…", "因为": more is coming


def pace_of(partial: str, words: VoiceWords) -> Pace:
    """Judge a partial transcript by its ending."""
    text = bare(partial)
    if not text:
        return Pace.UNKNOWN
    if text in words.complete:
        return Pace.QUICK
    if judge(partial, words) is not Turn.FINISHED:
        return Pace.PATIENT
    if text[-1] in _NUMERALS and not is_phone_number(text):
        return Pace.COUNTING
    return Pace.QUICK if len(text) <= _SHORT_CHARS else Pace.STEADY


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """Thresholds: probabilities 0–1, times in ms."""

    voiced_at: float = 0.5  # a frame from this probability on counts as speech …
    voiced_until: float = 0.35  # … and stays speech down to this one
    onset_ms: int = 80  # voiced time inside the window that makes an onset
    onset_window_ms: int = 200
    pre_roll_ms: int = 300  # audio before the onset that the recogniser gets
    wait_unknown_ms: int = 640
    wait_quick_ms: int = 240
    wait_steady_ms: int = 440
    wait_counting_ms: int = 900
    wait_patient_ms: int = 1800
    pause_ms: int = 200  # silence after which the words so far are worth a guess
    max_utterance_ms: int = 20_000
    noise_ms: int = 120  # less voiced time than this is a click or a breath

    def wait_ms(self, pace: Pace, patience: float = 1.0) -> int:
        """Silence after which an utterance of this pace is over; a quick answer is quick for everybody."""
        if pace is Pace.QUICK:
            return self.wait_quick_ms
        waits = {
            Pace.UNKNOWN: self.wait_unknown_ms,
            Pace.STEADY: self.wait_steady_ms,
            Pace.COUNTING: self.wait_counting_ms,
            Pace.PATIENT: self.wait_patient_ms,
        }
        return round(waits[pace] * patience)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone began to talk at ``onset_ms``; audio from ``from_ms`` on belongs to the utterance."""

    onset_ms: int
    from_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance lies in ``onset_ms``…``end_ms`` (its last voiced frame); noticed at ``decided_ms``."""

    onset_ms: int
    end_ms: int
    decided_ms: int
    voiced_ms: int
    cut: bool = False  # ended by ``max_utterance_ms``, not by silence


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Silence within an utterance that may be its end: time to guess what it says."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The utterance went on after ``SpeechPaused``."""

    at_ms: int


Change = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded


class Endpointer:
    """One leg's end-pointing. Feed every frame in order.

    ``patience`` stretches the waits: above 1 for people who pause long. It grows by itself when
    somebody thinks for long and then goes on.
    """

    def __init__(self, rules: EndpointRules, words: VoiceWords, *, patience: float = 1.0) -> None:
        self._rules = rules
        self._words = words
        self.patience = patience
        self._paused = False
        self._judged = ("", Pace.UNKNOWN)
        self._recent: deque[tuple[int, bool]] = deque(maxlen=max(1, rules.onset_window_ms // FRAME_MS))
        self._onset: int | None = None
        self._first_ms: int | None = None
        self._last_voiced = 0
        self._voiced_ms = 0
        self._was_voiced = False

    @property
    def talking(self) -> bool:
        """Whether an utterance is open."""
        return self._onset is not None

    @property
    def voiced(self) -> bool:
        """Whether the last frame was speech."""
        return self._was_voiced

    @property
    def voiced_ms(self) -> int:
        """Voiced time of the open utterance."""
        return self._voiced_ms if self._onset is not None else 0

    def feed(
        self, at_ms: int, probability: float, partial: str = "", *, pending: bool = False
    ) -> Change | None:
        """Take the frame that begins at ``at_ms``; say what changed with it.

        ``pending``: the words are being recognised right now, so that waiting for them costs nothing.
        """
        rules = self._rules
        if self._first_ms is None:
            self._first_ms = at_ms
        voiced = probability >= (rules.voiced_until if self._was_voiced else rules.voiced_at)
        self._was_voiced = voiced
        if self._onset is None:
            return self._maybe_start(at_ms, voiced)
        if voiced:
            return self._go_on(at_ms)
        now = at_ms + FRAME_MS
        quiet = now - self._last_voiced
        if quiet >= rules.wait_ms(self._pace(partial, pending), self.patience):
            return self._end(now, cut=False)
        if now - self._onset >= rules.max_utterance_ms:
            return self._end(now, cut=True)
        if quiet >= rules.pause_ms and not self._paused and self._voiced_ms >= rules.noise_ms:
            self._paused = True
            return SpeechPaused(now)
        return None

    def resumed_after(self, quiet_ms: int) -> None:
        """Somebody went on after so much silence: wait longer for them from now on."""
        if quiet_ms >= _THOUGHT_MS:
            self.patience = min(_SLOWEST, self.patience * _SLOWER)

    def _pace(self, partial: str, pending: bool) -> Pace:
        if pending:
            return Pace.PATIENT
        if partial != self._judged[0]:
            self._judged = (partial, pace_of(partial, self._words))
        return self._judged[1]

    def _go_on(self, at_ms: int) -> Change | None:
        assert self._onset is not None  # noqa: S101 - callers checked it
        now = at_ms + FRAME_MS
        resumed = self._paused
        if resumed:
            self.resumed_after(at_ms - self._last_voiced)
        self._paused = False
        self._last_voiced = now
        self._voiced_ms += FRAME_MS
        if now - self._onset >= self._rules.max_utterance_ms:
            return self._end(now, cut=True)
        return SpeechResumed(now) if resumed else None

    def finish(self, at_ms: int) -> SpeechEnded | None:
        """Close the open utterance, if any: the line is going away."""
        return None if self._onset is None else self._end(max(at_ms, self._last_voiced), cut=False)

    def _maybe_start(self, at_ms: int, voiced: bool) -> SpeechStarted | None:
        self._recent.append((at_ms, voiced))
        heard = [at for at, was_voiced in self._recent if was_voiced]
        if not voiced or len(heard) * FRAME_MS < self._rules.onset_ms:
            return None
        self._onset = heard[0]
        self._paused = False
        self._last_voiced = at_ms + FRAME_MS
        self._voiced_ms = len(heard) * FRAME_MS
        self._recent.clear()
        earliest = self._first_ms if self._first_ms is not None else 0
        return SpeechStarted(heard[0], max(earliest, heard[0] - self._rules.pre_roll_ms))

    def _end(self, now: int, *, cut: bool) -> SpeechEnded:
        assert self._onset is not None  # noqa: S101 - callers checked it
        ended = SpeechEnded(self._onset, self._last_voiced, now, self._voiced_ms, cut)
        self._onset = None
        self._voiced_ms = 0
        self._paused = False
        self._recent.clear()
        return ended
