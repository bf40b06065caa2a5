"""Pure: the access log as a chain, so that no entry can be changed, taken out or put in unnoticed.

Each entry's digest is an HMAC-SHA256 over the digest before it and what the entry says. Who can write
to the database but has not the installation's key cannot continue or mend the chain. A tail that was
cut off is noticed by the signed head; a head noted elsewhere proves everything before it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log as it is stored."""

    at: datetime
    username: str
    action: str
    object_id: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain begins (``base``: what was before was deleted on schedule) and ends."""

    base: str = GENESIS
    removed: int = 0
    last: str = GENESIS
    count: int = 0
    signature: str = ""

    def signed(self, key: bytes) -> Head:
        """Return the head with its signature."""
        return Head(self.base, self.removed, self.last, self.count, self._sign(key))

    def is_genuine(self, key: bytes) -> bool:
        """Whether the signature is the key's; the head of an empty chain has none."""
        return self == Head() or hmac.compare_digest(self.signature, self._sign(key))

    def _sign(self, key: bytes) -> str:
        text = f"head|{self.base}|{self.removed}|{self.last}|{self.count}"
        return hmac.digest(key, text.encode(), hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``broken_at``: position (from 1) of the first entry that does not fit; 0: none.

    ``problem``: ``""``, ``entry``, ``head`` (its signature), ``tail`` (entries are missing at the end,
    or are beyond the head) or ``expected`` (a head noted earlier is not in the chain).
    """

    entries: int
    removed: int
    head: str
    problem: str = ""
    broken_at: int = 0

    @property
    def ok(self) -> bool:
        """Whether the log is whole."""
        return not self.problem


def digest_of(key: bytes, previous: str, entry: Entry) -> str:
    """Return the digest of ``entry`` when it follows the one with digest ``previous``."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    said = json.dumps([previous, at, entry.username, entry.action, entry.object_id], ensure_ascii=False)
    return hmac.digest(key, said.encode(), hashlib.sha256).hex()


def check(key: bytes, entries: Iterable[Entry], head: Head, expected: str = "") -> Finding:
    """Walk the chain from its base. ``expected``: a head noted earlier that must occur in it."""
    previous, count = head.base, 0
    met = expected in ("", head.base)
    for entry in entries:
        count += 1
        if not hmac.compare_digest(entry.digest, digest_of(key, previous, entry)):
            return Finding(count, head.removed, previous, "entry", count)
        previous = entry.digest
        met = met or previous == expected
    if not head.is_genuine(key):
        return Finding(count, head.removed, previous, "head")
    if (previous, count) != (head.last, head.count):
        return Finding(count, head.removed, previous, "tail", count + 1)
    return Finding(count, head.removed, previous, "" if met else "expected")
