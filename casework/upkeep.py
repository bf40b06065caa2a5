"""The dispatcher's upkeep: take back what was lost, end what is over, pause what fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.permission import Rule
from casework.plans import FAILURES, guard_since, read_plan, spikes
from casework.results import call_result
from casework.tasks import PERSON, Tasks
from casework.types import AttemptState, CallRecord, CampaignState
from core.types import CallTask, Disposition, Result


class Upkeep(Tasks):
    """What is done every second, whether or not anybody is called."""

    async def lost_tasks(self, fence: int, *, older_than_ms: int | None) -> tuple[CallTask, ...]:
        """Return queued tasks that nobody has begun for so long that their stream may have lost them.

        Publishing one again is harmless: an attempt can be begun once. Those whose time has passed
        or whose campaign was halted go back to being planned; with ``None`` that is all.
        """
        now = self._clock.now()
        attempts, persons, campaigns = schema.attempts, schema.persons, schema.campaigns
        late = [attempts.c.not_after < now, campaigns.c.state != CampaignState.RUNNING]
        if older_than_ms is not None:
            late.append(attempts.c.queued_at <= now - timedelta(milliseconds=older_than_ms))
        query = (
            sa.select(attempts, campaigns.c.state.label("campaign_state"), campaigns.c.plan, *PERSON)
            .join(campaigns, campaigns.c.id == attempts.c.campaign_id)
            .join(persons, persons.c.id == attempts.c.person_id)
            .where(attempts.c.state == AttemptState.QUEUED, sa.or_(*late))
            .order_by(attempts.c.queued_at)
            .with_for_update(of=attempts, skip_locked=True)
        )
        tasks = []
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            for row in (await connection.execute(query)).all():
                values: dict[str, Any] = {"state": AttemptState.PLANNED, "queued_at": None, "not_after": None}
                if row.campaign_state == CampaignState.STOPPED:
                    values = {"state": AttemptState.ENDED, "ended_at": now, "reason": "campaign_stopped"}
                elif row.campaign_state == CampaignState.RUNNING and row.not_after >= now:
                    values = {"queued_at": now}
                    tasks.append(self._task(row, row.not_after, row.caller))
                await connection.execute(attempts.update().where(attempts.c.id == row.id).values(**values))
        return tuple(tasks)

    async def reap(self, fence: int) -> tuple[str, ...]:
        """End attempts whose lease has lapsed as interrupted, with a stored call and its result.

        Whether to try again is the rules' decision; nothing is redialled by this. Returns the ids.
        """
        now = self._clock.now()
        attempts, persons = schema.attempts, schema.persons
        query = (
            sa.select(attempts, *PERSON)
            .join(persons, persons.c.id == attempts.c.person_id)
            .where(attempts.c.state == AttemptState.RUNNING, attempts.c.lease_until < now)
            .order_by(attempts.c.lease_until)
            .limit(100)
            .with_for_update(of=attempts, skip_locked=True)
        )
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            rows = (await connection.execute(query)).all()
            for row in rows:
                record = self._interrupted(row, now)
                await self._store_call(connection, record, presumed_result(record), presumed=True)
        return tuple(row.id for row in rows)

    async def finish_campaigns(self, fence: int) -> None:
        """End what is planned for campaigns past their end, and close those with nothing left to do."""
        attempts, campaigns = schema.attempts, schema.campaigns
        now = self._clock.now()
        left = sa.select(attempts.c.id).where(
            attempts.c.campaign_id == campaigns.c.id, attempts.c.state != AttemptState.ENDED
        )
        over = sa.select(campaigns.c.id).where(
            campaigns.c.state.in_((CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.READY)),
            campaigns.c.ends_at <= now,
        )
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            for campaign_id in (await connection.execute(over)).scalars().all():
                await self._end_planned(connection, campaign_id, Rule.CAMPAIGN_OVER)
                this = (campaigns.c.id == campaign_id, campaigns.c.state != CampaignState.RUNNING)
                await connection.execute(
                    campaigns.update().where(*this).values(state=CampaignState.RUNNING)  # … to be closed
                )
            await connection.execute(
                campaigns.update()
                .where(campaigns.c.state == CampaignState.RUNNING, ~left.exists())
                .values(state=CampaignState.FINISHED, ended_at=now)
            )

    async def pause_failing(self, fence: int) -> tuple[str, ...]:
        """Pause running campaigns of whose latest calls too many failed; return their ids."""
        campaigns = schema.campaigns
        now = self._clock.now()
        query = sa.select(campaigns.c.id, campaigns.c.plan, campaigns.c.resumed_at).where(
            campaigns.c.state == CampaignState.RUNNING, campaigns.c.ignore_window.is_(False)
        )
        paused = []
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            for row in (await connection.execute(query)).all():
                if await self._fails(connection, row, now):
                    paused.append(row.id)
            if paused:
                await connection.execute(
                    campaigns.update()
                    .where(campaigns.c.id.in_(paused))
                    .values(state=CampaignState.PAUSED, pause_reason="failure_spike")
                )
        return tuple(paused)

    async def _fails(self, connection: AsyncConnection, row: Any, now: datetime) -> bool:
        guard = read_plan(row.plan).guard
        if guard is None:
            return False
        attempts = schema.attempts.c
        query = sa.select(
            sa.func.count(), sa.func.sum(sa.case((attempts.disposition.in_(FAILURES), 1), else_=0))
        ).where(
            attempts.campaign_id == row.id,
            attempts.ended_at > guard_since(guard, now, row.resumed_at),
            attempts.disposition != "",
        )
        ended, failed = (await connection.execute(query)).one()
        return spikes(guard, int(ended), int(failed or 0))

    def _interrupted(self, row: Any, now: datetime) -> CallRecord:
        return CallRecord(
            call_id=row.id,
            campaign_id=row.campaign_id,
            person_id=row.person_id,
            callee_name=self._vault.open(row.name_sealed, "name"),
            callee_address=self._vault.open(row.address_sealed, "address"),
            district=row.home_district,
            attempt=row.number,
            started_at=row.started_at or now,
            ended_at=now,
            disposition=Disposition.INTERRUPTED,
            needs_review=("interrupted",),
            detail={"reason": "lease_lapsed", "worker": row.worker},
        )


def presumed_result(record: CallRecord) -> Result:
    """Return the result of a call of which nothing is known but that nobody ended it."""
    return call_result(record, record.detail, confidence=0.0)
