"""The API of the fake customer service, with its session states, its 48 hours and its five messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from connectors.fake_platform.corp_api import Handle
from connectors.fake_platform.phones import Shown
from connectors.fake_platform.wechat_api import error

if TYPE_CHECKING:
    from connectors.fake_platform.kf import FakeKf, Session

# From each state, the states that the API may change it to.
_CHANGES = {0: {1, 2, 3}, 1: {2, 3, 4}, 2: {3, 4}, 3: {3, 4}, 4: set()}
_MSGID = re.compile(r"[0-9a-zA-Z_-]{0,32}")
_REFUSALS = {40003: 40096, 43019: 95001, 45015: 95002, 45047: 95001}
_MAX_TEXT, _MAX_HEAD, _MAX_CLICK = 2048, 1024, 128


class KfHandlers:
    """``page`` entries are read at once; ``blank_pages``: so many empty ones say that there is more."""

    def __init__(self, platform: FakeKf) -> None:
        self._platform = platform
        self.page = 1000
        self.blank_pages = 0
        self.tokenless_calls = 20
        self._taken: set[str] = set()

    def handlers(self) -> dict[str, Handle]:
        """Return what answers each path."""
        return {
            "kf/account/list": self._accounts,
            "kf/sync_msg": self._sync,
            "kf/send_msg": self._send,
            "kf/send_msg_on_event": self._send_on_event,
            "kf/service_state/get": self._state,
            "kf/service_state/trans": self._change,
            "kf/servicer/list": self._servicers,
        }

    async def _accounts(self, _request: web.Request, _body: dict[str, Any]) -> web.Response:
        listed = [{"open_kfid": self._platform.account_id, "name": "就业服务"}]
        return web.json_response({"errcode": 0, "account_list": listed})

    async def _sync(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        if body.get("open_kfid") != self._platform.account_id:
            return error(95000)
        token = body.get("token", "")
        if not token:
            self.tokenless_calls -= 1
            if self.tokenless_calls < 0:
                return error(45009)
        elif self._platform.tokens.get(token, 0) <= self._platform.clock.monotonic_ms():
            return error(95007)
        start = int(body.get("cursor") or 0)
        if self.blank_pages > 0:
            self.blank_pages -= 1
            return web.json_response({"errcode": 0, "next_cursor": str(start), "has_more": 1, "msg_list": []})
        end = start + min(self.page, int(body.get("limit", 1000)))
        messages = self._platform.messages
        answer = {"msg_list": messages[start:end], "next_cursor": str(min(end, len(messages)))}
        return web.json_response({"errcode": 0, **answer, "has_more": int(end < len(messages))})

    async def _send(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        user = str(body.get("touser", ""))
        session = self._platform.sessions.get(user)
        if session is None:
            return error(40096)
        if body.get("open_kfid") != self._platform.account_id:
            return error(95000)
        refused = _content_refusal(body)
        if not refused and session.state not in {0, 1}:
            refused = 95018
        refused = refused or self._quota_refusal(user)
        if refused:
            return error(refused)
        msgid = str(body.get("msgid", ""))
        if msgid not in self._taken:
            self._taken.add(msgid)
            self._platform.phones.use(user)
            self._show(user, session, "sent", body)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": msgid})

    async def _send_on_event(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        platform = self._platform
        user, state, until = platform.codes.pop(str(body.get("code", "")), ("", None, 0.0))
        if not user or platform.clock.monotonic_ms() > until:
            return error(95007)
        session = platform.session(user)
        refused = _content_refusal(body)
        if not refused and state is not None and session.state != state:
            refused = 95018
        if refused:
            return error(refused)
        if state is None:
            session.welcomed_ms = platform.clock.monotonic_ms()
        self._show(user, session, "event", body)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": body.get("msgid", "")})

    async def _state(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        session = self._platform.sessions.get(str(body.get("external_userid", "")))
        if session is None:
            return error(40096)
        answer = {"service_state": session.state, "servicer_userid": session.servicer}
        return web.json_response({"errcode": 0, **answer})

    async def _change(self, _request: web.Request, body: dict[str, Any]) -> web.Response:
        user, wanted = str(body.get("external_userid", "")), body.get("service_state")
        session = self._platform.sessions.get(user)
        if session is None:
            return error(40096)
        if wanted not in _CHANGES[session.state]:
            return error(95016)
        servicer = str(body.get("servicer_userid", ""))
        if wanted == 3 and self._platform.servicers.get(servicer) != 0:
            return error(95014)
        session.state, session.servicer = int(wanted), servicer
        return web.json_response({"errcode": 0, "msg_code": self._platform.code(user, session.state)})

    async def _servicers(self, request: web.Request, _body: dict[str, Any]) -> web.Response:
        if request.query.get("open_kfid") != self._platform.account_id:
            return error(95000)
        listed: list[dict[str, Any]] = [
            {"userid": userid, "status": status} for userid, status in self._platform.servicers.items()
        ]
        return web.json_response({"errcode": 0, "servicer_list": [*listed, {"department_id": 2}]})

    def _quota_refusal(self, user: str) -> int:
        refused = self._platform.phones.refusal(user)
        return _REFUSALS.get(refused, refused)

    def _show(self, user: str, session: Session, how: str, body: dict[str, Any]) -> None:
        if body["msgtype"] == "text":
            self._platform.phones.show(user, Shown(how, str(body["text"]["content"])))
            return
        menu = body["msgmenu"]
        session.menu = {item["click"]["content"]: item["click"]["id"] for item in menu["list"]}
        lines = [menu["head_content"], *(f"[{title}]" for title in session.menu)]
        self._platform.phones.show(user, Shown(how, "\n".join(lines)))


def _content_refusal(body: dict[str, Any]) -> int:
    kind = body.get("msgtype")
    content = body.get(str(kind), {})
    if not _MSGID.fullmatch(str(body.get("msgid", ""))):
        return 40058
    if kind == "text":
        text = str(content.get("content", "")).encode()
        return 44004 if not text else 45002 * (len(text) > _MAX_TEXT)
    if kind != "msgmenu":
        return 40008
    clicks = [item.get("click", {}) for item in content.get("list", [])]
    fits = all(len(str(value).encode()) <= _MAX_CLICK for click in clicks for value in click.values())
    head = len(str(content.get("head_content", "")).encode())
    return 0 if clicks and fits and head <= _MAX_HEAD else 40058
