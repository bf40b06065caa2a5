"""Pure: which district's stream a result goes to, so that each district reads its own and no other's."""

from __future__ import annotations

import re

from core.streams import RESULTS_STREAM
from core.types import Result

UNASSIGNED = "unassigned"
# A stream is made for each name: what a citizen says freely must not be able to make one.
_DISTRICT = re.compile(r"[\u4e00-\u9fff]{1,8}[区市县]")


def district_of(result: Result) -> str:
    """Return where the person is registered, else the district that was wished for, else ``UNASSIGNED``."""
    wished = result.fields.get("district")
    for name in (result.detail.get("district"), wished.value if wished else None):
        if isinstance(name, str) and _DISTRICT.fullmatch(name):
            return name
    return UNASSIGNED


def stream_of(district: str) -> str:
    """Return the stream of one district; its consumer group bears the district's name."""
    return f"{RESULTS_STREAM}:district:{district}"


def district_in(stream: str) -> str:
    """Return the district of a stream that ``stream_of`` named."""
    return stream.removeprefix(stream_of(""))
