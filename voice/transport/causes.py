"""What a SIP status code says about the person who was called (docs/sip.md has the same table).

Codes mean the same with every peer, but gateways differ in how they report the telephone
network's own reasons, so a Q.850 cause in a ``Reason`` header (RFC 3326) outranks the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.types import Disposition

_BY_CODE = {
    401: Disposition.FAILED,
    403: Disposition.REJECTED,
    404: Disposition.EMPTY_NUMBER,
    407: Disposition.FAILED,
    408: Disposition.UNREACHABLE,
    410: Disposition.EMPTY_NUMBER,
    415: Disposition.MEDIA_FAILED,
    480: Disposition.NO_ANSWER,
    484: Disposition.EMPTY_NUMBER,
    486: Disposition.BUSY,
    487: Disposition.NO_ANSWER,
    488: Disposition.MEDIA_FAILED,
    502: Disposition.UNREACHABLE,
    504: Disposition.UNREACHABLE,
    600: Disposition.BUSY,
    603: Disposition.REJECTED,
    604: Disposition.EMPTY_NUMBER,
    606: Disposition.MEDIA_FAILED,
    607: Disposition.REJECTED,
    608: Disposition.REJECTED,
}

# ITU-T Q.850 causes that say more than the code a gateway picked for them.
_BY_Q850 = {
    1: Disposition.EMPTY_NUMBER,  # unallocated number
    2: Disposition.UNREACHABLE,  # no route to network
    3: Disposition.UNREACHABLE,  # no route to destination
    17: Disposition.BUSY,
    18: Disposition.NO_ANSWER,  # no user responding
    19: Disposition.NO_ANSWER,  # alerted, nobody answered
    20: Disposition.POWERED_OFF,  # subscriber absent
    21: Disposition.REJECTED,
    22: Disposition.EMPTY_NUMBER,  # number changed
    27: Disposition.UNREACHABLE,  # destination out of order
    28: Disposition.EMPTY_NUMBER,  # invalid number format
    34: Disposition.FAILED,  # no circuit available: ours or the carrier's trouble
    38: Disposition.FAILED,
    41: Disposition.FAILED,
    42: Disposition.FAILED,
    65: Disposition.MEDIA_FAILED,  # bearer capability not implemented
    88: Disposition.MEDIA_FAILED,  # incompatible destination
}

_Q850 = re.compile(r"^\s*Q\.850\s*;.*?\bcause\s*=\s*(\d+)", re.IGNORECASE)


def disposition_for(code: int, reasons: Iterable[str] = ()) -> Disposition:
    """Return how an attempt is stored that ended with this final status (300–699).

    ``reasons`` are the values of the response's ``Reason`` headers, in any form.
    """
    for value in reasons:
        match = _Q850.match(value)
        if match and int(match.group(1)) in _BY_Q850:
            return _BY_Q850[int(match.group(1))]
    return _BY_CODE.get(code, Disposition.FAILED)
