"""Puts the doors' side of handovers together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
from redis.asyncio import Redis

from casework.handover.rules import Patience
from connectors.handover.desk import Desk
from connectors.handover.facts import Facts, HandoverLedger
from connectors.handover.gate import Gate
from connectors.handover.mark import Marks
from connectors.handover.notify import WecomNotice
from connectors.handover.texts import load_handover_texts
from connectors.redis_store import RedisStore
from connectors.wecom.api import WecomApi
from core.clock import Clock, SystemClock
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Staffing:
    """The gate that the inbox asks, and what works behind it."""

    gate: Gate
    facts: Facts
    desk: Desk

    async def start(self) -> None:
        """Begin to work."""
        await self.desk.start(self.facts)

    async def stop(self) -> None:
        """End; what is unfinished is found again by the next process."""
        await self.desk.stop()


@dataclass(frozen=True, slots=True)
class Behind:
    """Where handovers are kept, how long is waited (``None``: as set) and by which clock."""

    ledger: HandoverLedger
    patience: Patience | None = None
    clock: Clock = field(default_factory=SystemClock)


def make_staffing(
    settings: Settings, redis: Redis, http: aiohttp.ClientSession | None, store: RedisStore, behind: Behind
) -> Staffing:
    """Make the parts. Raises ``KnowledgeError``: the texts are incomplete."""
    texts = load_handover_texts({"agency": settings.agency_name, "hotline": settings.hotline})
    patience = behind.patience or Patience(claim=timedelta(minutes=settings.handover_minutes))
    facts = Facts(redis, behind.ledger)
    gate = Gate(Marks(redis), facts, store, texts, patience, behind.clock)
    notify = None
    if http is not None and settings.wecom_agent_id and settings.handover_wecom_users:
        api = WecomApi(settings, redis, http, SystemClock())
        notify = WecomNotice(redis, api, settings.handover_wecom_users, settings.console_base_url, texts)
    return Staffing(gate, facts, Desk(redis, behind.ledger, gate, store, notify=notify))
