"""A fake WeCom: members who write to an application and see what it sends them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from connectors.fake_platform.corp import CorpPlatform
from connectors.fake_platform.phones import Shown
from connectors.fake_platform.wechat import Outcome
from connectors.fake_platform.wechat_api import error
from connectors.tencent.xml import Fields, text_of

_MAX_TEXT = 2048
_BUTTON_CHARS = 4
_MAX_BUTTONS = 6


@dataclass(slots=True)
class Card:
    """A card on a member's screen; ``replaced``: what stands on its buttons once one was pressed."""

    task_id: str
    buttons: list[dict[str, Any]]
    replaced: str = ""


@dataclass(slots=True)
class Member:
    """What one member sees."""

    screen: list[Shown] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)


class FakeWecom(CorpPlatform):
    """One application. A user whom nobody has added with ``member`` or a message is no member."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.members: dict[str, Member] = {}
        self.menu: list[Any] = []
        self._sent: dict[str, float] = {}
        self._ids = count(10**17)
        self.api.handlers |= {
            "message/send": self._send,
            "agent/get": self._agent,
            "menu/create": self._set_menu,
            "menu/get": self._get_menu,
        }

    def member(self, user: str) -> Member:
        """Return a member, taken on when new."""
        return self.members.setdefault(user, Member())

    async def say(self, user: str, text: str) -> Outcome:
        """The member types ``text``."""
        return await self.message(user, {"MsgType": "text", "Content": text})

    async def message(self, user: str, fields: Mapping[str, Any]) -> Outcome:
        """The member sends a message of any type; its MsgId is added."""
        return await self.show(user, self.compose(user, {**fields, "MsgId": next(self._ids)}))

    async def event(self, user: str, event: str, event_key: str = "", **more: Any) -> Outcome:
        """The member opens the application, presses its menu …"""
        fields = {"MsgType": "event", "Event": event, "EventKey": event_key, **more}
        return await self.show(user, self.compose(user, fields))

    async def press(self, user: str, title: str) -> Outcome:
        """The member presses a button of the newest card that has it."""
        for card in reversed(self.member(user).cards):
            for button in card.buttons:
                if button["text"] == title and not card.replaced:
                    return await self._press(user, card, button["key"])
        raise LookupError(title)

    async def _press(self, user: str, card: Card, key: str) -> Outcome:
        more = {"TaskId": card.task_id, "CardType": "button_interaction"}
        code = {"ResponseCode": secrets.token_hex(16)}
        fields = {"MsgType": "event", "Event": "template_card_event", "EventKey": key, **more, **code}
        outcome, reply = await self.deliver(self.compose(user, fields))
        if text_of(reply, "MsgType", "") == "update_button":
            card.replaced = str(reply["Button"]["ReplaceName"])
        return outcome

    def compose(self, user: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return a whole message of ``user`` to the application."""
        return {
            "ToUserName": self.account.corp_id,
            "FromUserName": user,
            "CreateTime": int(self.clock.now().timestamp()),
            "AgentID": self.account.agent_id,
            **fields,
        }

    async def show(self, user: str, message: Mapping[str, Any]) -> Outcome:
        """Deliver one message and put what is responded on the member's screen."""
        member = self.member(user)
        outcome, reply = await self.deliver(message)
        if outcome.reply and self._is_ours(reply, user):
            member.screen.append(Shown("reply", outcome.reply, str(message.get("MsgId", ""))))
        return outcome

    def _is_ours(self, reply: Fields, user: str) -> bool:
        sides = (text_of(reply, "FromUserName", ""), text_of(reply, "ToUserName", ""))
        return sides == (self.account.corp_id, user)

    async def _send(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        kind, users = str(body.get("msgtype", "")), str(body.get("touser", "")).split("|")
        if body.get("agentid") != self.account.agent_id:
            return error(40056)
        known = [user for user in users if user in self.members]
        if not known:
            return error(81013)
        content = body.get(kind)
        if kind not in _REFUSALS or not isinstance(content, dict):
            return error(40008)
        refused = _REFUSALS[kind](content)
        if refused:
            return error(refused)
        for user in known:
            if not self._is_repeat(user, body):
                self._show(self.members[user], kind, content)
        answer = {"errcode": 0, "errmsg": "ok", "msgid": secrets.token_hex(16)}
        if len(known) < len(users):
            answer["invaliduser"] = "|".join(user for user in users if user not in known)
        if kind == "template_card":
            answer["response_code"] = secrets.token_hex(16)
        return web.json_response(answer)

    def _is_repeat(self, user: str, body: dict[str, Any]) -> bool:
        if not body.get("enable_duplicate_check"):
            return False
        within_ms = 1000 * int(body.get("duplicate_check_interval", 1800))
        same, now = json.dumps([user, body], sort_keys=True), self.clock.monotonic_ms()
        seen, self._sent[same] = self._sent.get(same, -1e12), now
        return now - seen < within_ms

    def _show(self, member: Member, kind: str, content: dict[str, Any]) -> None:
        if kind == "template_card":
            member.cards.append(Card(content["task_id"], content["button_list"]))
            titles = " / ".join(button["text"] for button in content["button_list"])
            member.screen.append(Shown("card", titles, content["task_id"]))
        elif kind == "textcard":
            text = f"{content['title']}\n{content['description']}"
            member.screen.append(Shown(kind, text, content["url"]))
        else:
            member.screen.append(Shown(kind, str(content["content"])))

    async def _agent(self, request: web.Request, _body: dict[str, Any]) -> web.Response:
        if request.query.get("agentid") != str(self.account.agent_id):
            return error(301002)
        return web.json_response({"errcode": 0, "agentid": self.account.agent_id, "name": "就业服务"})

    async def _set_menu(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        self.menu = list(body.get("button", []))
        return error(0)

    async def _get_menu(self, _request: web.Request, _body: dict[str, Any]) -> web.Response:
        return web.json_response({"errcode": 0, "button": self.menu}) if self.menu else error(46003)


def _text_refusal(content: dict[str, Any]) -> int:
    text = str(content.get("content", ""))
    if not text:
        return 44004
    return 45002 if len(text.encode()) > _MAX_TEXT else 0


def _card_refusal(card: dict[str, Any]) -> int:
    buttons = card.get("button_list", [])
    complete = card.get("task_id") and card.get("main_title", {}).get("title")
    if card.get("card_type") != "button_interaction" or not complete:
        return 40058
    return 0 if 1 <= len(buttons) <= _MAX_BUTTONS else 40058


def _textcard_refusal(card: dict[str, Any]) -> int:
    parts = [str(card.get(name, "")) for name in ("title", "description", "url")]
    limits = (128, 512, 2048)
    fits = all(0 < len(part.encode()) <= limit for part, limit in zip(parts, limits, strict=True))
    return 0 if fits and len(str(card.get("btntxt", ""))) <= _BUTTON_CHARS else 40058


_REFUSALS = {
    "text": _text_refusal,
    "markdown": _text_refusal,
    "template_card": _card_refusal,
    "textcard": _textcard_refusal,
}
