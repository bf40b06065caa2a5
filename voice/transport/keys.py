"""Key presses: RFC 4733 telephone-events in RTP and the two bodies that SIP INFO carries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiortp.dtmf import DTMF_EVENTS, EVENT_TO_DIGIT, DtmfEvent

_STEP = 160  # samples per packet at 8 kHz
_ENDS = 3  # RFC 4733 2.5.1.4: the last packet is sent three times

_RELAY = re.compile(r"^\s*Signal\s*=\s*([0-9A-D*#]{1,2})\s*$", re.IGNORECASE | re.MULTILINE)


def digit_from_info(content_type: str, body: str) -> str:
    """Return the key that an INFO body names, ``""`` for anything else."""
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        match = _RELAY.search(body)
        value = match.group(1) if match else ""
    elif kind == "application/dtmf":
        value = body.strip()
    else:
        return ""
    if value.isdigit() and len(value) == 2:
        return EVENT_TO_DIGIT.get(int(value), "")
    return value.upper() if value.upper() in DTMF_EVENTS else ""


class KeyReceiver:
    """Reports each key once, on its first packet, however many copies follow."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def digit(self, timestamp: int, payload: bytes) -> str:
        """Return the key that this packet newly presses, else ``""``."""
        try:
            event = DtmfEvent.parse(payload)
        except ValueError:
            return ""
        if (timestamp, event.event) == self._last:
            return ""
        self._last = (timestamp, event.event)
        return EVENT_TO_DIGIT.get(event.event, "")


def press(digit: str, duration_ms: int = 160) -> Iterator[bytes]:
    """Yield the payloads of one key press, one per 20 ms.

    Raises:
        ValueError: there is no such key.
    """
    if digit.upper() not in DTMF_EVENTS:
        raise ValueError("no such key")
    code = DTMF_EVENTS[digit.upper()]
    total = max(duration_ms // 20, 2) * _STEP
    for duration in range(_STEP, total, _STEP):
        yield DtmfEvent(code, end=False, volume=10, duration=duration).serialize()
    for _ in range(_ENDS):
        yield DtmfEvent(code, end=True, volume=10, duration=total).serialize()
