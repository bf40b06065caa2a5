"""What a WeCom application's callbacks say. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.outgoing import Grant
from connectors.tencent.errors import CallbackRefused
from connectors.tencent.xml import Fields, text_of
from connectors.wechat.wire import Incoming, place_in
from core.errors import BadInput

MAX_TEXT_BYTES = 2048
"""WeCom's limit for a text and for Markdown."""

# Members may be written to at any time; the address is kept this long after they last wrote.
MEMBER_GRANT = Grant("member", 1_000_000, 48 * 3_600_000)
CARD_EVENT = "template_card_event"
_GREETED = frozenset({"subscribe", "enter_agent"})
_MSG_ID = re.compile(r"\d{1,20}")
_CHINA_S = 8 * 3600
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class CorpIncoming:
    """One callback of an application. ``agent`` is the application's id as the platform wrote it."""

    message: Incoming
    agent: str = ""

    @property
    def is_card(self) -> bool:
        """Whether a button of a card was pressed."""
        return self.message.kind == "event" and self.message.event == CARD_EVENT


def parse_fields(fields: Fields, agent_id: int) -> CorpIncoming:
    """Read a decrypted callback.

    Raises:
        BadInput: malformed.
        CallbackRefused: for another application of the corporation.
    """
    user, kind = text_of(fields, "FromUserName"), text_of(fields, "MsgType")
    agent = text_of(fields, "AgentID", "")
    # What concerns the whole corporation (contacts, approvals) comes without an application.
    if agent and agent != str(agent_id):
        raise CallbackRefused("the message is for another application")
    if not 0 < len(user) <= 64:
        raise BadInput("FromUserName: empty or too long")
    if kind == "event":
        return CorpIncoming(_event(fields, user), agent)
    if not agent:
        raise CallbackRefused("the message is for no application")
    msg_id = text_of(fields, "MsgId")
    if not _MSG_ID.fullmatch(msg_id):
        raise BadInput("MsgId: not a number")
    message = Incoming(
        user=user,
        account=text_of(fields, "ToUserName", ""),
        key=f"m{msg_id}",
        kind=kind,
        text=text_of(fields, "Content", ""),
        media_id=text_of(fields, "MediaId", ""),
        media_format=text_of(fields, "Format", ""),
        place=place_in(fields) if kind == "location" else None,
        label=text_of(fields, "Label", ""),
    )
    return CorpIncoming(message, agent)


def _event(fields: Fields, user: str) -> Incoming:
    event, event_key = text_of(fields, "Event"), text_of(fields, "EventKey", "")
    created = text_of(fields, "CreateTime")
    if not (created.isascii() and created.isdigit() and len(created) <= 12):
        raise BadInput("CreateTime: not a number of seconds")
    if event in _GREETED:
        # The platform says so each time the application is opened: one greeting a day is enough.
        key = f"hello{(int(created) + _CHINA_S) // _DAY_S}"
    else:
        identity = "\x1f".join((user, created, event, event_key, text_of(fields, "TaskId", "")))
        key = f"e{hashlib.sha256(identity.encode()).hexdigest()[:31]}"
    return Incoming(
        user=user,
        account=text_of(fields, "ToUserName", ""),
        key=key,
        kind="event",
        event=event,
        event_key=event_key,
    )


def text_reply(incoming: Incoming, text: str, seconds: int) -> Mapping[str, Any]:
    """Return the passive reply that says ``text``; ``seconds`` is now."""
    return {**_reply(incoming, seconds, "text"), "Content": text}


def card_update(incoming: Incoming, label: str, seconds: int) -> Mapping[str, Any]:
    """Return the passive reply that greys a card's buttons out and writes ``label`` on them."""
    return {**_reply(incoming, seconds, "update_button"), "Button": {"ReplaceName": label}}


def _reply(incoming: Incoming, seconds: int, kind: str) -> dict[str, Any]:
    return {
        "ToUserName": incoming.user,
        "FromUserName": incoming.account,
        "CreateTime": seconds,
        "MsgType": kind,
    }
