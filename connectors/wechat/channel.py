"""The official account's callback: verify, decrypt, take the message once, answer in time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web

from connectors.channel import OnTurn
from connectors.courier import Courier
from connectors.outgoing import Outgoing
from connectors.plugin import Context
from connectors.tencent.crypto import MessageCrypt, check_signature
from connectors.tencent.errors import CallbackRefused
from connectors.tencent.guard import CallbackGuard
from connectors.tencent.xml import parse_xml, text_of
from connectors.types import Verdict, reply_events
from connectors.wechat.acting import Act, Ignore, Leave, Say, act_on
from connectors.wechat.passive import FLOOR_MS, PassiveReply, is_connected
from connectors.wechat.wire import Incoming, parse_callback, render_reply, render_sealed
from core.errors import BadInput, NuanyeError, QueueError, TooLarge
from core.ids import new_id
from core.logs import get_log
from core.metrics import TURN_FAILURES
from core.types import Answer, Reply, Turn

_log = get_log("wechat")

PATH = "/wechat/callback"
_DONE = "success"


@dataclass(frozen=True, slots=True)
class Security:
    """How callbacks are checked. ``crypt`` is ``None`` in plain mode."""

    token: str
    crypt: MessageCrypt | None
    guard: CallbackGuard


class WechatChannel:
    """One official account. ``start`` and ``stop`` run the courier of its late answers."""

    name = "wechat"

    def __init__(self, context: Context, security: Security, passive: PassiveReply, courier: Courier) -> None:
        self._context = context
        self._security = security
        self._passive = passive
        self._courier = courier
        self._outgoing: Outgoing = passive.outgoing

    async def start(self) -> None:
        """See ``Service``."""
        await self._courier.start()

    async def stop(self) -> None:
        """See ``Service``."""
        await self._courier.stop()

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        """See ``Channel``."""

        async def callback(request: web.Request) -> web.StreamResponse:
            try:
                return await self._callback(request, on_turn)
            except web.HTTPRequestEntityTooLarge:
                return _refuse(413, TooLarge("body: too large"))
            except CallbackRefused as error:
                return _refuse(403, error)
            except BadInput as error:
                return _refuse(413 if isinstance(error, TooLarge) else 400, error)

        async def verify(request: web.Request) -> web.StreamResponse:
            try:
                return self._verify(request)
            except CallbackRefused as error:
                return _refuse(403, error)

        return [web.get(PATH, verify), web.post(PATH, callback)]

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        """Say something in conversation ``user_id``; it is sent when the platform allows it."""
        now = self._context.clock.now()
        turn = Turn(user_id, self.name, "", new_id("push"), now)
        await self._context.store.append(user_id, reply_events(turn, Answer(tuple(replies)), now))

    def _verify(self, request: web.Request) -> web.Response:
        query = request.query
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        check_signature(query.get("signature", ""), self._security.token, timestamp, nonce)
        self._security.guard.check_fresh(timestamp)
        return web.Response(text=query.get("echostr", ""))

    async def _open(self, request: web.Request) -> Incoming:
        """Return the callback of a request of the platform's. Raises ``CallbackRefused``, ``BadInput``."""
        query = request.query
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        signed = query.get("signature", "")
        check_signature(signed, self._security.token, timestamp, nonce)
        self._security.guard.check_fresh(timestamp)
        data = await request.read()
        crypt = self._security.crypt
        if crypt is not None:
            # In compatible mode the message also lies beside its ciphertext: only what is signed is read.
            encrypted = text_of(parse_xml(data), "Encrypt", "")
            signed = query.get("msg_signature", "")
            data = crypt.open(encrypted, signed, timestamp, nonce)
        await self._security.guard.check_replay(signed, data)
        return parse_callback(data)

    async def _callback(self, request: web.Request, on_turn: OnTurn) -> web.StreamResponse:
        try:
            incoming = await self._open(request)
        except QueueError as error:
            # Not even a repeat can be recognised: the platform tries again in five seconds.
            return _refuse(503, error)
        conversation_id = conversation_of(self._context.key, incoming.user)
        act = await self._act(incoming, conversation_id)
        if isinstance(act, Ignore):
            return web.Response(text=_DONE)
        if isinstance(act, Leave):
            await self._outgoing.forget(conversation_id)
            return web.Response(text=_DONE)
        if not isinstance(act, Say):
            return self._reply(request, incoming, act.text)
        try:
            return await self._take(request, incoming, act, on_turn)
        except QueueError as error:
            _log.error("message_not_taken", code=error.code, reason=str(error))
            TURN_FAILURES.labels(error.code).inc()
            return self._reply(request, incoming, self._context.texts.notice("storage"))

    async def _act(self, incoming: Incoming, conversation_id: str) -> Act:
        context = self._context

        async def chosen(number: int) -> str:
            return await self._outgoing.chosen(conversation_id, number)

        return await act_on(incoming, chosen, context.texts, context.platform_texts)

    async def _take(
        self, request: web.Request, incoming: Incoming, act: Say, on_turn: OnTurn
    ) -> web.StreamResponse:
        conversation_id = conversation_of(self._context.key, incoming.user)
        if incoming.grant is not None:
            await self._outgoing.remember(conversation_id, incoming.user, incoming.grant)
        said = await self._outgoing.open_floor(conversation_id, incoming.key, FLOOR_MS)
        if said is not None:
            # A retry: what was said the first time, or nothing while that request still waits.
            return self._reply(request, incoming, said) if said else web.Response(text=_DONE)
        try:
            now = self._context.clock.now()
            turn = Turn(conversation_id, self.name, act.text, incoming.key, now, act.event, act.metadata)
            verdict = await on_turn(turn, conversation_id)
            if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
                return self._reply(request, incoming, self._context.texts.notice(str(verdict)))
            if verdict is Verdict.REPEAT:
                return web.Response(text=_DONE)
            return await self._answer(request, incoming, conversation_id)
        finally:
            await self._outgoing.close_floor(conversation_id, incoming.key)

    async def _answer(
        self, request: web.Request, incoming: Incoming, conversation_id: str
    ) -> web.StreamResponse:
        staff = self._context.staff
        try:
            silent = staff is not None and await staff.silent(conversation_id, incoming.key)
            claimed = await self._passive.wait(request, conversation_id, incoming.key, silent=silent)
        except QueueError as error:
            # The message is safe; its answer will be sent when Redis is back.
            _log.error("answer_not_read", code=error.code, reason=str(error))
            claimed = None
        if claimed is None:
            return web.Response(text=_DONE)
        response = self._reply(request, incoming, claimed.text)
        try:
            if not is_connected(request):
                raise ConnectionResetError
            await response.prepare(request)
            await response.write_eof()
            if staff is not None:
                for group in claimed.groups:
                    await staff.delivered(group, "sent")
        except QueueError as error:
            _log.warning("delivery_not_noted", code=error.code, reason=str(error))
        except (ConnectionError, OSError) as error:
            _log.warning("reply_not_taken", reason=type(error).__name__)
            await self._outgoing.unclaim(conversation_id, incoming.key, claimed.before, claimed.place)
        return response

    def _reply(self, request: web.Request, incoming: Incoming, text: str) -> web.Response:
        seconds = int(self._context.clock.now().timestamp())
        body = render_reply(incoming, text, seconds)
        if self._security.crypt is not None:
            nonce = request.query.get("nonce", "")
            encrypted, signed = self._security.crypt.seal(body, str(seconds), nonce)
            body = render_sealed(encrypted, signed, str(seconds), nonce)
        return web.Response(body=body, content_type="text/xml", charset="utf-8")


def conversation_of(key: bytes, user: str) -> str:
    """Return the conversation of a user: the platform's id of them stands in no key, log or URL of ours."""
    return f"wechat_{hashlib.blake2b(user.encode(), key=key[:64], digest_size=12).hexdigest()}"


def _refuse(status: int, error: NuanyeError) -> web.Response:
    TURN_FAILURES.labels(error.code).inc()
    _log.warning("callback_refused", code=error.code, reason=str(error), status=status)
    return web.Response(status=status, text=error.code)
