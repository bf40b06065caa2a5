"""Shared types to JSON and back, with every malformed input reported as ``BadInput``."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from core.errors import BadInput

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


def to_json(value: Any) -> bytes:
    """Encode a shared type (or any JSON value) as compact UTF-8 JSON."""
    return _ENCODER.encode(value)


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Decode and validate. Raises ``BadInput`` naming the path, never the content."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"not a valid {kind.__name__}: {_reason(error)}") from None


def to_plain(value: Any) -> Any:
    """Turn a shared type into dicts, lists and scalars."""
    return msgspec.to_builtins(value)


def from_plain(value: Any, kind: type[T]) -> T:
    """Build a shared type from dicts, lists and scalars. Raises ``BadInput``."""
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"not a valid {kind.__name__}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error).split(" - got")[0][:200]
