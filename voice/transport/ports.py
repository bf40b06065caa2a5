"""Pairs of UDP sockets for RTP and RTCP, taken from a range without a race."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

from core.errors import CallError
from core.types import Disposition


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports for media, both ends included."""

    first: int
    last: int


def bind_pair(host: str, ports: PortRange) -> tuple[socket.socket, socket.socket]:
    """Bind an even port and the odd one above it (RFC 3550); the sockets are the reservation.

    Raises:
        CallError: the whole range is taken, or ``host`` is not an address of this machine.
    """
    first = ports.first + ports.first % 2
    choices = list(range(first, ports.last, 2))
    start = random.randrange(len(choices)) if choices else 0  # noqa: S311 - spreads ports, protects nothing
    for port in choices[start:] + choices[:start]:
        rtp = _bind(host, port)
        if rtp is None:
            continue
        rtcp = _bind(host, port + 1)
        if rtcp is not None:
            return rtp, rtcp
        rtp.close()
    raise CallError(
        f"no free RTP port pair between {ports.first} and {ports.last}",
        disposition=Disposition.FAILED,
        hint="widen NUANYE_RTP_PORT_MIN/MAX, and check that NUANYE_SIP_HOST is an address of this machine",
    )


def _bind(host: str, port: int) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        return None
    sock.setblocking(False)
    return sock
