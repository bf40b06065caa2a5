"""Who answers a customer, the bot or a person, and how one hands over to the other."""

from __future__ import annotations

from redis.asyncio import Redis

from connectors.redis_store import key_of
from connectors.tencent.errors import (
    NotPermitted,
    PlatformError,
    PlatformUnavailable,
    SendRefused,
    TokenRejected,
)
from connectors.wechat_kf.api import WITH_STAFF, KfApi, SessionState
from connectors.wechat_kf.wire import CODE_MS, Place
from core.logs import get_log
from core.streams import redis_errors

_log = get_log("kf")

# What is believed without asking. A lost event must not silence the bot for longer than this.
_STAFF_MS = 60_000
_BOT_MS = 3_600_000
_ROUND = "nuanye:kf:round"
QUEUE = "queue"
"""Stands for a servicer while the platform looks for one."""


class Desk:
    """Raises ``PlatformError``s and ``QueueError``."""

    def __init__(self, redis: Redis, api: KfApi) -> None:
        self._redis = redis
        self._api = api

    async def with_staff(self, conversation_id: str, place: Place) -> bool:
        """Tell whether staff answer now, or the customer waits for them."""
        known = await self.known(conversation_id)
        if known is not None:
            return known
        try:
            return await self.refresh(conversation_id, place)
        except (PlatformUnavailable, TokenRejected, NotPermitted):
            raise
        except PlatformError as error:
            # Of this customer the platform will never say more; the others must not wait for it.
            _log.warning("state_not_known", code=error.code, reason=str(error))
            return False

    async def known(self, conversation_id: str) -> bool | None:
        """Tell the same without asking the platform; ``None``: it is not known here."""
        with redis_errors():
            known = _text(await self._redis.get(key_of(conversation_id, "desk")))
        return known == "staff" if known else None

    async def refresh(self, conversation_id: str, place: Place) -> bool:
        """Ask the platform who answers."""
        staff = await self._api.state(place) in WITH_STAFF
        await self.note(conversation_id, staff=staff)
        return staff

    async def note(self, conversation_id: str, *, staff: bool) -> None:
        """The platform has said who answers."""
        value, keep_ms = ("staff", _STAFF_MS) if staff else ("bot", _BOT_MS)
        with redis_errors():
            await self._redis.set(key_of(conversation_id, "desk"), value, px=keep_ms)

    async def hand_over(self, conversation_id: str, place: Place) -> str:
        """Give the customer to a servicer on duty, else to the queue.

        Return the servicer's id, or ``QUEUE``; empty: nobody is there.
        """
        if await self._api.state(place) in WITH_STAFF:
            await self.note(conversation_id, staff=True)
            return QUEUE
        servicers = await self._api.on_duty(place.account)
        if not servicers:
            return ""
        with redis_errors():
            first = int(await self._redis.hincrby(_ROUND, place.account, 1)) % len(servicers)
        for servicer in [*servicers[first:], *servicers[:first], ""]:
            state = SessionState.SERVICER if servicer else SessionState.QUEUED
            try:
                await self._api.move(place, state, servicer)
            except (SendRefused, NotPermitted) as error:
                _log.warning("servicer_refused", code=error.code, reason=str(error), hint=error.hint)
                continue
            await self.note(conversation_id, staff=True)
            _log.info("handed_over", conversation=conversation_id, state=state.name)
            return servicer or QUEUE
        return ""

    async def take_back(self, conversation_id: str, place: Place) -> None:
        """End the session with staff; the customer's next message is the bot's."""
        code = await self._api.move(place, SessionState.ENDED)
        await self.note(conversation_id, staff=False)
        if code:
            await self.keep_code(conversation_id, code)

    async def keep_code(self, conversation_id: str, code: str) -> None:
        """An event has given us a code to answer it with, for 20 seconds."""
        with redis_errors():
            await self._redis.set(key_of(conversation_id, "code"), code, px=CODE_MS)

    async def code(self, conversation_id: str) -> str:
        """Return that code, empty when there is none."""
        with redis_errors():
            return _text(await self._redis.get(key_of(conversation_id, "code")))

    async def drop_code(self, conversation_id: str) -> None:
        """The code was used."""
        with redis_errors():
            await self._redis.delete(key_of(conversation_id, "code"))


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
