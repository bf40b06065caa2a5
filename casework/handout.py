"""The dispatcher's hand-out: whose turn it is, whether a line is free, and whether the rules allow it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.decisions import IN_CONTACT, Contacted, decision
from casework.fairness import FairTurns, weight_of
from casework.hours import window_at, within
from casework.pacing import MAX_RATE_WINDOW, LineLimits, Pacer, Placed
from casework.permission import Rule, Verdict, decide
from casework.plans import CampaignPlan, read_plan
from casework.rules import Limits, counted
from casework.tasks import PERSON
from casework.tasks import StaleLeader as StaleLeader
from casework.types import AttemptState, CampaignState
from casework.upkeep import Upkeep
from casework.upkeep import presumed_result as presumed_result
from core.codec import from_json, to_json
from core.errors import BadInput
from core.types import CallTask

_NO_WINDOW_PATIENCE = timedelta(hours=1)
_CANDIDATES = 4  # looked at per free line: some turn out to be over budget or in a call
_SPARE = 8  # … and so many more in each district
_VIRTUAL = "fair_turns"
_LINES = "line_limits"

_Key = tuple[str, str]  # campaign and district


@dataclass(frozen=True, slots=True)
class _Lane:
    """A running campaign whose hours are open until ``closes``."""

    plan: CampaignPlan
    ignore_window: bool
    closes: datetime


@dataclass(frozen=True, slots=True)
class _Queues:
    """Due attempts by campaign and district, and whose turn it is."""

    rows: dict[_Key, deque[Any]]
    turns: FairTurns[_Key]


class Handout(Upkeep):
    """Hands attempts to workers, never more than there are lines."""

    async def hand_out(self, fence: int, limit: int) -> tuple[CallTask, ...]:
        """Mark up to ``limit`` due attempts as queued and return their tasks.

        Districts and campaigns take fair turns. Do-not-call, contact budget, hours and "already in
        a call" are checked in the same transaction. What may not be called now is moved to when it may.
        """
        now = self._clock.now()
        tasks: list[CallTask] = []
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            if limit <= 0:
                return ()
            limits = await self._limits(connection)
            lanes = await self._open_lanes(connection, limits, now)
            pacer = await self._pacer(connection, now)
            queues = await self._queues(connection, lanes, limit, now)
            looked, served = 0, set()
            while queues.rows and len(tasks) < limit and looked < limit * _CANDIDATES + _SPARE:
                key = queues.turns.first(queues.rows)
                lane = lanes[key[0]]
                caller = pacer.caller_for(key[0], lane.plan)
                if caller is None:
                    _drop_campaign(queues.rows, key[0])
                    continue
                looked += 1
                row = _next_of(queues.rows, key)
                if await self._may_call(connection, row, lane, limits, now):
                    tasks.append(await self._queue(connection, row, lane.closes, caller))
                    queues.turns.took(key)
                    served.add(key)
                    pacer.took(key[0], caller)
            await self._keep_turns(connection, queues.turns, served)
        return tuple(tasks)

    async def count_busy(self) -> int:
        """Return how many lines are spoken for: tasks that wait for a worker, and calls."""
        attempts = schema.attempts
        query = sa.select(sa.func.count()).where(attempts.c.state.in_(IN_CONTACT))
        async with self._db.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def line_limits(self) -> LineLimits:
        """Return the limits of the house's lines."""
        async with self._db.read() as connection:
            return await self._line_limits(connection)

    async def set_line_limits(self, limits: LineLimits) -> None:
        """Put limits in force from the next hand-out on. Raises ``BadInput``."""
        if limits.trunk < 0 or limits.per_second < 0 or min(limits.callers.values(), default=0) < 0:
            raise BadInput("line limits: nothing can be below zero")
        row = {"key": _LINES, "value": to_json(limits).decode()}
        async with self._db.write() as connection:
            await self._db.upsert(connection, schema.meta, [row], keep=("key",))

    async def _line_limits(self, connection: AsyncConnection) -> LineLimits:
        value = await self._meta(connection, _LINES)
        return from_json(value, LineLimits) if value else LineLimits()

    async def _open_lanes(
        self, connection: AsyncConnection, limits: Limits, now: datetime
    ) -> dict[str, _Lane]:
        campaigns = schema.campaigns.c
        query = sa.select(campaigns.id, campaigns.plan, campaigns.ignore_window).where(
            campaigns.state == CampaignState.RUNNING,
            sa.or_(campaigns.ends_at.is_(None), campaigns.ends_at > now),
        )
        lanes: dict[str, _Lane] = {}
        for row in (await connection.execute(query)).all():
            plan = read_plan(row.plan)
            closes = now + _NO_WINDOW_PATIENCE
            if not row.ignore_window:
                window = window_at(now, within(plan.hours, limits.opens, limits.closes))
                if window is None:
                    continue
                closes = window.closes
            closes = min(closes, plan.ends_at) if plan.ends_at else closes
            lanes[row.id] = _Lane(plan, row.ignore_window, closes)
        return lanes

    async def _pacer(self, connection: AsyncConnection, now: datetime) -> Pacer:
        attempts = schema.attempts.c
        columns = (attempts.campaign_id, attempts.caller, attempts.queued_at, attempts.state)
        busy = (await connection.execute(sa.select(*columns).where(attempts.state.in_(IN_CONTACT)))).all()
        # Which of the recent ones are over is seen here: with the state in the query SQLite would walk
        # through everything that ever ended.
        recent = await connection.execute(
            sa.select(*columns).where(attempts.queued_at > now - MAX_RATE_WINDOW)
        )
        over = [row for row in recent if row.state == AttemptState.ENDED]
        placed = [
            Placed(row.campaign_id, row.caller, row.queued_at or now, row.state in IN_CONTACT)
            for row in (*busy, *over)
        ]
        return Pacer(await self._line_limits(connection), placed, now)

    async def _queues(
        self, connection: AsyncConnection, lanes: Mapping[str, _Lane], limit: int, now: datetime
    ) -> _Queues:
        groups = schema.campaign_districts
        query = sa.select(groups).where(groups.c.campaign_id.in_(lanes)).order_by(groups.c.district)
        known = (await connection.execute(query)).all() if lanes else []
        weights = {
            (row.campaign_id, row.district): weight_of(lanes[row.campaign_id].plan.priority, row.persons)
            for row in known
        }
        finish = {(row.campaign_id, row.district): row.finish for row in known}
        virtual = float(await self._meta(connection, _VIRTUAL) or 0.0)
        most = 2 * limit * _CANDIDATES // max(1, len(known)) + _SPARE
        rows: dict[_Key, deque[Any]] = {}
        for key in weights:
            due = (await connection.execute(_due(key, now, most))).all()
            if due:
                rows[key] = deque(due)
        return _Queues(rows, FairTurns(weights, finish, virtual))

    async def _keep_turns(
        self, connection: AsyncConnection, turns: FairTurns[_Key], served: set[_Key]
    ) -> None:
        groups = schema.campaign_districts
        if not served:
            return
        row = {"key": _VIRTUAL, "value": repr(turns.virtual)}
        await self._db.upsert(connection, schema.meta, [row], keep=("key",))
        for campaign_id, district in served:
            await connection.execute(
                groups.update()
                .where(groups.c.campaign_id == campaign_id, groups.c.district == district)
                .values(finish=turns.finish[campaign_id, district])
            )

    async def _may_call(
        self, connection: AsyncConnection, row: Any, lane: _Lane, limits: Limits, now: datetime
    ) -> bool:
        """Decide, keep the decision, and write down what a refusal means for the attempt."""
        who = Contacted(row.person_id, row.address_print, row.campaign_id, row.id)
        standing = await self._standing(connection, who, now)
        verdict = decide(lane.plan.policy(ignore_window=lane.ignore_window), standing, now, limits)
        if verdict.rule is not Rule.IN_CONTACT or row.reason != Rule.IN_CONTACT:  # said once, not each tick
            await self._note(connection, [decision(who, verdict, now, counted(standing.earlier, now))])
        changes = _changes(verdict, now)
        if changes:
            this = schema.attempts.update().where(schema.attempts.c.id == row.id)
            await connection.execute(this.values(**changes))
        return verdict.allowed

    async def _queue(self, connection: AsyncConnection, row: Any, closes: datetime, caller: str) -> CallTask:
        attempts = schema.attempts
        await connection.execute(
            attempts.update()
            .where(attempts.c.id == row.id)
            .values(state=AttemptState.QUEUED, queued_at=self._clock.now(), not_after=closes, caller=caller)
        )
        return self._task(row, closes, caller)


