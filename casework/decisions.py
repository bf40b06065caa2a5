"""Decisions about contacts as they are kept: the proof of what allowed or stopped each one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.permission import Verdict
from casework.repository import Repository
from casework.types import AttemptState
from core.codec import to_json

FENCE = "dispatcher_fence"  # the row of ``meta`` that whoever hands out contacts holds
IN_CONTACT = (AttemptState.QUEUED, AttemptState.RUNNING)


@dataclass(frozen=True, slots=True)
class Contacted:
    """Whom a decision is about. ``person_id``, ``campaign_id`` and ``attempt_id`` may be empty."""

    person_id: str
    address_print: str
    campaign_id: str = ""
    attempt_id: str = ""
    channel: str = "phone"


def decision(
    who: Contacted, verdict: Verdict, at: datetime, counts: tuple[int, int, int] | None = None
) -> dict[str, Any]:
    """Return a row of ``contacts``. ``counts``: earlier contacts of the day, the week, the month."""
    detail: dict[str, Any] = {}
    if counts is not None:
        detail["earlier"] = dict(zip(("day", "week", "month"), counts, strict=True))
    if verdict.until is not None:
        detail["until"] = verdict.until.isoformat()
    return {
        "at": at,
        "person_id": who.person_id,
        "address_print": who.address_print,
        "channel": who.channel,
        "campaign_id": who.campaign_id,
        "attempt_id": who.attempt_id,
        "rule": verdict.rule,
        "allowed": verdict.allowed,
        "detail": to_json(detail).decode(),
    }


class Decisions(Repository):
    """Whoever decides about contacts."""

    async def _note(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep decisions, in the transaction that acts on them."""
        if rows:
            await connection.execute(schema.contacts.insert(), list(rows))
