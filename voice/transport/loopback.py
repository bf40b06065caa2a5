"""``CallTransport`` without a network: a fake for unit tests and a line for offline demonstrations.

Every 20 ms of the given clock both ends exchange one frame. With ``core.clock.VirtualClock`` a
minute of talk passes in milliseconds; the pump yields often enough for readers to keep up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from core.clock import Clock, SystemClock
from core.types import AudioFrame, CallEvent, CallTask, Disposition
from voice.interfaces import CALL_RATE_HZ, FRAME_MS, AudioTap, Call
from voice.transport.addresses import resolve
from voice.transport.causes import disposition_for
from voice.transport.feed import EventLog
from voice.transport.playback import FRAME_BYTES, PlaybackQueue, chop

_YIELDS = 12  # loop turns per frame, so that a chain of awaiting readers moves on
_SILENCE = bytes(FRAME_BYTES)


@dataclass(slots=True)
class LoopbackPeer:
    """The person at the other end. Times in ms.

    Rings for ``ring_ms``, playing ``early`` meanwhile; then refuses with SIP status ``reject`` or
    answers (``answers=False``: rings on). ``script`` holds ``(ms after the answer, action)``;
    actions are the methods below, e.g. ``(1000, lambda peer: peer.say(frames))``.
    """

    ring_ms: int = 0
    early: tuple[AudioFrame, ...] = ()
    reject: int = 0
    answers: bool = True
    accepts_transfer: bool = True
    script: tuple[tuple[int, Callable[[LoopbackPeer], None]], ...] = ()
    heard: list[AudioFrame] = field(default_factory=list)
    on_heard: Callable[[AudioFrame], None] | None = None
    transferred_to: str = ""
    joined_a_call: bool = False
    _speech: deque[bytes] = field(default_factory=deque)
    _deeds: list[tuple[str, str]] = field(default_factory=list)

    def say(self, frames: Iterable[AudioFrame]) -> None:
        """Speak, after what is already being said."""
        self._speech.extend(chop(frames))

    def press(self, digit: str) -> None:
        """Press a key."""
        self._deeds.append(("dtmf", digit))

    def hang_up(self) -> None:
        """End the call."""
        self._deeds.append(("hung_up", ""))

    def hold(self) -> None:
        """Put the caller on hold."""
        self._deeds.append(("held", ""))

    def resume(self) -> None:
        """Take the caller off hold."""
        self._deeds.append(("resumed", ""))

    def lose_media(self) -> None:
        """Vanish from the line."""
        self._deeds.append(("media_lost", ""))


class LoopbackCall:
    """``voice.interfaces.Call`` to a ``LoopbackPeer``."""

    def __init__(self, peer: LoopbackPeer, clock: Clock, ring_timeout_ms: int) -> None:
        self.tap: AudioTap | None = None
        self._peer, self._clock, self._ring_timeout_ms = peer, clock, ring_timeout_ms
        self._origin_ms = clock.monotonic_ms()
        self._log = EventLog()
        self._speech = PlaybackQueue()
        self._frames: deque[AudioFrame] = deque()
        self._changed = asyncio.Event()
        self._answered_ms: int | None = None
        self._early = deque(chop(peer.early))
        self._script = deque(sorted(peer.script, key=lambda step: step[0]))

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """See ``voice.interfaces.Call``."""
        while True:
            while self._frames:
                yield self._frames.popleft()
            if self._log.closed:
                return
            self._changed.clear()
            await self._changed.wait()

    def events(self) -> AsyncIterator[CallEvent]:
        """See ``voice.interfaces.Call``."""
        return self._log.follow()

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """See ``voice.interfaces.Call``."""
        return await self._speech.play(frames)

    def clear(self) -> None:
        """See ``voice.interfaces.Call``."""
        self._speech.clear()

    def pause(self, paused: bool) -> None:
        """See ``voice.interfaces.Pausable``."""
        self._speech.paused = paused

    async def transfer(self, to: str, replacing: Call | None = None) -> bool:
        """See ``voice.interfaces.Call``."""
        self._peer.joined_a_call = replacing is not None
        if self._answered_ms is None or self._log.closed or not self._peer.accepts_transfer:
            return False
        self._peer.transferred_to = to
        return True

    async def hangup(self) -> None:
        """See ``voice.interfaces.Call``."""
        ringing = self._answered_ms is None
        self._finish(
            "hung_up", by="us", code=487 if ringing else 0, reason="cancelled" if ringing else "hangup"
        )

    async def run(self) -> None:
        """Be the line until the call is over."""
        at_ms = 0
        if not self._peer.reject or self._peer.ring_ms:
            self._tell("ringing", code=180)
        if self._early:
            self._tell("early_media", code=183)
        while not self._log.closed:
            self._step(at_ms)
            at_ms += FRAME_MS
            wait_ms = self._origin_ms + at_ms - self._clock.monotonic_ms()
            await self._clock.sleep_ms(max(wait_ms, 0.0))
            for _ in range(_YIELDS):
                await asyncio.sleep(0)

    def _step(self, at_ms: int) -> None:
        if self._answered_ms is None:
            self._ring(at_ms)
        if self._answered_ms is not None:
            self._talk(at_ms - self._answered_ms)
        if self._log.closed or (self._answered_ms is None and not self._peer.early):
            return
        source = self._early if self._answered_ms is None else self._peer._speech
        frame = AudioFrame(source.popleft() if source else _SILENCE, CALL_RATE_HZ, at_ms)
        self._frames.append(frame)
        self._changed.set()
        if self.tap is not None:
            self.tap.heard(frame)
        speech = self._speech.next_frame() if self._answered_ms is not None else None
        if speech is not None:
            self._deliver(AudioFrame(speech, CALL_RATE_HZ, at_ms))

    def _ring(self, at_ms: int) -> None:
        if at_ms < self._peer.ring_ms:
            return
        if self._peer.reject:
            code = self._peer.reject
            self._finish("rejected", by="far", code=code, reason="", disposition=disposition_for(code))
        elif self._peer.answers:
            self._answered_ms = at_ms
            self._tell("answered", code=200)
        elif at_ms >= self._ring_timeout_ms:
            self._finish(
                "failed", by="us", code=487, reason="ring timeout", disposition=Disposition.NO_ANSWER
            )

    def _talk(self, since_answer_ms: int) -> None:
        while self._script and self._script[0][0] <= since_answer_ms:
            self._script.popleft()[1](self._peer)
        while self._peer._deeds and not self._log.closed:
            kind, digit = self._peer._deeds.pop(0)
            if kind == "dtmf":
                self._tell("dtmf", digit=digit)
                continue
            if kind in {"held", "resumed"}:
                self._tell(kind)
                continue
            if kind == "media_lost":
                self._tell("media_lost")
                self._finish("hung_up", by="us", reason="media lost")
            else:
                self._finish("hung_up", by="far", reason="bye")

    def _deliver(self, frame: AudioFrame) -> None:
        self._peer.heard.append(frame)
        if self._peer.on_heard is not None:
            self._peer.on_heard(frame)
        if self.tap is not None:
            self.tap.sent(frame)

    def _tell(self, kind: str, **detail: object) -> None:
        self._log.add(CallEvent(kind, round(self._clock.monotonic_ms() - self._origin_ms), detail))

    def _finish(self, kind: str, **detail: object) -> None:
        detail.setdefault("code", 0)
        self._tell(kind, **{k: str(v) if isinstance(v, Disposition) else v for k, v in detail.items()})
        self._speech.close()
        self._changed.set()


class LoopbackTransport:
    """Dials the peer that ``find`` returns for a task. Addresses are checked as SIP's are."""

    def __init__(
        self,
        find: Callable[[CallTask], LoopbackPeer],
        *,
        clock: Clock | None = None,
        ring_timeout_s: float = 45.0,
        trunk: str = "trunk.invalid",
    ) -> None:
        self._find = find
        self._clock = clock or SystemClock()
        self._ring_timeout_ms = round(ring_timeout_s * 1000)
        self._trunk = trunk

    @asynccontextmanager
    async def dial(self, task: CallTask) -> AsyncIterator[LoopbackCall]:
        """Ring the peer; see ``voice.interfaces.CallTransport``."""
        resolve(task.callee.address, self._trunk)
        call = LoopbackCall(self._find(task), self._clock, self._ring_timeout_ms)
        pump = asyncio.create_task(call.run())
        try:
            yield call
        finally:
            await call.hangup()
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
