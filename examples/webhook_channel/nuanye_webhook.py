"""A plain webhook channel: a program posts what its users write, and is posted our answers.

In: POST /webhook/messages {"user", "message_id", "text"} → 202, with X-Signature: HMAC-SHA256 of the body.
Out: POST WEBHOOK_CHANNEL_URL {"user", "text", "choices", "key"}, signed likewise; a repeat has the same key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import ClientError, web

from connectors.channel import OnTurn
from connectors.courier import Envelope, Message
from connectors.outgoing import Grant
from connectors.plugin import Context
from connectors.rich import compose, number_in
from connectors.tencent.errors import PlatformUnavailable, SendRefused
from connectors.types import Event, Verdict, reply_events
from core.codec import from_json, to_json
from core.errors import BadInput
from core.ids import new_id
from core.types import Answer, Reply, Turn

ALWAYS = Grant("message", 1_000_000, 365 * 86_400_000)  # a program of our own limits nothing


@dataclass(frozen=True, slots=True)
class Posted:
    """What the program posts."""

    user: str
    message_id: str
    text: str


class WebhookChannel:
    """One program that talks to us, and the outlet of its answers."""

    name = "webhook"

    def __init__(self, context: Context, secret: str, url: str) -> None:
        self.context, self.secret, self.url = context, secret.encode(), url
        courier, self.outgoing = context.courier(self)
        self.start, self.stop = courier.start, courier.stop

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        async def message(request: web.Request) -> web.Response:
            body = await request.read()
            if not hmac.compare_digest(self.sign(body), request.headers.get("X-Signature", "")):
                return web.Response(status=403)
            try:
                return await self.take(from_json(body, Posted), on_turn)
            except BadInput:
                return web.Response(status=400)

        return [web.post("/webhook/messages", message)]

    async def take(self, posted: Posted, on_turn: OnTurn) -> web.Response:
        digest = hashlib.blake2b(posted.user.encode(), key=self.context.key, digest_size=12)
        conversation, now = f"{self.name}_{digest.hexdigest()}", self.context.clock.now()
        await self.outgoing.remember(conversation, posted.user, ALWAYS)
        number = number_in(posted.text)
        text = (await self.outgoing.chosen(conversation, number) if number else "") or posted.text
        verdict = await on_turn(Turn(conversation, self.name, text, posted.message_id, now), conversation)
        status = 202 if verdict in {Verdict.ACCEPTED, Verdict.REPEAT} else 429
        return web.json_response({"status": verdict}, status=status)

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        now = self.context.clock.now()
        turn = Turn(user_id, self.name, "", new_id("push"), now)
        await self.context.store.append(user_id, reply_events(turn, Answer(tuple(replies)), now))

    def render(self, group: Sequence[Event]) -> tuple[Message, ...]:
        composed = compose(group, self.context.platform_texts, links=True)
        return (Message({"text": composed.text, "choices": composed.choices}, composed.choices),)

    async def deliver(self, envelope: Envelope, message: Message) -> None:
        body = to_json({"user": envelope.address, "key": envelope.key, **message.payload})
        headers = {"X-Signature": self.sign(body)}
        try:
            async with self.context.http.post(self.url, data=body, headers=headers) as response:
                if response.status >= 400:
                    kind = PlatformUnavailable if response.status >= 500 else SendRefused
                    raise kind(f"webhook: HTTP {response.status}")
        except (TimeoutError, ClientError, OSError) as error:
            raise PlatformUnavailable(f"webhook: not reached ({type(error).__name__})") from None

    def sign(self, body: bytes) -> str:
        return hmac.new(self.secret, body, hashlib.sha256).hexdigest()


def make(context: Context) -> WebhookChannel | None:
    """The entry point: a channel when it is set up."""
    secret, url = os.environ.get("WEBHOOK_CHANNEL_SECRET", ""), os.environ.get("WEBHOOK_CHANNEL_URL", "")
    return WebhookChannel(context, secret, url) if secret and url else None
