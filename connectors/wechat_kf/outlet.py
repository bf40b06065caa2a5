"""How customer service's answers look and leave: texts, menus, greetings, and the customer to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.courier import Envelope, Message
from connectors.handover.gate import PLATFORM_STAFF, Gate
from connectors.platform_texts import PlatformTexts
from connectors.rich import compose, split_text
from connectors.store import EventLog
from connectors.tencent.errors import (
    PlatformError,
    PlatformUnavailable,
    TokenRejected,
    WindowClosed,
)
from connectors.tencent.xml import clean
from connectors.types import STAFF, Event, EventType
from connectors.wechat_kf.api import KfApi
from connectors.wechat_kf.desk import Desk
from connectors.wechat_kf.wire import (
    MAX_MENU_BYTES,
    MAX_TEXT_BYTES,
    Place,
    fits_menu,
    menu_content,
    text_content,
)
from core.clock import Clock
from core.logs import get_log

_log = get_log("kf")

PUSHED = "push"
"""Begins the message id of what nobody asked for."""
_WRONG_STATE = 95018


@dataclass(frozen=True, slots=True)
class KfOutlet:
    """``Outlet`` of customer service."""

    api: KfApi
    desk: Desk
    log: EventLog
    texts: PlatformTexts
    clock: Clock
    staff: Gate | None = None
    name: str = "kf"

    def render(self, group: Sequence[Event]) -> tuple[Message, ...]:
        """See ``Outlet``."""
        messages = [
            replace(message, payload={"content": message.payload}) for message in self._written(group)
        ]
        if group[0].message_id.startswith(PUSHED) or group[0].code == STAFF:
            messages = [replace(item, payload={**item.payload, "pushed": True}) for item in messages]
        if group[-1].handover:
            messages.append(Message({"handover": group[-1].message_id}))
        return tuple(messages)

    async def deliver(self, envelope: Envelope, message: Message) -> None:
        """See ``Outlet``."""
        place = Place.of(envelope.address)
        asked = message.payload.get("handover")
        if asked:
            await self._hand_over(envelope, place, asked)
            return
        content = message.payload["content"]
        code = await self.desk.code(envelope.conversation_id)
        if code:
            await self._answer_event(code, envelope, content)
            return
        if await self.desk.with_staff(envelope.conversation_id, place):
            self._hold(message)
            return
        try:
            await self.api.send(place, envelope.key, content)
        except WindowClosed as error:
            if error.errcode != _WRONG_STATE or not await self.desk.refresh(envelope.conversation_id, place):
                raise
            self._hold(message)

    def _written(self, group: Sequence[Event]) -> list[Message]:
        buttons = next((event.buttons for event in reversed(group) if event.buttons), ())
        choices = tuple(button.text for button in buttons)
        if not fits_menu(buttons):
            composed = compose(group, self.texts, links=True)
            return _texts(composed.text, composed.choices)
        body = clean(compose([replace(event, buttons=()) for event in group], self.texts, links=True).text)
        if body and len(body.encode()) <= MAX_MENU_BYTES:
            return [Message(menu_content(body, buttons), choices)]
        return [*_texts(body, ()), Message(menu_content(self.texts.pick, buttons), choices)]

    async def _hand_over(self, envelope: Envelope, place: Place, asked: str) -> None:
        conversation_id, staff = envelope.conversation_id, self.staff
        if staff is not None and await staff.claimed(conversation_id):
            return
        servicer = await self.desk.hand_over(conversation_id, place)
        if servicer:
            if staff is not None:
                await staff.platform_took(conversation_id, f"{PLATFORM_STAFF}{servicer}")
            return
        _log.info("nobody_on_duty", conversation=conversation_id)
        if staff is not None:
            await staff.nobody_there(conversation_id, asked)
            return
        text = self.texts.notices["staff_away"]
        notice = Event(EventType.NOTICE, self.clock.now(), envelope.key, text, code="staff_away")
        await self.log.append(envelope.conversation_id, [notice])

    async def _answer_event(self, code: str, envelope: Envelope, content: Mapping[str, Any]) -> None:
        try:
            await self.api.send_on_event(code, envelope.key, content)
        except (PlatformUnavailable, TokenRejected):
            raise
        except PlatformError as error:
            # Too late, or used already: the sentence comes when the customer writes.
            await self.desk.drop_code(envelope.conversation_id)
            raise WindowClosed(str(error), errcode=error.errcode) from None
        await self.desk.drop_code(envelope.conversation_id)

    def _hold(self, message: Message) -> None:
        """Keep silent while staff speak: they have read the question; what was pushed waits for its turn."""
        if message.payload.get("pushed"):
            raise WindowClosed("a servicer has the session", errcode=_WRONG_STATE)
        _log.info("answer_held", reason="a servicer has the session")


def _texts(text: str, choices: tuple[str, ...]) -> list[Message]:
    pieces = split_text(clean(text), MAX_TEXT_BYTES)
    last = len(pieces) - 1
    return [
        Message(text_content(piece), choices if index == last else ()) for index, piece in enumerate(pieces)
    ]
