"""What the messages of WeChat customer service say, and how answers are written. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.outgoing import Grant
from connectors.wechat.api import SAY
from connectors.wechat.wire import Incoming
from core.errors import BadInput
from core.types import Button

MAX_TEXT_BYTES = 2048
MAX_MENU_BYTES = 1024
"""What the head of a menu may hold."""
_CHOICE_BYTES = 128
MAX_CHOICES = 9

CUSTOMER, SYSTEM, SERVICER = 3, 4, 5
"""Where a message comes from (``origin``)."""

MESSAGE_GRANT = Grant("message", 5, 48 * 3_600_000)
CODE_MS = 20_000
"""How long an event's code may be answered."""
WELCOME_GRANT = Grant("welcome", 1, CODE_MS)
ENDED_GRANT = Grant("ended", 1, CODE_MS)


@dataclass(frozen=True, slots=True)
class Place:
    """A customer (external_userid) of a customer service account (open_kfid)."""

    account: str
    user: str

    @property
    def address(self) -> str:
        """The place as the courier keeps it."""
        return f"{self.account}/{self.user}"

    @classmethod
    def of(cls, address: str) -> Place:
        """Read an ``address``."""
        account, _, user = address.partition("/")
        return cls(account, user)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an account's messages. ``message`` is what a customer sent, ``event`` what happened."""

    key: str
    place: Place
    sent_s: int
    origin: int
    message: Incoming | None = None
    event: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event_type(self) -> str:
        """What happened, empty for messages."""
        return str(self.event.get("event_type", ""))


def parse_item(raw: Any) -> Item:
    """Read one entry of ``msg_list``. Raises ``BadInput``."""
    entry = _mapping(raw)
    event = _mapping(entry.get("event", {}))
    place = Place(_text(entry, "open_kfid", event), _text(entry, "external_userid", event))
    key, origin, sent_s = _text(entry, "msgid"), entry.get("origin"), entry.get("send_time")
    if not 0 < len(key) <= 128 or not isinstance(origin, int) or not isinstance(sent_s, int):
        raise BadInput("msgid, origin or send_time: missing or malformed")
    if "/" in place.account or not place.account:
        raise BadInput("open_kfid: missing or malformed")
    if origin != CUSTOMER:
        return Item(key, place, sent_s, origin, event=event)
    if not 0 < len(place.user) <= 128:
        raise BadInput("external_userid: empty or too long")
    return Item(key, place, sent_s, origin, _message(entry, key, place))


def _message(entry: Mapping[str, Any], key: str, place: Place) -> Incoming:
    kind = _text(entry, "msgtype")
    content = _mapping(entry.get(kind, {}))
    text = _text(content, "content") if kind == "text" else ""
    chosen = _text(content, "menu_id") if kind == "text" else ""
    if chosen.startswith(SAY):
        text = chosen.removeprefix(SAY)
    return Incoming(
        user=place.user,
        account=place.account,
        key=key,
        kind=kind,
        text=text,
        media_id=_text(content, "media_id"),
        place=_point(content) if kind == "location" else None,
        label=_text(content, "address") + _text(content, "name") if kind == "location" else "",
    )


def _point(content: Mapping[str, Any]) -> tuple[float, float]:
    latitude, longitude = content.get("latitude"), content.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        raise BadInput("latitude or longitude: not a number")
    if not (math.isfinite(latitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        raise BadInput("latitude or longitude: not on earth")
    return float(latitude), float(longitude)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("an entry of msg_list is not an object")
    return value


def _text(entry: Mapping[str, Any], name: str, other: Mapping[str, Any] | None = None) -> str:
    value = entry.get(name) or (other or {}).get(name, "")
    if not isinstance(value, str):
        raise BadInput(f"{name}: not text")
    return value


def text_content(text: str) -> dict[str, Any]:
    """Return a text as the platform takes it."""
    return {"msgtype": "text", "text": {"content": text}}


def menu_content(head: str, buttons: Sequence[Button]) -> dict[str, Any]:
    """Return a text with sentences that are sent when they are pressed."""
    listed = [
        {"type": "click", "click": {"id": f"{SAY}{button.text}", "content": button.title}}
        for button in buttons
    ]
    return {"msgtype": "msgmenu", "msgmenu": {"head_content": head, "list": listed}}


def fits_menu(buttons: Sequence[Button]) -> bool:
    """Tell whether the platform takes these buttons as a menu."""
    return 1 <= len(buttons) <= MAX_CHOICES and all(
        len(f"{SAY}{button.text}".encode()) <= _CHOICE_BYTES and len(button.title.encode()) <= _CHOICE_BYTES
        for button in buttons
    )
