"""Did both sides hear each other? Judged from what arrived and from the far end's RTCP reports. Pure."""

from __future__ import annotations

import struct
from array import array

from aiortp.packet import RtcpPacket, RtcpRrPacket, RtcpSrPacket

# A-law's idle pattern decodes to 8; a connected microphone never stays below this.
_SILENT_PEAK = 64
_LOST = 243  # of 256: 95 %
_REPORTS = 2


class Audible:
    """Collects what tells one-way audio and dead lines from calls in which nobody spoke."""

    def __init__(self) -> None:
        self._peak = 0
        self._deaf_reports = 0
        self._reports = 0

    def heard(self, pcm: bytes) -> None:
        """Take 20 ms of the far end's sound."""
        if self._peak < _SILENT_PEAK:
            samples = array("h", pcm)
            self._peak = max(self._peak, max(samples, default=0), -min(samples, default=0))

    def report(self, data: bytes, our_ssrc: int) -> None:
        """Take an RTCP datagram; what is not readable says nothing."""
        try:
            packets = RtcpPacket.parse(data)
        except (ValueError, IndexError, struct.error):
            return
        for packet in packets:
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                for block in packet.reports:
                    if block.ssrc == our_ssrc:
                        self._reports += 1
                        self._deaf_reports += block.fraction_lost >= _LOST

    def verdict(self, received: int) -> str:
        """Name what was wrong with the audio of a call that was answered; ``""``: nothing.

        ``we_hear_nothing``: no packet came; ``silent_line``: packets came, all of them silence;
        ``they_hear_nothing``: by the far end's own reports ours do not arrive.
        """
        if not received:
            return "we_hear_nothing"
        if self._deaf_reports >= _REPORTS and self._deaf_reports == self._reports:
            return "they_hear_nothing"
        return "silent_line" if self._peak < _SILENT_PEAK else ""
