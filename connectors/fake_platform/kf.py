"""A fake WeChat customer service: customers, servicers, sessions with states, news by callback."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.fake_platform.corp import CorpPlatform
from connectors.fake_platform.kf_api import KfHandlers
from connectors.fake_platform.phones import Phones, Shown
from connectors.fake_platform.wechat import Outcome

NEW, ASSISTANT, QUEUED, SERVICER, ENDED = range(5)
CUSTOMER, SYSTEM, STAFF = 3, 4, 5
_WELCOME_MS = 48 * 3_600_000
_CODE_MS = 20_000


@dataclass(slots=True)
class Session:
    """One customer with one account. ``menu``: the sentences of the last menu, by what is written on them."""

    state: int = ENDED
    servicer: str = ""
    menu: dict[str, str] = field(default_factory=dict)
    welcomed_ms: float = -1e12


class FakeKf(CorpPlatform):
    """One account. ``silent``: news are not called back, as when our door was down for too long."""

    account_id = "wk0000000000000001"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.phones = Phones(self.clock)
        self.sessions: dict[str, Session] = {}
        self.servicers: dict[str, int] = {"zhangsan": 0, "lisi": 0}
        self.messages: list[dict[str, Any]] = []
        self.silent = False
        self.tokens: dict[str, float] = {}
        self.codes: dict[str, tuple[str, int | None, float]] = {}
        self.rules = KfHandlers(self)
        self.api.handlers |= self.rules.handlers()

    def session(self, user: str) -> Session:
        """Return a customer's session."""
        return self.sessions.setdefault(user, Session())

    async def say(self, user: str, text: str, msgid: str = "") -> Outcome:
        """The customer types ``text``."""
        return await self.message(user, "text", {"content": text}, msgid)

    async def choose(self, user: str, title: str) -> Outcome:
        """The customer presses a line of the last menu."""
        content = {"content": title, "menu_id": self.session(user).menu[title]}
        return await self.message(user, "text", content)

    async def message(self, user: str, kind: str, content: Mapping[str, Any], msgid: str = "") -> Outcome:
        """The customer sends a message of any type."""
        session = self.session(user)
        if session.state == ENDED:
            session.state = NEW
        self.phones.allow(user, "message")
        self.add(user, CUSTOMER, {"msgtype": kind, kind: dict(content)}, msgid)
        return await self.notify()

    async def enter(self, user: str, scene: str = "") -> Outcome:
        """The customer opens the chat; a code for a greeting comes along when none was given of late."""
        session, now = self.session(user), self.clock.monotonic_ms()
        event = {"event_type": "enter_session", "scene": "123", "scene_param": scene}
        wrote = self.phones.of(user).wrote_ms
        if now - session.welcomed_ms > _WELCOME_MS and (wrote is None or now - wrote > _WELCOME_MS):
            event["welcome_code"] = self.code(user, None)
        return await self.event(user, event)

    async def staff_say(self, user: str, text: str) -> Outcome:
        """The servicer of the session writes to the customer."""
        session = self.session(user)
        self.phones.show(user, Shown("staff", text))
        more = {"msgtype": "text", "text": {"content": text}, "servicer_userid": session.servicer}
        self.add(user, STAFF, more)
        return await self.notify()

    async def staff_take(self, user: str, servicer: str) -> Outcome:
        """A servicer takes the customer out of the queue, or out of the bot's hands."""
        session = self.session(user)
        session.state, session.servicer = SERVICER, servicer
        return await self.event(
            user,
            {"event_type": "session_status_change", "change_type": 1, "new_servicer_userid": servicer},
        )

    async def staff_end(self, user: str) -> Outcome:
        """The servicer ends the session."""
        session = self.session(user)
        session.state = ENDED
        event = {"event_type": "session_status_change", "change_type": 3}
        return await self.event(
            user, {**event, "old_servicer_userid": session.servicer, "msg_code": self.code(user, ENDED)}
        )

    async def event(self, user: str, event: Mapping[str, Any]) -> Outcome:
        """Something happens to the session."""
        whole = {"open_kfid": self.account_id, "external_userid": user, **event}
        self.add(user, SYSTEM, {"msgtype": "event", "event": whole})
        return await self.notify()

    def add(self, user: str, origin: int, more: Mapping[str, Any], msgid: str = "") -> None:
        """Add an entry to the account's messages."""
        place = {} if more.get("msgtype") == "event" else {"external_userid": user}
        self.messages.append(
            {
                "msgid": msgid or secrets.token_urlsafe(16),
                "open_kfid": self.account_id,
                **place,
                "send_time": int(self.clock.now().timestamp()),
                "origin": origin,
                **more,
            }
        )

    async def notify(self) -> Outcome:
        """Call back that there is news."""
        return Outcome(()) if self.silent else (await self.deliver(self.compose()))[0]

    def compose(self) -> dict[str, Any]:
        """Return a callback with a token that lives ten minutes."""
        token = f"ENC{secrets.token_urlsafe(24)}"
        self.tokens[token] = self.clock.monotonic_ms() + 600_000
        return {
            "ToUserName": self.account.corp_id,
            "CreateTime": int(self.clock.now().timestamp()),
            "MsgType": "event",
            "Event": "kf_msg_or_event",
            "Token": token,
            "OpenKfId": self.account_id,
        }

    def code(self, user: str, state: int | None) -> str:
        """Hand out a code that may be answered once within 20 seconds, while the session is in ``state``."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = (user, state, self.clock.monotonic_ms() + _CODE_MS)
        return code
