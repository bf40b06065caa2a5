"""The dispatcher's side of the attempts: hand out what is due, take back what was lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.budget import Budget
from casework.decisions import FENCE, IN_CONTACT, Contacted, decision
from casework.hours import window_at
from casework.ledger import Ledger
from casework.permission import Rule, Verdict, decide
from casework.results import call_result
from casework.rules import Limits, Policy, counted
from casework.types import AttemptState, CallRecord, CampaignState
from core.codec import from_json
from core.errors import NuanyeError
from core.types import Callee, CallTask, Disposition, Result

_NO_WINDOW_PATIENCE = timedelta(hours=1)
_CANDIDATES = 4  # looked at per free line: some turn out to be over budget or in a call


class StaleLeader(NuanyeError):
    """Raised when another dispatcher has taken over; this one must stand down."""

    code = "dispatcher.stale"


class Handout(Ledger, Budget):
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

    async def hand_out(self, fence: int, limit: int) -> tuple[CallTask, ...]:
        """Mark up to ``limit`` due attempts as queued and return their tasks.

        Do-not-call, contact budget, calling hours and "already in a call" are checked in the same
        transaction. What may not be called now is moved to when it may.
        """
        now = self._clock.now()
        window = window_at(now)
        attempts, campaigns, persons = schema.attempts, schema.campaigns, schema.persons
        conditions = [
            attempts.c.state == AttemptState.PLANNED,
            attempts.c.due_at <= now,
            campaigns.c.state == CampaignState.RUNNING,
        ]
        if window is None:
            conditions.append(campaigns.c.ignore_window.is_(True))
        query = (
            sa.select(attempts, campaigns.c.ignore_window, *_PERSON)
            .join(campaigns, campaigns.c.id == attempts.c.campaign_id)
            .join(persons, persons.c.id == attempts.c.person_id)
            .where(*conditions)
            .order_by(attempts.c.due_at, attempts.c.id)
            .limit(limit * _CANDIDATES)
            .with_for_update(of=attempts, skip_locked=True)
        )
        tasks: list[CallTask] = []
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            limits = await self._limits(connection)
            for row in (await connection.execute(query)).all() if limit > 0 else ():
                if len(tasks) == limit:
                    break
                closes = now + _NO_WINDOW_PATIENCE if row.ignore_window or not window else window.closes
                if await self._may_call(connection, row, limits, now):
                    tasks.append(await self._queue(connection, row, now, closes))
        return tuple(tasks)

    async def count_busy(self) -> int:
        """Return how many lines are spoken for: tasks that wait for a worker, and calls."""
        attempts = schema.attempts
        query = sa.select(sa.func.count()).where(attempts.c.state.in_(IN_CONTACT))
        async with self._db.read() as connection:
            return int((await connection.execute(query)).scalar_one())

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
            sa.select(attempts, campaigns.c.state.label("campaign_state"), *_PERSON)
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
                    tasks.append(self._task(row, row.not_after))
                await connection.execute(attempts.update().where(attempts.c.id == row.id).values(**values))
        return tuple(tasks)

    async def reap(self, fence: int) -> tuple[str, ...]:
        """End attempts whose lease has lapsed as interrupted, with a stored call and its result.

        Whether to try again is the rules' decision; nothing is redialled by this. Returns the ids.
        """
        now = self._clock.now()
        attempts, persons = schema.attempts, schema.persons
        query = (
            sa.select(attempts, *_PERSON)
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
        """Close running campaigns of which nothing is left to do."""
        attempts, campaigns = schema.attempts, schema.campaigns
        left = sa.select(attempts.c.id).where(
            attempts.c.campaign_id == campaigns.c.id, attempts.c.state != AttemptState.ENDED
        )
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            await connection.execute(
                campaigns.update()
                .where(campaigns.c.state == CampaignState.RUNNING, ~left.exists())
                .values(state=CampaignState.FINISHED, ended_at=self._clock.now())
            )

    async def _check_fence(self, connection: AsyncConnection, fence: int) -> None:
        meta = schema.meta
        query = sa.select(meta.c.value).where(meta.c.key == FENCE).with_for_update()
        if int((await connection.execute(query)).scalar() or 0) != fence:
            raise StaleLeader("another dispatcher has taken over")

    async def _may_call(self, connection: AsyncConnection, row: Any, limits: Limits, now: datetime) -> bool:
        """Decide, keep the decision, and write down what a refusal means for the attempt."""
        who = Contacted(row.person_id, row.address_print, row.campaign_id, row.id)
        standing = await self._standing(connection, who, now)
        verdict = decide(Policy(ignore_window=row.ignore_window), standing, now, limits)
        if verdict.rule is not Rule.IN_CONTACT or row.reason != Rule.IN_CONTACT:  # said once, not each tick
            await self._note(connection, [decision(who, verdict, now, counted(standing.earlier, now))])
        changes = _changes(verdict, now)
        if changes:
            this = schema.attempts.update().where(schema.attempts.c.id == row.id)
            await connection.execute(this.values(**changes))
        return verdict.allowed

    async def _queue(
        self, connection: AsyncConnection, row: Any, now: datetime, closes: datetime
    ) -> CallTask:
        attempts = schema.attempts
        await connection.execute(
            attempts.update()
            .where(attempts.c.id == row.id)
            .values(state=AttemptState.QUEUED, queued_at=now, not_after=closes)
        )
        return self._task(row, closes)

    def _task(self, row: Any, not_after: datetime) -> CallTask:
        callee = Callee(
            person_id=row.person_id,
            name=self._vault.open(row.name_sealed, "name"),
            address=self._vault.open(row.address_sealed, "address"),
            district=row.district,
        )
        facts = from_json(row.facts, dict)
        return CallTask(row.id, callee, row.campaign_id, facts, row.number, not_after)

    def _interrupted(self, row: Any, now: datetime) -> CallRecord:
        return CallRecord(
            call_id=row.id,
            campaign_id=row.campaign_id,
            person_id=row.person_id,
            callee_name=self._vault.open(row.name_sealed, "name"),
            callee_address=self._vault.open(row.address_sealed, "address"),
            district=row.district,
            attempt=row.number,
            started_at=row.started_at or now,
            ended_at=now,
            disposition=Disposition.INTERRUPTED,
            needs_review=("interrupted",),
            detail={"reason": "lease_lapsed", "worker": row.worker},
        )


_PERSON = (
    schema.persons.c.name_sealed,
    schema.persons.c.address_sealed,
    schema.persons.c.address_print,
    schema.persons.c.district,
)


def presumed_result(record: CallRecord) -> Result:
    """Return the result of a call of which nothing is known but that nobody ended it."""
    return call_result(record, record.detail, confidence=0.0)


def _changes(verdict: Verdict, now: datetime) -> dict[str, Any]:
    if verdict.final:
        return {"state": AttemptState.ENDED, "ended_at": now, "reason": verdict.rule}
    if verdict.allowed:
        return {"reason": ""}
    waits: dict[str, Any] = {"reason": verdict.rule}
    return {**waits, "due_at": verdict.until} if verdict.until is not None else waits
