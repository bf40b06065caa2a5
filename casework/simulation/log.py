"""What a simulation leaves behind: every contact, in columns, as small as a month of them must be."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime

from core.types import Disposition

ENDINGS = tuple(Disposition)
_INDEX = {disposition: index for index, disposition in enumerate(ENDINGS)}


def _longs() -> array[int]:
    return array("q")


def _bytes() -> array[int]:
    return array("B")


@dataclass(slots=True)
class ContactLog:
    """Parallel columns, one row per contact. ``begun`` and ``ended`` are seconds since 1970."""

    person: array[int] = field(default_factory=_longs)
    drive: array[int] = field(default_factory=_bytes)
    number: array[int] = field(default_factory=_bytes)
    begun: array[int] = field(default_factory=_longs)
    ended: array[int] = field(default_factory=_longs)
    ending: array[int] = field(default_factory=_bytes)

    def add(self, who: tuple[int, int, int], begun: datetime, seconds: int, ending: Disposition) -> None:
        """Append a contact; ``who`` is person, drive and attempt number."""
        at = int(begun.timestamp())
        for column, value in zip((self.person, self.drive, self.number), who, strict=True):
            column.append(value)
        self.begun.append(at)
        self.ended.append(at + seconds)
        self.ending.append(_INDEX[ending])

    def __len__(self) -> int:
        return len(self.person)
