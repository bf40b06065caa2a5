"""One leg's audio: a 20 ms clock that sends what is to be said and hands out what is heard."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from core.logs import get_log
from core.types import AudioFrame
from voice.interfaces import CALL_RATE_HZ, FRAME_MS, AudioTap
from voice.transport.audible import Audible
from voice.transport.ports import PortRange, bind_pair
from voice.transport.rtcp import REPORT_TICKS, goodbye, report
from voice.transport.rtp_in import RtpIn
from voice.transport.rtp_out import RtpOut
from voice.transport.sdp import MediaTarget

_log = get_log("rtp")

_TICK_S = FRAME_MS / 1000
_CATCH_UP_S = 0.06  # after a longer stall speech waits for the beat: a burst would overrun the far end
_UNREAD_FRAMES = 3000  # one minute: nobody is listening, so the oldest goes


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._received(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """A closed far port shows up here; the media time-out judges it."""


@dataclass(slots=True)
class ClockStats:
    """``worst_gap_ms``: the longest time between two ticks that sent something."""

    ticks: int = 0
    worst_gap_ms: float = 0.0


class RtpMedia:
    """Sends and receives G.711 from ``bind`` until ``close``; times are ms since ``origin_s``.

    ``may_speak`` lets queued speech out (before the answer only silence is sent); ``quiet`` stops
    sending altogether; ``lost_after_s`` is how long the far end may be mute before ``on_lost``
    is called once (0: never).
    """

    def __init__(self, origin_s: float, on_key: Callable[[str], None], on_lost: Callable[[], None]) -> None:
        self.tap: AudioTap | None = None
        self.target: MediaTarget | None = None
        self.may_speak = False
        self.quiet = False
        self.lost_after_s = 0.0
        self.stats = ClockStats()
        self.port = 0
        self.out, self.inp, self.audible = RtpOut(), RtpIn(), Audible()
        self._origin_s, self._on_key, self._on_lost = origin_s, on_key, on_lost
        self._frames: deque[AudioFrame] = deque(maxlen=_UNREAD_FRAMES)
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._rtp: asyncio.DatagramTransport | None = None
        self._rtcp: asyncio.DatagramTransport | None = None
        self._due_s = self._ticked_s = self._heard_s = 0.0
        self._at_ms = 0
        self._closed = False

    async def bind(self, host: str, ports: PortRange) -> None:
        """Take a port pair. Raises ``CallError`` when none is free."""
        rtp, rtcp = bind_pair(host, ports)
        self.port = rtp.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._rtp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._receive), sock=rtp)
        self._rtcp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._alive), sock=rtcp)

    @property
    def started(self) -> bool:
        """Whether the clock runs."""
        return self._timer is not None

    def connect(self, target: MediaTarget) -> None:
        """Talk to ``target`` from now on, and start the clock if it does not run yet."""
        if self.target is not None and (target.host, target.port) != (self.target.host, self.target.port):
            self.inp.unlatch()
        self.target = target
        self._heard_s = asyncio.get_running_loop().time()
        if self._timer is None and not self._closed:
            self._due_s = self._heard_s
            self._at_ms = round((self._due_s - self._origin_s) * 1000)
            self._tick()

    def watch(self, lost_after_s: float) -> None:
        """Count the far end's silence from now on."""
        self.lost_after_s = lost_after_s
        self._heard_s = asyncio.get_running_loop().time()

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """Yield what is heard until ``close``; several readers would share the frames."""
        while True:
            while self._frames:
                yield self._frames.popleft()
            if self._closed:
                return
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """Stop the clock, say goodbye and free the ports. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self.out.close()
        self._changed.set()
        if self._rtcp is not None:
            if self.target is not None and self.out.packets:
                self._rtcp.sendto(goodbye(self.out), self._rtcp_address())
            self._rtcp.close()
        if self._rtp is not None:
            self._rtp.close()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self.stats.ticks:
            self.stats.worst_gap_ms = max(self.stats.worst_gap_ms, (now - self._ticked_s) * 1000)
        self._ticked_s = now
        while self._due_s <= now and not self._closed:
            self._step(now - self._due_s)
            self._due_s += _TICK_S  # from the plan, not from now: a late tick must not shift the rest
        if not self._closed:
            self._timer = loop.call_at(self._due_s, self._tick)

    def _step(self, late_s: float) -> None:
        self.stats.ticks += 1
        self._hand_out(AudioFrame(self.inp.buffer.tick(), CALL_RATE_HZ, self._at_ms))
        self._send(late_s)
        self._at_ms += FRAME_MS
        if self.stats.ticks % REPORT_TICKS == 0 and self._rtcp is not None and not self.quiet:
            self._rtcp.sendto(report(self.out, self.inp.statistics, self.inp.ssrc), self._rtcp_address())
        expected = self.target is not None and not self.target.silent and not self.target.held
        if self.lost_after_s and expected and self._ticked_s - self._heard_s > self.lost_after_s:
            self.lost_after_s = 0.0
            self._on_lost()

    def _hand_out(self, frame: AudioFrame) -> None:
        self.audible.heard(frame.pcm)
        self._frames.append(frame)
        self._changed.set()
        self._tell_tap(frame, ours=False)

    def _send(self, late_s: float) -> None:
        target = self.target
        if target is None or self._rtp is None or self._closed:
            return
        if self.quiet or target.held or late_s > _CATCH_UP_S:
            self.out.idle()
            return
        data, speech = self.out.packet(target, may_speak=self.may_speak)
        if data:
            self._put(data, self.inp.latched or (target.host, target.port))
        if speech is not None:
            self._tell_tap(AudioFrame(speech, CALL_RATE_HZ, self._at_ms), ours=True)

    def _put(self, data: bytes, where: tuple[str, int]) -> None:
        delay_s = self.out.line.delay_s() if self.out.line is not None else 0.0
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._put_late, data, where)
        elif delay_s is not None and self._rtp is not None:
            self._rtp.sendto(data, where)

    def _put_late(self, data: bytes, where: tuple[str, int]) -> None:
        if self._rtp is not None and not self._closed:
            self._rtp.sendto(data, where)

    def _tell_tap(self, frame: AudioFrame, *, ours: bool) -> None:
        if self.tap is None:
            return
        try:
            (self.tap.sent if ours else self.tap.heard)(frame)
        except Exception:  # noqa: BLE001 - supervised: a recorder's fault must not silence the line
            _log.exception("tap_failed")
            self.tap = None

    def _receive(self, data: bytes, source: tuple[str, int]) -> None:
        if self.target is None or self._closed:
            return
        key = self.inp.accept(data, source, self.target)
        if key is None:
            return
        self._heard_s = asyncio.get_running_loop().time()
        if key:
            self._on_key(key)

    def _alive(self, data: bytes, source: tuple[str, int]) -> None:
        """RTCP tells whether ours arrives, and proves nothing about the far end's audio."""
        if self._believed(source):
            self.audible.report(data, self.out.ssrc)

    def _believed(self, source: tuple[str, int]) -> bool:
        """Whether a report comes from where the far end's audio does."""
        target = self.target
        return target is not None and source[0] in {target.host, (self.inp.latched or ("", 0))[0]}

    def _rtcp_address(self) -> tuple[str, int]:
        if self.inp.latched is not None:
            return self.inp.latched[0], self.inp.latched[1] + 1
        return (self.target.host, self.target.port + 1) if self.target is not None else ("", 0)
