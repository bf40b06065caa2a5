"""The receiving half of an RTP stream: whom it believes, what it heard, which keys; no sockets."""

from __future__ import annotations

from aiortp.packet import RtpPacket
from aiortp.stats import StreamStatistics

from voice.transport.jitter import JitterBuffer
from voice.transport.keys import KeyReceiver
from voice.transport.rtp_out import CODECS
from voice.transport.sdp import DTMF_TYPE, MediaTarget

_COMFORT_NOISE = 13


class RtpIn:
    """Feed it datagrams; ``buffer.tick()`` gives the audio back.

    The source that speaks first is believed from then on (symmetric RTP, RFC 4961), except that
    the address in the session description always may take its place.
    """

    def __init__(self) -> None:
        self.buffer = JitterBuffer()
        self.received = 0
        self.strangers = 0
        self.ssrc = 0
        self.statistics: StreamStatistics | None = None
        self.latched: tuple[str, int] | None = None
        self._keys = KeyReceiver()

    def unlatch(self) -> None:
        """Believe a new first speaker: the far end announced another address."""
        self.latched = None

    def accept(self, data: bytes, source: tuple[str, int], target: MediaTarget) -> str | None:
        """Take one datagram; return the key it newly presses, ``""``, or ``None`` if not believed."""
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            return None
        if packet.payload_type not in self._known(target):
            return None
        if self.latched is None or source == (target.host, target.port):
            self.latched = source
        if source != self.latched:
            self.strangers += 1
            return None
        if packet.ssrc != self.ssrc or self.statistics is None:
            self.ssrc = packet.ssrc
            self.statistics = StreamStatistics(clockrate=8000)
            self.buffer.reset()
        self.received += 1
        self.statistics.add(packet)
        if packet.payload_type in {target.dtmf_type, DTMF_TYPE}:
            return self._keys.digit(packet.timestamp, packet.payload)
        if packet.payload_type != _COMFORT_NOISE:
            codec = target.codec if packet.payload_type == target.payload_type else packet.payload_type
            self.buffer.put(packet.timestamp, CODECS[codec].decode(packet.payload))
        return ""

    @staticmethod
    def _known(target: MediaTarget) -> set[int | None]:
        return {target.payload_type, target.dtmf_type, DTMF_TYPE, _COMFORT_NOISE, *CODECS}
