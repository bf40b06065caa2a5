"""Tells members of staff in WeCom that somebody waits: a card with the summary and a link to the console."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from casework.handover.types import Handover, HandoverState
from connectors.handover.texts import HandoverTexts
from connectors.tencent.errors import PlatformError, PlatformUnavailable, TokenRejected
from connectors.wecom.api import WecomApi
from connectors.wecom.outlet import seal
from core.errors import QueueError
from core.logs import get_log
from core.metrics import TURN_FAILURES
from core.streams import redis_errors

_log = get_log("handover")

_KEEP_S = 7 * 86_400
_RETRY_S = 30
# The platform's limit is 512 bytes.
_DESCRIPTION_CHARS = 150


@dataclass(frozen=True, slots=True)
class WecomNotice:
    """``users`` are member ids joined by ``|``, as the platform takes them; ``console`` is its base URL."""

    redis: Redis
    api: WecomApi
    users: str
    console: str
    texts: HandoverTexts

    async def __call__(self, handover: Handover) -> None:
        """Send one card for each time a handover begins to wait."""
        if handover.state is not HandoverState.WAITING:
            return
        key = f"nuanye:handover:told:{handover.handover_id}:{handover.version}"
        try:
            with redis_errors():
                if not await self.redis.set(key, 1, nx=True, ex=_KEEP_S):
                    return
            try:
                await self.api.send(self.users, self._card(handover))
            except PlatformError as error:
                TURN_FAILURES.labels(error.code).inc()
                _log.warning("staff_not_told", code=error.code, reason=str(error), hint=error.hint)
                if isinstance(error, PlatformUnavailable | TokenRejected):
                    with redis_errors():
                        await self.redis.expire(key, _RETRY_S)
        except QueueError as error:
            _log.warning("staff_not_told", code=error.code, reason=str(error))

    def _card(self, handover: Handover) -> dict[str, object]:
        words = self.texts.card
        channel = words["channels"].get(handover.channel, handover.channel)
        origin = words["origin"].format(channel=channel, district=handover.district).strip()
        text = f"{origin}\n{handover.summary or words['no_summary']}"
        card = {
            "title": words["urgent" if handover.urgent else "title"],
            "description": text[:_DESCRIPTION_CHARS] + seal(f"{handover.handover_id}:{handover.version}"),
            "url": f"{self.console}/handovers/{handover.handover_id}",
            "btntxt": words["open"],
        }
        return {"msgtype": "textcard", "textcard": card}
