"""The signed token that makes an anonymous browser the owner of one conversation. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime

from core.errors import BadInput

_TOKEN = re.compile(r"v1\.(web_[0-9a-f]{24})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})")


def make_token(key: bytes, conversation_id: str, now: datetime) -> str:
    """Return ``v1.<conversation>.<hex seconds>.<HMAC-SHA256>``; safe in a header."""
    claims = f"v1.{conversation_id}.{int(now.timestamp()):x}"
    return f"{claims}.{_signature(key, claims)}"


def read_token(key: bytes, token: str, now: datetime, *, max_age_s: int) -> str:
    """Return the conversation a token belongs to.

    Raises:
        BadInput: it was not signed by us, or is older than ``max_age_s`` seconds.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadInput("session token: malformed")
    conversation_id, issued, signature = match.groups()
    expected = _signature(key, f"v1.{conversation_id}.{issued}")
    if not hmac.compare_digest(signature, expected):
        raise BadInput("session token: wrong signature")
    if not 0 <= now.timestamp() - int(issued, 16) + 60 <= max_age_s + 60:
        raise BadInput("session token: expired")
    return conversation_id


def _signature(key: bytes, claims: str) -> str:
    digest = hmac.new(key, claims.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
