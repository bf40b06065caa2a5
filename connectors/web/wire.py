"""Bytes from a browser to a ``Turn``, log entries to JSON for it. Pure; documented in ``docs/web-api.md``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from connectors.types import START_CURSOR, LogPage
from core.codec import from_json, to_json, to_plain
from core.errors import BadInput, TooLarge
from core.types import Turn

T = TypeVar("T")

CHANNEL = "web"
MAX_TEXT = 2_000
MAX_BODY = 64 * 1024

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# The zero-width joiner holds emoji together.
_KEPT = frozenset("\n\u200d")


class EmptyText(BadInput):
    """Raised when nothing readable was sent."""

    code = "input.empty"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a citizen. The sender makes ``message_id`` and repeats it when it resends."""

    message_id: str
    text: str
    type: Literal["message"] = "message"


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame on a WebSocket: who it is, and the last entry it has seen."""

    token: str
    cursor: str = START_CURSOR
    lang: str = ""
    type: Literal["hello"] = "hello"


def parse_message(body: bytes | str) -> Message:
    """Read and clean one message.

    Raises:
        TooLarge: more than ``MAX_TEXT`` characters.
        EmptyText: nothing but white space and control characters.
        BadInput: anything else that breaks the contract; the reason never quotes the content.
    """
    message = _parse(body, Message)
    if not _MESSAGE_ID.fullmatch(message.message_id):
        raise BadInput("message_id: 1 to 64 letters, digits, _ or -")
    if len(message.text) > MAX_TEXT:
        raise TooLarge(f"text: more than {MAX_TEXT} characters")
    text = clean(message.text)
    if not text:
        raise EmptyText("text: nothing readable")
    return Message(message.message_id, text)


def parse_hello(body: bytes | str) -> Hello:
    """Read the first frame. Raises ``BadInput``."""
    return _parse(body, Hello)


def clean(text: str) -> str:
    """Normalise to NFC, drop control, direction and private characters; line breaks stay."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    kept = (char for char in text if char in _KEPT or not _invisible(char))
    return "".join(kept).strip()


def _invisible(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Co", "Cs"}


def to_turn(message: Message, conversation_id: str, at: datetime) -> Turn:
    """Return what the dialogue core is asked."""
    return Turn(conversation_id, CHANNEL, message.text, message.message_id, at)


def render_page(page: LogPage) -> dict[str, Any]:
    """Return log entries as the JSON value that WebSocket and long poll share."""
    plain: dict[str, Any] = to_plain(page)
    return {"type": "events", **plain}


def render_verdict(message_id: str, status: str) -> dict[str, Any]:
    """Return the acknowledgement of one message: ``accepted`` or ``repeat``."""
    return {"type": "ack", "message_id": message_id, "status": status}


def render_error(code: str, text: str, *, message_id: str = "", detail: str = "") -> dict[str, Any]:
    """Return a refusal: ``message`` is for the citizen, ``detail`` for a programmer."""
    error = {"code": code, "message": text, "detail": detail, "message_id": message_id}
    return {"type": "error", "error": {key: value for key, value in error.items() if value}}


def peek_message_id(body: bytes | str) -> str:
    """Return the id of a refused message where it can be read, else an empty string."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    found = value.get("message_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and _MESSAGE_ID.fullmatch(found) else ""


def dump(value: dict[str, Any]) -> str:
    """Return compact JSON text."""
    return to_json(value).decode()


def _parse(body: bytes | str, kind: type[T]) -> T:
    try:
        body = body if isinstance(body, bytes) else body.encode()
    except UnicodeEncodeError:
        raise BadInput(f"not a valid {kind.__name__}: not UTF-8") from None
    if len(body) > MAX_BODY:
        raise TooLarge(f"body: more than {MAX_BODY} bytes")
    return from_json(body, kind)
