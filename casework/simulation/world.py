"""The people's side of a simulated contact: who answers when, and how it ends. Pure, from one seed.

The rates are assumptions, not measurements; ``docs/campaigns.md`` lists them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from core.clock import CHINA
from core.types import Disposition

ANSWER_BY_HOUR = {9: 0.34, 10: 0.40, 11: 0.43, 14: 0.36, 15: 0.38, 16: 0.40, 17: 0.46, 18: 0.50}
_ANSWER_ELSE = 0.35
DEAD_NUMBERS = 0.04
NEVER_ANSWERS = 0.08
IMPORTED_BARRED = 0.004

_UNANSWERED = {
    Disposition.NO_ANSWER: 62,
    Disposition.BUSY: 10,
    Disposition.REJECTED: 12,
    Disposition.POWERED_OFF: 8,
    Disposition.UNREACHABLE: 8,
}
_ANSWERED = {
    Disposition.COMPLETED: 640,
    Disposition.PARTIAL: 55,
    Disposition.CALLBACK: 60,
    Disposition.REFUSED: 50,
    Disposition.OPT_OUT: 15,
    Disposition.WRONG_NUMBER: 20,
    Disposition.RELATIVE: 45,
    Disposition.TRANSFERRED: 15,
    Disposition.HUNG_UP: 65,
    Disposition.NO_SPEECH: 15,
    Disposition.VOICEMAIL: 17,
    Disposition.MEDIA_FAILED: 2,
    Disposition.INTERRUPTED: 1,
}
# Seconds on the line, from and to; what is not listed is a talk that broke off.
_SECONDS = {
    Disposition.NO_ANSWER: (30, 45),
    Disposition.BUSY: (4, 9),
    Disposition.REJECTED: (6, 25),
    Disposition.POWERED_OFF: (6, 12),
    Disposition.UNREACHABLE: (6, 15),
    Disposition.EMPTY_NUMBER: (5, 10),
    Disposition.SUSPENDED: (5, 10),
    Disposition.HUNG_UP: (12, 25),
    Disposition.VOICEMAIL: (30, 45),
}
_BROKEN_OFF = (25, 60)
_RING_S = (5, 25)


class World:
    """Draws endings. ``dead`` and ``quiet`` mark people whose number is dead or who never answer."""

    def __init__(self, people: int, rng: Random) -> None:
        self._rng = rng
        self.dead = bytearray(rng.random() < DEAD_NUMBERS for _ in range(people))
        self.quiet = bytearray(rng.random() < NEVER_ANSWERS for _ in range(people))
        self._answered = (tuple(_ANSWERED), tuple(accumulate(_ANSWERED.values())))
        self._unanswered = (tuple(_UNANSWERED), tuple(accumulate(_UNANSWERED.values())))

    def call(self, person: int, at: datetime, talk_s: int) -> tuple[Disposition, int]:
        """Return how a call ends and how many seconds it holds its line."""
        rng = self._rng
        if self.dead[person]:
            ending = Disposition.EMPTY_NUMBER if person % 5 else Disposition.SUSPENDED
        elif self.quiet[person] or rng.random() >= ANSWER_BY_HOUR.get(_hour(at), _ANSWER_ELSE):
            ending = self._draw(self._unanswered)
        else:
            ending = self._draw(self._answered)
        if ending is Disposition.COMPLETED:
            return ending, rng.randint(*_RING_S) + round(talk_s * rng.uniform(0.7, 1.4))
        return ending, rng.randint(*_SECONDS.get(ending, _BROKEN_OFF))

    def callback(self, ended: datetime) -> datetime | None:
        """Return the time that somebody names who wants to be called again; every third names none."""
        if self._rng.random() < 1 / 3:
            return None
        return ended + timedelta(minutes=self._rng.randint(30, 4 * 24 * 60))

    def _draw(self, table: tuple[tuple[Disposition, ...], tuple[int, ...]]) -> Disposition:
        return self._rng.choices(table[0], cum_weights=table[1])[0]


def _hour(at: datetime) -> int:
    return at.astimezone(CHINA).hour
