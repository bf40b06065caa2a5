"""RTCP beside a stream: sender reports every 5 s and a BYE at its end (RFC 3550)."""

from __future__ import annotations

from aiortp.clock import current_ntp_time
from aiortp.packet import (
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)
from aiortp.stats import StreamStatistics

from voice.transport.rtp_out import RtpOut

REPORT_TICKS = 250


def report(out: RtpOut, heard: StreamStatistics | None, heard_ssrc: int) -> bytes:
    """Write the compound packet that is due now."""
    blocks = []
    if heard is not None and heard.max_seq is not None:
        blocks.append(
            RtcpReceiverInfo(
                ssrc=heard_ssrc,
                fraction_lost=heard.fraction_lost,
                packets_lost=heard.packets_lost,
                highest_sequence=heard.cycles + heard.max_seq,
                jitter=heard.jitter,
                lsr=0,
                dlsr=0,
            )
        )
    names = RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=out.ssrc, items=[(1, b"nuanye")])])
    if out.packets == 0:
        return bytes(RtcpRrPacket(ssrc=out.ssrc, reports=blocks)) + bytes(names)
    info = RtcpSenderInfo(
        ntp_timestamp=current_ntp_time(),
        rtp_timestamp=out.timestamp,
        packet_count=out.packets & 0xFFFFFFFF,
        octet_count=out.octets & 0xFFFFFFFF,
    )
    return bytes(RtcpSrPacket(ssrc=out.ssrc, sender_info=info, reports=blocks)) + bytes(names)


def goodbye(out: RtpOut) -> bytes:
    """Write the packet that ends the stream."""
    return bytes(RtcpByePacket(sources=[out.ssrc]))
