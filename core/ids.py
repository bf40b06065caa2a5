"""Identifiers: random where nothing repeats, derived where a repeat must be recognised."""

from __future__ import annotations

import hashlib
import secrets


def new_id(prefix: str) -> str:
    """Return a random id such as ``att_9f3c…`` (96 bits)."""
    return f"{prefix}_{secrets.token_hex(12)}"


def result_id(kind: str, source: str) -> str:
    """Return the id of the one result of ``kind`` that ``source`` can have."""
    digest = hashlib.sha256("\x1f".join((kind, source)).encode()).hexdigest()
    return f"res_{digest[:24]}"


def mask_phone(address: str) -> str:
    """Hide the middle of a number or SIP user: ``13800138000`` becomes ``138****8000``."""
    user = address.removeprefix("sip:").removeprefix("sips:").split("@")[0]
    digits = user.lstrip("+")
    if len(digits) < 7:
        return "*" * max(len(digits), 3)
    return f"{digits[:3]}****{digits[-4:]}"


def mask_name(name: str) -> str:
    """Keep the first character: ``陈小明`` becomes ``陈**``."""
    return name[:1] + "*" * max(len(name) - 1, 1) if name else ""