def _due(key: _Key, now: datetime, most: int) -> Any:
    """Return the query for the longest due attempts of one district of one campaign."""
    attempts, persons, campaigns = schema.attempts, schema.persons, schema.campaigns
    return (
        sa.select(attempts, campaigns.c.plan, *PERSON)
        .join(campaigns, campaigns.c.id == attempts.c.campaign_id)
        .join(persons, persons.c.id == attempts.c.person_id)
        .where(
            attempts.c.state == AttemptState.PLANNED,
            attempts.c.campaign_id == key[0],
            attempts.c.district == key[1],
            attempts.c.due_at <= now,
        )
        .order_by(attempts.c.due_at)  # as the index has them: a whole district may be due at the same moment
        .limit(most)
        .with_for_update(of=attempts, skip_locked=True)
    )


def _next_of(rows: dict[_Key, deque[Any]], key: _Key) -> Any:
    row = rows[key].popleft()
    if not rows[key]:
        del rows[key]
    return row


def _drop_campaign(rows: dict[_Key, deque[Any]], campaign_id: str) -> None:
    for key in [key for key in rows if key[0] == campaign_id]:
        del rows[key]


def _changes(verdict: Verdict, now: datetime) -> dict[str, Any]:
    if verdict.final:
        return {"state": AttemptState.ENDED, "ended_at": now, "reason": verdict.rule}
    if verdict.allowed:
        return {"reason": ""}
    waits: dict[str, Any] = {"reason": verdict.rule}
    return {**waits, "due_at": verdict.until} if verdict.until is not None else waits
