"""What an official account's callbacks say, and how they are answered. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.outgoing import Grant
from connectors.tencent.xml import Fields, parse_xml, render_xml, text_of
from core.errors import BadInput

MAX_REPLY_BYTES = 2048
"""The platform's limit for a text, both as a passive reply and as a customer service message."""

_HOUR_MS = 3_600_000
# What the platform lets an account send by its API after each act of a user (since June 2023).
MESSAGE_GRANT = Grant("message", 5, 48 * _HOUR_MS)
_EVENT_GRANTS = {
    "CLICK": Grant("click", 3, 60_000),
    "subscribe": Grant("follow", 3, 60_000),
    "SCAN": Grant("scan", 3, 60_000),
}
_MSG_ID = re.compile(r"\d{1,20}")
_SCENE_PREFIX = "qrscene_"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One callback. ``key`` is the platform's own identity of it, the same in every retry.

    ``kind`` is the message type, ``event`` for events. ``text`` is what was typed or, for a voice message,
    what the platform has heard (empty: it does not say). ``scene`` is that of a scanned code.
    """

    user: str
    account: str
    key: str
    kind: str
    text: str = ""
    media_id: str = ""
    media_format: str = ""
    place: tuple[float, float] | None = None
    label: str = ""
    event: str = ""
    event_key: str = ""
    scene: str = ""

    @property
    def grant(self) -> Grant | None:
        """What this act of the user allows us to send, if anything."""
        return MESSAGE_GRANT if self.kind != "event" else _EVENT_GRANTS.get(self.event)


def parse_callback(data: bytes) -> Incoming:
    """Read a decrypted callback. Raises ``BadInput``."""
    fields = parse_xml(data)
    user, account = text_of(fields, "FromUserName"), text_of(fields, "ToUserName")
    kind = text_of(fields, "MsgType")
    if not 0 < len(user) <= 64 or not account:
        raise BadInput("FromUserName or ToUserName: empty or too long")
    if kind == "event":
        return _event(fields, user, account)
    msg_id = text_of(fields, "MsgId")
    if not _MSG_ID.fullmatch(msg_id):
        raise BadInput("MsgId: not a number")
    return Incoming(
        user=user,
        account=account,
        key=f"m{msg_id}",
        kind=kind,
        text=text_of(fields, "Recognition" if kind == "voice" else "Content", ""),
        media_id=text_of(fields, "MediaId", ""),
        media_format=text_of(fields, "Format", ""),
        place=place_in(fields) if kind == "location" else None,
        label=text_of(fields, "Label", ""),
    )


def _event(fields: Fields, user: str, account: str) -> Incoming:
    event, event_key = text_of(fields, "Event"), text_of(fields, "EventKey", "")
    # Events carry no id. Two different ones may happen in the same second: the key tells them apart.
    identity = "\x1f".join((user, text_of(fields, "CreateTime"), event, event_key))
    scene = ""
    if event == "SCAN":
        scene = event_key
    elif event == "subscribe" and event_key.startswith(_SCENE_PREFIX):
        scene = event_key.removeprefix(_SCENE_PREFIX)
    return Incoming(
        user=user,
        account=account,
        key=f"e{hashlib.sha256(identity.encode()).hexdigest()[:31]}",
        kind="event",
        event=event,
        event_key=event_key,
        scene=scene[:64],
    )


def place_in(fields: Fields) -> tuple[float, float]:
    """Return latitude and longitude of a location message. Raises ``BadInput``."""
    try:
        latitude, longitude = float(text_of(fields, "Location_X")), float(text_of(fields, "Location_Y"))
    except ValueError:
        raise BadInput("Location_X or Location_Y: not a number") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadInput("Location_X or Location_Y: not on earth")
    return latitude, longitude


def render_reply(incoming: Incoming, text: str, seconds: int) -> bytes:
    """Return the passive reply that answers ``incoming`` with ``text``; ``seconds`` is now."""
    return render_xml(
        {
            "ToUserName": incoming.user,
            "FromUserName": incoming.account,
            "CreateTime": seconds,
            "MsgType": "text",
            "Content": text,
        }
    )


def render_sealed(encrypted: str, signature: str, timestamp: str, nonce: str) -> bytes:
    """Return the envelope of an encrypted reply."""
    return render_xml(
        {"Encrypt": encrypted, "MsgSignature": signature, "TimeStamp": int(timestamp), "Nonce": nonce}
    )


def text_message(user: str, text: str) -> Mapping[str, Any]:
    """Return the body of a customer service message."""
    return {"touser": user, "msgtype": "text", "text": {"content": text}}
