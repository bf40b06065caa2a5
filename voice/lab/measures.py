"""Pure: what one call was like, read off the recording made at the resident's end.

That recording holds the resident's voice as it was said (before the street's noise) and the bot's as it
arrived, so a pause in it is the pause that the resident lived through. The bot's own recording and record
are laid over it (``offset_between``) only to say which of the program's steps a pause was made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.types import Utterance
from voice.lab.legs import WINDOW_MS, Leg, Stretch

REPLY_WITHIN_MS = 4_000  # no sound of the bot for so long after a line: the turn was missed
STOPPED_WITHIN_MS = 1_500  # a bot that goes on longer after a noise was not stopped by it
_NEAR_MS = 500
PARTS = ("endpoint", "recognition", "dialogue", "synthesis")


@dataclass(frozen=True, slots=True)
class SaidLine:
    """A line of the resident in the recording; ``kind`` as in ``voice.resident.talk.Said``."""

    kind: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """One pause before a reply, and what the program says it was made of (ms; empty: not known)."""

    total_ms: int
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """One call. Counts are numbers of the resident's lines."""

    gaps: tuple[Gap, ...] = ()
    turns: int = 0
    false_cuts: int = 0
    missed_turns: int = 0
    barge_ins_ms: tuple[int, ...] = ()
    back_channels: int = 0
    false_stops: int = 0
    greeted_over: int = 0
    talk_over_ms: int = 0
    length_ms: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """The bot's record, moved onto the time line of the resident's recording."""

    utterances: tuple[Utterance, ...] = ()
    turn_gaps: tuple[Mapping[str, Any], ...] = ()

    def cut_offs(self) -> list[int]:
        """When sentences of the bot were broken off."""
        return [item.end_ms for item in self.utterances if item.speaker == "bot" and item.interrupted]

    def parts_by_reply(self) -> list[tuple[int, Mapping[str, int]]]:
        """Return when each reply began and what the pause before it was made of."""
        heard = {
            item.message_id for item in self.utterances if item.speaker == "resident" and item.message_id
        }
        replies: dict[str, int] = {}
        for item in self.utterances:
            if item.speaker == "bot" and item.message_id in heard:
                replies.setdefault(item.message_id, item.start_ms)
        return [
            (start, {part: int(gap[f"{part}_ms"]) for part in PARTS})
            for start, gap in zip(replies.values(), self.turn_gaps, strict=False)
        ]


def measure(
    lines: Sequence[SaidLine], resident: Sequence[Stretch], bot: Sequence[Stretch], program: Program
) -> Measured:
    """Measure one call; ``resident`` and ``bot`` are the stretches of the resident's recording.

    A line said before the bot's first sound is the greeting of somebody who picks up: no turn yet.
    """
    first_ms = min((item.start_ms for item in bot), default=0)
    answers = [line for line in lines if line.kind == "answer"]
    turns = [line for line in answers if line.start_ms > first_ms and not _sounding(bot, line.start_ms)]
    gaps: list[Gap] = []
    cuts = missed = 0
    end_ms = max((item.end_ms for item in (*resident, *bot)), default=0)
    parts = program.parts_by_reply()
    for line in turns:
        done = _voiced_end(resident, line)
        if any(line.start_ms < item.start_ms < done for item in bot):
            cuts += 1
            continue
        following = min((item.start_ms for item in lines if item.start_ms > line.end_ms), default=end_ms + 1)
        reply_ms = next((item.start_ms for item in bot if item.start_ms >= done), None)
        if reply_ms is not None and reply_ms <= min(following, done + REPLY_WITHIN_MS):
            gaps.append(Gap(reply_ms - done, _parts_of(parts, reply_ms)))
        else:
            missed += following <= end_ms or end_ms - done > REPLY_WITHIN_MS
    nods = [line for line in lines if line.kind == "back_channel" and _sounding(bot, line.start_ms)]
    return Measured(
        tuple(gaps),
        len(turns),
        cuts,
        missed,
        tuple(_barge_ins(lines, resident, bot)),
        len(nods),
        sum(_stopped(line, program.cut_offs()) for line in nods),
        sum(line.start_ms <= first_ms < _voiced_end(resident, line) for line in answers),
        _overlap(resident, bot),
        end_ms,
    )


def _voiced_end(resident: Sequence[Stretch], line: SaidLine) -> int:
    """Where the line's last sound ends: rendered sentences end in a moment of silence."""
    ends = [item.end_ms for item in resident if item.start_ms < line.end_ms and item.end_ms > line.start_ms]
    return min(max(ends, default=line.end_ms), line.end_ms + 100)


def _sounding(leg: Sequence[Stretch], at_ms: int) -> bool:
    return any(item.start_ms <= at_ms < item.end_ms for item in leg)


def _barge_ins(lines: Sequence[SaidLine], resident: Sequence[Stretch], bot: Sequence[Stretch]) -> list[int]:
    """From the onset of each interruption to the bot's silence. What began over silence is none."""
    found = []
    for line in lines:
        if line.kind != "interruption":
            continue
        onset = next((item.start_ms for item in resident if item.end_ms > line.start_ms), line.start_ms)
        over = next((item for item in bot if item.start_ms <= onset < item.end_ms), None)
        if over is not None:
            found.append(over.end_ms - onset)
    return found


def _stopped(nod: SaidLine, cut_offs: Sequence[int]) -> bool:
    return any(nod.start_ms - _NEAR_MS / 5 <= at <= nod.start_ms + STOPPED_WITHIN_MS for at in cut_offs)


def _parts_of(parts: Sequence[tuple[int, Mapping[str, int]]], reply_ms: int) -> Mapping[str, int]:
    near = [(abs(start - reply_ms), own) for start, own in parts if abs(start - reply_ms) <= _NEAR_MS]
    return min(near, key=lambda item: item[0])[1] if near else {}


def _overlap(resident: Sequence[Stretch], bot: Sequence[Stretch]) -> int:
    return sum(
        max(0, min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms))
        for one in resident
        for other in bot
    )


def offset_between(ours: Leg, theirs: Leg, rate_hz: int) -> int:
    """Return how many ms later a sound of ``ours`` lies in ``theirs``: two recordings of one voice."""
    one, other = (_envelope(leg, rate_hz) for leg in (ours, theirs))
    if not one.any() or not other.any():
        return 0
    size = one.size + other.size
    spectrum = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)))
    return (lag - size if lag > size // 2 else lag) * WINDOW_MS


def _envelope(leg: Leg, rate_hz: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    width = rate_hz * WINDOW_MS // 1000
    windows = leg[: len(leg) // width * width].reshape(-1, width).astype(np.float64)
    return np.asarray(np.log1p(np.sqrt((windows**2).mean(axis=1)) / 100), dtype=np.float64)
