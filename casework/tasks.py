"""What hand-out and upkeep share: the leader's fence, and rows that become tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.budget import Budget
from casework.decisions import FENCE
from casework.ledger import Ledger
from casework.plans import read_plan
from core.codec import from_json
from core.errors import NuanyeError
from core.types import Callee, CallTask


class StaleLeader(NuanyeError):
    """Raised when another dispatcher has taken over; this one must stand down."""

    code = "dispatcher.stale"


PERSON = (
    schema.persons.c.name_sealed,
    schema.persons.c.address_sealed,
    schema.persons.c.address_print,
    schema.persons.c.district.label("home_district"),
)


class Tasks(Ledger, Budget):
    """Every writing method takes the leader's ``fence``, so that a leader that slept cannot write."""

    async def take_fence(self) -> int:
        """Return a new fence, higher than every one before it. The older ones are void from now on."""
        meta = schema.meta
        async with self._db.write() as connection:
            await self._db.insert_once(connection, meta, {"key": FENCE, "value": "0"})
            row = (
                await connection.execute(sa.select(meta.c.value).where(meta.c.key == FENCE).with_for_update())
            ).scalar_one()
            fence = int(row) + 1
            await connection.execute(meta.update().where(meta.c.key == FENCE).values(value=str(fence)))
        return fence

    async def _check_fence(self, connection: AsyncConnection, fence: int) -> None:
        meta = schema.meta
        query = sa.select(meta.c.value).where(meta.c.key == FENCE).with_for_update()
        if int((await connection.execute(query)).scalar() or 0) != fence:
            raise StaleLeader("another dispatcher has taken over")

    def _task(self, row: Any, not_after: datetime, caller: str) -> CallTask:
        """Build the task of an attempt's row, joined with ``PERSON`` and its campaign's ``plan``."""
        callee = Callee(
            person_id=row.person_id,
            name=self._vault.open(row.name_sealed, "name"),
            address=self._vault.open(row.address_sealed, "address"),
            district=row.home_district,
        )
        return CallTask(
            row.id,
            callee,
            row.campaign_id,
            from_json(row.facts, dict),
            row.number,
            not_after,
            read_plan(row.plan).script_of(row.variant),
            row.variant,
            from_json(row.variables, dict),
            caller,
        )
