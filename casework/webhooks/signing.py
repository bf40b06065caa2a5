"""How a delivery is signed, and how a receiver checks it. Pure.

Headers: ``X-Nuanye-Id`` (the result's id: the key against repeats), ``X-Nuanye-Timestamp`` (seconds since
1970) and ``X-Nuanye-Signature`` = ``v1=`` + HMAC-SHA256 in hex over ``timestamp.id.body``.
"""

from __future__ import annotations

import hashlib
import hmac

ID, TIMESTAMP, SIGNATURE = "X-Nuanye-Id", "X-Nuanye-Timestamp", "X-Nuanye-Signature"
TOLERANCE_S = 300


def sign(secret: bytes, result_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature's header value."""
    signed = b".".join((str(timestamp).encode(), result_id.encode(), body))
    return "v1=" + hmac.digest(secret, signed, hashlib.sha256).hex()


def headers(secret: bytes, result_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one delivery."""
    return {
        "Content-Type": "application/json",
        ID: result_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: sign(secret, result_id, timestamp, body),
    }


def is_genuine(secret: bytes, given: dict[str, str], body: bytes, now_s: float) -> bool:
    """Return whether a delivery is ours and no older than ``TOLERANCE_S``."""
    timestamp, signature = given.get(TIMESTAMP, ""), given.get(SIGNATURE, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return False
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    expected = sign(secret, given.get(ID, ""), int(timestamp), body)
    return hmac.compare_digest(signature.encode(), expected.encode())
