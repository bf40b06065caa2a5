"""Cases as they are read, raised when overdue, and the questions that people in work are asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.campaigns import Campaigns
from casework.cases import rules
from casework.cases.opening import add_event
from casework.cases.tables import cases, check_ins, events
from casework.cases.types import Case, CaseEvent, CaseFilter, CasePage, CaseState, EventKind
from casework.feedback import Feedbacks
from casework.plans import CampaignPlan
from casework.tasks import Tasks
from casework.types import Campaign, CampaignState, Contact
from core.clock import CHINA
from core.codec import from_json, to_json
from core.errors import BadInput
from core.ids import new_id
from core.types import Feedback, FeedbackOutcome, Result

_MAX_PAGE = 200
_AT_ONCE = 500


class Cases(Campaigns, Tasks, Feedbacks):
    """发现—服务—跟踪—反馈: the last three."""

    async def list_cases(self, wanted: CaseFilter, limit: int = 50, after: str = "") -> CasePage:
        """Return cases by when they are due. Raises ``BadInput`` for an ``after`` that is none."""
        conditions: list[Any] = []
        if wanted.state is not None:
            conditions.append(cases.c.state == wanted.state)
        if wanted.district:
            conditions.append(cases.c.district == wanted.district)
        if wanted.street:
            conditions.append(cases.c.street == wanted.street)
        if wanted.overdue_at is not None:
            conditions += (cases.c.state == CaseState.OPEN, cases.c.due_at < wanted.overdue_at)
        limit = max(1, min(limit, _MAX_PAGE))
        async with self._db.read() as connection:
            if after:
                due = (
                    await connection.execute(sa.select(cases.c.due_at).where(cases.c.id == after))
                ).scalar()
                if due is None:
                    raise BadInput("no case with this id")
                later = sa.and_(cases.c.due_at == due, cases.c.id > after)
                conditions.append(sa.or_(cases.c.due_at > due, later))
            query = sa.select(cases).where(*conditions).order_by(cases.c.due_at, cases.c.id).limit(limit + 1)
            rows = (await connection.execute(query)).all()
        more = rows[limit - 1].id if len(rows) > limit else ""
        return CasePage(tuple(_case(row) for row in rows[:limit]), more)

    async def get_case(self, case_id: str) -> Case | None:
        """Return one case."""
        async with self._db.read() as connection:
            row = (await connection.execute(sa.select(cases).where(cases.c.id == case_id))).first()
        return _case(row) if row else None

    async def case_timeline(self, case_id: str) -> tuple[CaseEvent, ...]:
        """Return what happened to a case, in the order in which we learnt of it."""
        query = sa.select(events).where(events.c.case_id == case_id).order_by(events.c.number)
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            CaseEvent(
                row.at,
                EventKind(row.kind),
                row.said_by,
                row.outcome,
                row.result_id,
                self._vault.open(row.note_sealed, "note") if row.note_sealed else "",
            )
            for row in rows
        )

    async def answer_case(
        self, case_id: str, outcome: FeedbackOutcome, *, by: str, note: str = "", feedback_id: str = ""
    ) -> Case:
        """Store what staff did about a case, as an answer to its latest result; return the case after it.

        A repeat with the same ``feedback_id`` changes nothing. Raises ``BadInput``.
        """
        query = (
            sa.select(events.c.result_id)
            .where(events.c.case_id == case_id, events.c.result_id != "")
            .order_by(events.c.number.desc())
            .limit(1)
        )
        async with self._db.read() as connection:
            about = (await connection.execute(query)).scalar()
        if about is None:
            raise BadInput("no case with this id", hint="nuanye cases list shows them")
        now = self._clock.now()
        await self.save_feedback(Feedback(feedback_id or new_id("fb"), about, outcome, by, now, note))
        case = await self.get_case(case_id)
        if case is None:
            raise BadInput("the case was erased meanwhile")
        return case

    async def raise_overdue(self, fence: int) -> tuple[Case, ...]:
        """Put overdue cases one level up, each once per due date; return them as they are now."""
        now = self._clock.now()
        query = (
            sa.select(cases)
            .where(cases.c.state == CaseState.OPEN, cases.c.due_at < now)
            .order_by(cases.c.due_at)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        raised = []
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            for row in (await connection.execute(query)).all():
                level = min(row.level + 1, rules.TOP_LEVEL)
                due = rules.escalated_due(row.due_at, urgent=row.urgent, now=now)
                await connection.execute(
                    cases.update().where(cases.c.id == row.id).values(level=level, due_at=due)
                )
                await add_event(connection, row.id, now, EventKind.ESCALATED, outcome=str(level))
                raised.append(row.id)
            if not raised:
                return ()
            rows = (await connection.execute(sa.select(cases).where(cases.c.id.in_(raised)))).all()
        return tuple(_case(row) for row in rows)

    async def urgent_cases(self) -> tuple[Case, ...]:
        """Return open urgent cases of which nobody has been told."""
        query = sa.select(cases).where(
            cases.c.state == CaseState.OPEN, cases.c.urgent.is_(True), cases.c.alerted_at.is_(None)
        )
        async with self._db.read() as connection:
            return tuple(_case(row) for row in await connection.execute(query.limit(_AT_ONCE)))

    async def mark_alerted(self, case_ids: Sequence[str]) -> None:
        """Note that somebody was told."""
        async with self._db.write() as connection:
            told = cases.update().where(cases.c.id.in_(case_ids))
            await connection.execute(told.values(alerted_at=self._clock.now()))

    async def plan_check_ins(self, fence: int) -> int:
        """Turn due questions into attempts of a day's campaign; return how many.

        From there on the campaign's rules hold: hours, contact budget, do-not-call, redials.
        """
        now = self._clock.now()
        persons, results = schema.persons, schema.results
        query = (
            sa.select(check_ins, persons.c.address_print, persons.c.district, results.c.document)
            .join(persons, persons.c.id == check_ins.c.person_id)
            .join(results, results.c.result_id == check_ins.c.result_id)
            .where(check_ins.c.state == "planned", check_ins.c.due_at <= now)
            .order_by(check_ins.c.due_at, check_ins.c.id)
            .limit(_AT_ONCE)
            .with_for_update(of=check_ins, skip_locked=True)
        )
        async with self._db.write() as connection:
            await self._check_fence(connection, fence)
            due = (await connection.execute(query)).all()
            for days in sorted({row.days for row in due}):
                await self._ask(connection, days, [row for row in due if row.days == days], now)
        return len(due)

    async def _ask(self, connection: AsyncConnection, days: int, rows: Sequence[Any], now: datetime) -> None:
        campaign = await self._campaign_of_day(connection, days, now)
        people = [
            {"id": row.person_id, "address_print": row.address_print, "district": row.district}
            for row in rows
        ]
        contacts = [
            Contact("", "", row.district, _known(row.document), {"check_in_days": str(days)}) for row in rows
        ]
        await self._plan_first(connection, campaign, people, contacts)
        groups = schema.campaign_districts
        for district in {row.district for row in rows}:
            count = sum(row.district == district for row in rows)
            this = {"campaign_id": campaign.campaign_id, "district": district, "persons": count}
            if not await self._db.insert_once(connection, groups, this):
                await connection.execute(
                    groups.update()
                    .where(groups.c.campaign_id == campaign.campaign_id, groups.c.district == district)
                    .values(persons=groups.c.persons + count)
                )
        asked = check_ins.update().where(check_ins.c.id.in_([row.id for row in rows]))
        await connection.execute(asked.values(state="asked"))

    async def _campaign_of_day(self, connection: AsyncConnection, days: int, now: datetime) -> Campaign:
        day = now.astimezone(CHINA).date()
        campaigns, plan = schema.campaigns, CampaignPlan(guard=None)
        campaign_id = f"{rules.CHECK_IN_PREFIX}{days}_{day:%Y%m%d}"
        name = f"{days}天在岗回访 {day.isoformat()}"
        row = {
            "id": campaign_id,
            "name": name,
            "state": CampaignState.RUNNING,
            "ignore_window": False,
            "created_at": now,
            "plan": to_json(plan).decode(),
        }
        if not await self._db.insert_once(connection, campaigns, row):
            again = campaigns.update().where(
                campaigns.c.id == campaign_id, campaigns.c.state == CampaignState.FINISHED
            )
            await connection.execute(again.values(state=CampaignState.RUNNING, ended_at=None))
        return Campaign(campaign_id, name, CampaignState.RUNNING, False, now, plan=plan)


def _known(document: str) -> dict[str, Any]:
    """What the earlier call learnt, to be confirmed rather than asked again."""
    fields = from_json(document, Result).fields
    names = ("employment_status", "current_work", "work_since")
    return {name: fields[name].value for name in names if name in fields}


def _case(row: Any) -> Case:
    return Case(
        row.id,
        row.subject,
        row.district,
        row.street,
        tuple(filter(None, row.reasons.split(","))),
        row.urgent,
        CaseState(row.state),
        row.outcome,
        row.opened_at,
        row.due_at,
        row.level,
        row.closed_at,
    )
