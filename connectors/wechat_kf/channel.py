"""WeChat customer service: callbacks say that there is news, the puller fetches it, a courier answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiohttp import web

from connectors.channel import OnTurn
from connectors.courier import Courier
from connectors.outgoing import Outgoing
from connectors.plugin import Context
from connectors.tencent.corp import CorpSecurity, guarded
from connectors.types import reply_events
from connectors.wechat_kf.intake import Intake
from connectors.wechat_kf.news import news_in
from connectors.wechat_kf.outlet import PUSHED
from connectors.wechat_kf.puller import Puller
from connectors.wechat_kf.wire import Place
from core.ids import new_id
from core.types import Answer, Reply, Turn

PATH = "/kf/callback"


class KfChannel:
    """All accounts that one application serves. ``security`` is ``None`` when WeCom's door hears the news."""

    name = "kf"

    def __init__(
        self,
        context: Context,
        security: CorpSecurity | None,
        intake: Intake,
        puller: Puller,
        courier: Courier,
    ) -> None:
        self._context = context
        self._security = security
        self._intake = intake
        self._puller = puller
        self._courier = courier
        self._outgoing: Outgoing = intake.outgoing

    async def start(self) -> None:
        """See ``Service``."""
        await self._courier.start()
        await self._puller.start()

    async def stop(self) -> None:
        """See ``Service``."""
        await self._puller.stop()
        await self._courier.stop()

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        """See ``Channel``."""
        self._intake.on_turn = on_turn
        security = self._security
        if security is None:
            return []

        async def callback(request: web.Request) -> web.StreamResponse:
            news = news_in(await security.open(request.query, await request.read()))
            if news is not None:
                await self._puller.box.put(news)
                self._puller.wake()
            return web.Response()

        async def verify(request: web.Request) -> web.StreamResponse:
            return web.Response(body=security.verify(request.query))

        return [web.get(PATH, guarded(verify)), web.post(PATH, guarded(callback))]

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        """Say something in conversation ``user_id``; it is sent when the platform allows it."""
        now = self._context.clock.now()
        turn = Turn(user_id, self.name, "", new_id(PUSHED), now)
        await self._context.store.append(user_id, reply_events(turn, Answer(tuple(replies)), now))

    async def take_back(self, user_id: str) -> None:
        """End the session that staff have in conversation ``user_id``: the bot answers again, and says so.

        Raises ``PlatformError``s and ``QueueError``.
        """
        address = await self._outgoing.address(user_id)
        if address:
            await self._intake.take_back(user_id, Place.of(address))
