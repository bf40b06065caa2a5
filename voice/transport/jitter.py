"""Puts arriving audio back in order on a steady 20 ms beat; pure, driven by ``put`` and ``tick``.

Audio lies in slots of 10 ms keyed by RTP timestamp, so that packets of 10, 20, 30 … ms mix.
The depth starts at 40 ms, grows when packets come late, and shrinks again when they do not.
"""

from __future__ import annotations

import numpy as np
from aiortp.plc import PcmConcealer

SLOT_SAMPLES = 80
SLOT_BYTES = SLOT_SAMPLES * 2
FRAME_SLOTS = 2
SILENCE = bytes(SLOT_BYTES * FRAME_SLOTS)

_MIN_DEPTH = 4  # slots: 40 ms
_MAX_DEPTH = 12
_OVERFLOW = 30  # beyond 300 ms old audio is skipped, a conversation cannot lag that far
_SLACK = 4
_QUIET = 300  # of 32768: a pause between words
_JUMP = 100  # a timestamp further away than 1 s is a new stream
_CALM_TICKS = 500  # 10 s without a late packet lowers the depth again
_RESTART_TICKS = 6  # silence beyond 120 ms is a pause: buffer up again before going on


class JitterBuffer:
    """``put`` decoded packets, ``tick`` every 20 ms; each tick gives exactly one frame of PCM."""

    def __init__(self) -> None:
        self.late = 0
        self.concealed = 0
        self._slots: dict[int, bytes] = {}
        self._base: int | None = None
        self._next = 0
        self._playing = False
        self._starved = _RESTART_TICKS  # nothing heard yet: buffer up first
        self._depth = _MIN_DEPTH
        self._calm = 0
        self._spare = _OVERFLOW
        self._concealer = PcmConcealer(sample_rate=8000)

    def reset(self) -> None:
        """Forget the stream (a new source begins)."""
        self._slots.clear()
        self._base = None
        self._playing = False
        self._starved = _RESTART_TICKS

    def put(self, timestamp: int, pcm: bytes) -> None:
        """Add one packet's samples; ``timestamp`` is its RTP time stamp at 8 kHz."""
        if self._base is None:
            self._base, self._next = timestamp, 0
        index = self._index(timestamp)
        if abs(index - self._next) > _JUMP:
            self.reset()
            self._base, self._next, index = timestamp, 0, 0
        if index < self._next and self._playing:
            self.late += 1
            self._calm = 0
            self._depth = min(self._depth + FRAME_SLOTS, _MAX_DEPTH)
            return
        if self._starved and not self._slots:
            self._next = index  # the pause, or what was lost in it, has already been played as silence
            self._playing = self._starved < _RESTART_TICKS
        for offset in range(0, len(pcm) - SLOT_BYTES + 1, SLOT_BYTES):
            self._slots[index + offset // SLOT_BYTES] = pcm[offset : offset + SLOT_BYTES]

    def tick(self) -> bytes:
        """Return the next 20 ms: received, concealed, or silence when nothing is known."""
        if not self._playing:
            if len(self._slots) < self._depth:
                self._starved += 1
                return self._fade()
            self._playing = True
            self._next = min(self._slots)
        if not self._slots:
            self._starved += 1
            self._playing = self._starved < _RESTART_TICKS
            return self._fade()
        self._starved = 0
        self._adapt()
        return self._take()

    def _index(self, timestamp: int) -> int:
        distance = (timestamp - (self._base or 0) + 0x80000000) % 0x100000000 - 0x80000000
        return distance // SLOT_SAMPLES

    def _take(self) -> bytes:
        parts: list[bytes] = []
        for _ in range(FRAME_SLOTS):
            slot = self._slots.pop(self._next, None)
            self._next += 1
            if slot is None:
                self.concealed += 1
                slot = self._concealer.conceal(SLOT_SAMPLES)
            else:
                self._concealer.update(slot)
            parts.append(slot)
        return b"".join(parts)

    def _skip(self) -> None:
        self._slots.pop(self._next, None)
        self._next += 1

    def _fade(self) -> bytes:
        if self._starved > _RESTART_TICKS:
            return SILENCE
        return self._concealer.conceal(SLOT_SAMPLES * FRAME_SLOTS)

    def _adapt(self) -> None:
        """Follow the sender's clock: drop 10 ms when the buffer never ran low for a while."""
        waiting = len(self._slots)
        self._spare = min(self._spare, waiting)
        self._calm += 1
        while waiting > _OVERFLOW:
            self._skip()
            waiting = len(self._slots)
        if waiting > self._depth + _SLACK and _quiet(self._slots.get(self._next, SILENCE)):
            self._skip()  # what a stall has piled up is caught up with in the next pauses
        if self._calm % 100 == 0:
            if self._spare > self._depth:
                self._skip()
            self._spare = _OVERFLOW
        if self._calm >= _CALM_TICKS:
            self._calm = 0
            self._depth = max(self._depth - FRAME_SLOTS, _MIN_DEPTH)


def _quiet(slot: bytes) -> bool:
    return bool(np.abs(np.frombuffer(slot, dtype="<i2").astype(np.int32)).max() < _QUIET)
