"""The WeCom application's callback: verify, decrypt, take the message once, acknowledge at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from connectors.channel import OnTurn
from connectors.courier import Courier
from connectors.outgoing import Outgoing
from connectors.plugin import Context
from connectors.tencent.corp import CorpSecurity, guarded
from connectors.types import Verdict, reply_events
from connectors.wechat.acting import Ignore, Leave, Say, Tell
from connectors.wechat.wire import Incoming
from connectors.wechat_kf.news import NewsBox, news_in
from connectors.wecom.acting import act_on
from connectors.wecom.wire import MEMBER_GRANT, CorpIncoming, card_update, parse_fields, text_reply
from core.ids import new_id
from core.types import Answer, Reply, Turn

PATH = "/wecom/callback"
# As much of a choice as a card's button shows.
_LABEL_CHARS = 12


@dataclass(frozen=True, slots=True)
class Delivery:
    """How answers leave."""

    courier: Courier
    outgoing: Outgoing


class WecomChannel:
    """One application. Answers are sent by its API; only refusals and card updates are responses."""

    name = "wecom"

    def __init__(self, context: Context, security: CorpSecurity, delivery: Delivery) -> None:
        self._context = context
        self._security = security
        self._courier = delivery.courier
        self._outgoing = delivery.outgoing
        self._agent = context.settings.wecom_agent_id
        self._news = NewsBox(context.redis)

    async def start(self) -> None:
        """See ``Service``."""
        await self._courier.start()

    async def stop(self) -> None:
        """See ``Service``."""
        await self._courier.stop()

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        """See ``Channel``."""

        async def callback(request: web.Request) -> web.StreamResponse:
            return await self._callback(request, on_turn)

        async def verify(request: web.Request) -> web.StreamResponse:
            return web.Response(body=self._security.verify(request.query))

        return [web.get(PATH, guarded(verify)), web.post(PATH, guarded(callback))]

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        """Say something in conversation ``user_id``."""
        now = self._context.clock.now()
        turn = Turn(user_id, self.name, "", new_id("push"), now)
        await self._context.store.append(user_id, reply_events(turn, Answer(tuple(replies)), now))

    async def _callback(self, request: web.Request, on_turn: OnTurn) -> web.StreamResponse:
        fields = await self._security.open(request.query, await request.read())
        news = news_in(fields)
        if news is not None:
            # The same application may serve customer service: its puller fetches what there is.
            await self._news.put(news)
            return web.Response()
        incoming = parse_fields(fields, self._agent)
        message = incoming.message
        conversation_id = conversation_of(self._context.key, message.user)

        async def chosen(number: int) -> str:
            return await self._outgoing.chosen(conversation_id, number)

        act = await act_on(message, chosen, self._context.texts, self._context.platform_texts)
        if isinstance(act, Leave):
            await self._outgoing.forget(conversation_id)
        if isinstance(act, Ignore | Leave):
            return web.Response()
        if isinstance(act, Tell):
            return self._respond(request, text_reply(message, act.text, self._seconds()))
        return await self._take(request, incoming, act, on_turn)

    async def _take(
        self, request: web.Request, incoming: CorpIncoming, act: Say, on_turn: OnTurn
    ) -> web.StreamResponse:
        message: Incoming = incoming.message
        conversation_id = conversation_of(self._context.key, message.user)
        await self._outgoing.remember(conversation_id, message.user, MEMBER_GRANT)
        now = self._context.clock.now()
        turn = Turn(conversation_id, self.name, act.text, message.key, now, act.event, act.metadata)
        verdict = await on_turn(turn, conversation_id)
        if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
            notice = self._context.texts.notice(str(verdict))
            return self._respond(request, text_reply(message, notice, self._seconds()))
        if incoming.is_card:
            label = self._context.platform_texts.chosen.format(text=act.text[:_LABEL_CHARS])
            return self._respond(request, card_update(message, label, self._seconds()))
        return web.Response()

    def _respond(self, request: web.Request, fields: Mapping[str, Any]) -> web.Response:
        body = self._security.seal(fields, str(self._seconds()), request.query.get("nonce", ""))
        return web.Response(body=body, content_type="text/xml", charset="utf-8")

    def _seconds(self) -> int:
        return int(self._context.clock.now().timestamp())


def conversation_of(key: bytes, user: str) -> str:
    """Return the conversation of a member: their id stands in no key, log or URL of ours."""
    # The platform writes one member's id sometimes with capitals and sometimes without.
    digest = hashlib.blake2b(user.lower().encode(), key=key[:64], digest_size=12, person=b"wecom")
    return f"wecom_{digest.hexdigest()}"
