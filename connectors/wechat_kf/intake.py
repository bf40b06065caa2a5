"""What is done about each entry of a customer service account's messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from connectors.channel import OnTurn
from connectors.outgoing import Grant, Outgoing
from connectors.plugin import Context
from connectors.types import Event, EventType, Verdict
from connectors.wechat.acting import Say, Tell, act_on
from connectors.wechat.wire import Incoming
from connectors.wechat_kf.desk import Desk
from connectors.wechat_kf.wire import (
    CUSTOMER,
    ENDED_GRANT,
    MESSAGE_GRANT,
    SERVICER,
    WELCOME_GRANT,
    Item,
    Place,
    parse_item,
)
from core.errors import BadInput
from core.ids import new_id
from core.logs import get_log
from core.metrics import TURN_FAILURES
from core.types import Turn, TurnEvent

_log = get_log("kf")

_ENDED = 3
_TAKEN = frozenset({1, 2, 4})
# Why the platform did not show what it had taken (``fail_type``), as its API would have refused it.
_FAILURES = {
    4: "platform.window_closed",
    5: "platform.window_closed",
    6: "platform.window_closed",
    10: "platform.refused",
    12: "platform.refused",
}


@dataclass(slots=True)
class Intake:
    """``on_turn`` is set when the channel joins the application."""

    context: Context
    outgoing: Outgoing
    desk: Desk
    on_turn: OnTurn | None = field(default=None)

    async def take(self, raw: Any, since_s: int) -> None:
        """Take one entry unless it was sent before ``since_s``.

        Raises:
            PlatformError, QueueError: it must be read again.
        """
        try:
            item = parse_item(raw)
        except BadInput as error:
            # Nobody can repeat it better: what follows must not wait for it.
            TURN_FAILURES.labels(error.code).inc()
            _log.warning("entry_not_read", code=error.code, reason=str(error))
            return
        if item.sent_s < since_s:
            return
        conversation_id = conversation_of(self.context.key, item)
        if item.origin == CUSTOMER and item.message is not None:
            await self._customer(conversation_id, item, item.message)
        elif item.origin == SERVICER and item.place.user:
            await self.desk.note(conversation_id, staff=True)
        else:
            await self._event(conversation_id, item)

    async def _customer(self, conversation_id: str, item: Item, message: Incoming) -> None:
        await self.outgoing.remember(conversation_id, item.place.address, MESSAGE_GRANT)
        if await self.desk.with_staff(conversation_id, item.place):
            # Staff read it in WeCom, where the platform shows it to them.
            _log.info("message_for_staff", conversation=conversation_id)
            await self._keep(conversation_id, item.key, message.text)
            return
        if self.context.staff is not None:
            await self.context.staff.platform_done(conversation_id)

        async def chosen(number: int) -> str:
            return await self.outgoing.chosen(conversation_id, number)

        act = await act_on(message, chosen, self.context.texts, self.context.platform_texts)
        if isinstance(act, Tell):
            await self._tell(conversation_id, item.key, act.text)
        elif isinstance(act, Say):
            await self._say(conversation_id, item, act)

    async def _say(self, conversation_id: str, item: Item, act: Say) -> None:
        if self.on_turn is None:
            raise RuntimeError("the channel has not joined an application")
        now, key = self.context.clock.now(), _short(item.key)
        turn = Turn(conversation_id, "kf", act.text, key, now, act.event, act.metadata)
        verdict = await self.on_turn(turn, conversation_id)
        if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
            await self._tell(conversation_id, item.key, self.context.texts.notice(str(verdict)))

    async def _tell(self, conversation_id: str, key: str, text: str) -> None:
        """Say a sentence of the door's own, once for each entry."""
        event = Event(EventType.NOTICE, self.context.clock.now(), _short(key), text, code="kf")
        await self.context.store.append_once(conversation_id, f"told:{event.message_id}", [event])

    async def _keep(self, conversation_id: str, key: str, text: str) -> None:
        """Have the conversation's log hold what a customer wrote to a servicer."""
        event = Event(EventType.MESSAGE, self.context.clock.now(), _short(key), text)
        if text and self.context.staff is not None:
            await self.context.store.append_once(conversation_id, f"kept:{event.message_id}", [event])

    async def _event(self, conversation_id: str, item: Item) -> None:
        match item.event_type:
            case "enter_session":
                await self._entered(conversation_id, item)
            case "session_status_change":
                await self._session_changed(conversation_id, item)
            case "msg_send_fail":
                code = _FAILURES.get(item.event.get("fail_type", 0), "platform.failed")
                TURN_FAILURES.labels(code).inc()
                _log.error("message_not_shown", code=code, fail_type=item.event.get("fail_type"))

    async def _entered(self, conversation_id: str, item: Item) -> None:
        """Greet, if the platform lets us: who was greeted or has written within 48 hours brings no code."""
        if not await self._has_code(conversation_id, item, "welcome_code", WELCOME_GRANT):
            return
        scene = str(item.event.get("scene_param") or item.event.get("scene") or "")[:64]
        await self._say(
            conversation_id, item, Say("", TurnEvent.SESSION_START, {"scene": scene} if scene else {})
        )

    async def _session_changed(self, conversation_id: str, item: Item) -> None:
        change = item.event.get("change_type")
        if change in _TAKEN:
            await self.desk.note(conversation_id, staff=True)
        elif change == _ENDED:
            told = await self.desk.known(conversation_id) is False
            await self.desk.note(conversation_id, staff=False)
            if self.context.staff is not None:
                await self.context.staff.platform_done(conversation_id)
            if not told and await self._has_code(conversation_id, item, "msg_code", ENDED_GRANT):
                await self._tell(conversation_id, item.key, self.context.platform_texts.notices["staff_done"])

    async def take_back(self, conversation_id: str, place: Place) -> None:
        """End the session with staff and say so."""
        await self.outgoing.remember(conversation_id, place.address, ENDED_GRANT)
        await self.desk.take_back(conversation_id, place)
        if self.context.staff is not None:
            await self.context.staff.platform_done(conversation_id)
        await self._tell(conversation_id, new_id("end"), self.context.platform_texts.notices["staff_done"])

    async def _has_code(self, conversation_id: str, item: Item, name: str, grant: Grant) -> bool:
        """Keep the code of an event that has one and is fresh."""
        code = item.event.get(name)
        age_ms = 1000 * (self.context.clock.now().timestamp() - item.sent_s)
        if not isinstance(code, str) or not code or age_ms > grant.lasts_ms:
            return False
        await self.desk.keep_code(conversation_id, code)
        await self.outgoing.remember(conversation_id, item.place.address, grant)
        return True


def conversation_of(key: bytes, item: Item) -> str:
    """Return the conversation of a customer with an account; their id stands in no key, log or URL."""
    digest = hashlib.blake2b(item.place.address.encode(), key=key[:64], digest_size=12, person=b"kf")
    return f"kf_{digest.hexdigest()}"


def _short(key: str) -> str:
    """Return an entry's id in the form of a message id; the platform's may hold any sign."""
    return f"k{hashlib.sha256(key.encode()).hexdigest()[:31]}"
