"""Campaigns and their people: start, pause, count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.barring import Barring
from casework.decisions import Contacted, decision
from casework.hours import next_allowed
from casework.permission import Rule, Verdict
from casework.plans import CampaignPlan, assign_variant, read_plan
from casework.types import AttemptState, Campaign, CampaignProgress, CampaignState, Contact
from core.codec import to_json
from core.errors import BadInput
from core.ids import new_id

_LIVE = (CampaignState.RUNNING, CampaignState.PAUSED)
_CHUNK = 400  # SQLite takes some thousand parameters per statement
_LIST_THEM = "nuanye campaign list shows them"


class Campaigns(Barring):
    """Who is followed up."""

    async def start_campaign(
        self,
        name: str,
        contacts: Sequence[Contact],
        *,
        ignore_window: bool = False,
        plan: CampaignPlan | None = None,
        hold: bool = False,
    ) -> Campaign:
        """Plan one attempt per contact, due at once (or when calling hours begin).

        Somebody on the do-not-call list is entered, and the attempt ended with that reason, so
        that the counts add up. Nobody is called before the whole list is in; with ``hold`` not
        before ``launch``.

        Raises ``BadInput`` for an empty list, ``StorageError``.
        """
        if not contacts:
            raise BadInput("the list has nobody to call")
        campaign = await self._draft(name, plan or CampaignPlan(), ignore_window)
        # One transaction per chunk: a long list must not keep everybody else from writing.
        for start in range(0, len(contacts), _CHUNK):
            async with self._db.write() as connection:
                await self._enter(connection, campaign, contacts[start : start + _CHUNK])
        return await self._freeze(campaign, CampaignState.READY if hold else CampaignState.RUNNING)

    async def launch(self, campaign_id: str) -> Campaign:
        """Begin a campaign that waits with its frozen list. Raises ``BadInput`` for any other."""
        campaigns = schema.campaigns
        async with self._db.write() as connection:
            launched = await connection.execute(
                campaigns.update()
                .where(campaigns.c.id == campaign_id, campaigns.c.state == CampaignState.READY)
                .values(state=CampaignState.RUNNING)
            )
        if launched.rowcount != 1:
            raise BadInput("no campaign with this id waits to be launched", hint=_LIST_THEM)
        return await self._campaign(campaign_id)

    async def change_plan(self, campaign_id: str, plan: CampaignPlan) -> Campaign:
        """Replace the plan of a campaign that has not ended; its people stay. Raises ``BadInput``."""
        campaigns = schema.campaigns
        async with self._db.write() as connection:
            changed = await connection.execute(
                campaigns.update()
                .where(campaigns.c.id == campaign_id, campaigns.c.state.in_((CampaignState.READY, *_LIVE)))
                .values(plan=to_json(plan).decode(), ends_at=plan.ends_at)
            )
        if changed.rowcount != 1:
            raise BadInput("no campaign with this id is under way", hint=_LIST_THEM)
        return await self._campaign(campaign_id)

    async def _draft(self, name: str, plan: CampaignPlan, ignore_window: bool) -> Campaign:
        now = self._clock.now()
        campaign = Campaign(new_id("cmp"), name[:200], CampaignState.DRAFT, ignore_window, now, plan=plan)
        async with self._db.write() as connection:
            await connection.execute(
                schema.campaigns.insert().values(
                    id=campaign.campaign_id,
                    name=campaign.name,
                    state=CampaignState.DRAFT,
                    ignore_window=ignore_window,
                    created_at=now,
                    plan=to_json(plan).decode(),
                    ends_at=plan.ends_at,
                )
            )
        return campaign

    async def _freeze(self, campaign: Campaign, state: CampaignState) -> Campaign:
        """Count the list by district; from now on nobody joins it."""
        attempts, campaigns = schema.attempts.c, schema.campaigns
        counted = sa.select(
            sa.literal(campaign.campaign_id), attempts.district, sa.func.count(), sa.literal(0.0)
        ).where(attempts.campaign_id == campaign.campaign_id)
        columns = ("campaign_id", "district", "persons", "finish")
        async with self._db.write() as connection:
            await connection.execute(
                schema.campaign_districts.insert().from_select(columns, counted.group_by(attempts.district))
            )
            await connection.execute(
                campaigns.update().where(campaigns.c.id == campaign.campaign_id).values(state=state)
            )
        return replace(campaign, state=state)

    async def get_campaign(self, campaign_id: str) -> Campaign | None:
        """Return one campaign."""
        query = sa.select(schema.campaigns).where(schema.campaigns.c.id == campaign_id)
        async with self._db.read() as connection:
            row = (await connection.execute(query)).first()
        return campaign_from(row) if row else None

    async def list_campaigns(self, limit: int = 50) -> tuple[Campaign, ...]:
        """Return the newest campaigns."""
        query = sa.select(schema.campaigns).order_by(
            schema.campaigns.c.created_at.desc(), schema.campaigns.c.id.desc()
        )
        async with self._db.read() as connection:
            return tuple(campaign_from(row) for row in await connection.execute(query.limit(limit)))

    async def campaign_progress(self, campaign_id: str) -> CampaignProgress | None:
        """Count a campaign's attempts."""
        attempts, campaigns = schema.attempts.c, schema.campaigns
        mine = attempts.campaign_id == campaign_id
        due = sa.case((attempts.state == AttemptState.PLANNED, attempts.due_at), else_=None)
        async with self._db.read() as connection:
            campaign = (
                await connection.execute(sa.select(campaigns).where(campaigns.c.id == campaign_id))
            ).first()
            if campaign is None:
                return None
            counts = await connection.execute(
                sa.select(attempts.state, attempts.disposition, sa.func.count())
                .where(mine)
                .group_by(attempts.state, attempts.disposition)
            )
            by_state = {(AttemptState(state), ending): count for state, ending, count in counts}
            variants = await _by_variant(connection, campaign_id)
            districts = await _by_district(connection, campaign_id)
            persons, next_due = (
                await connection.execute(
                    sa.select(sa.func.count(attempts.person_id.distinct()), sa.func.min(due)).where(mine)
                )
            ).one()
        endings = {e: n for (state, e), n in by_state.items() if state is AttemptState.ENDED and e}
        return CampaignProgress(
            campaign=campaign_from(campaign),
            persons=persons,
            planned=by_state.get((AttemptState.PLANNED, ""), 0),
            queued=by_state.get((AttemptState.QUEUED, ""), 0),
            running=by_state.get((AttemptState.RUNNING, ""), 0),
            ended=sum(endings.values()),
            cancelled=by_state.get((AttemptState.ENDED, ""), 0),
            dispositions=endings,
            next_due=next_due,
            districts=districts,
            variants=variants,
        )

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> Campaign:
        """Pause, resume or stop. What no worker has begun is taken back at once; calls go on.

        Raises ``BadInput`` for an unknown campaign or one that has already ended.
        """
        campaigns, attempts = schema.campaigns, schema.attempts
        now = self._clock.now()
        values: dict[str, Any] = {"state": state, "ended_at": None if state in _LIVE else now}
        if state is CampaignState.RUNNING:
            values |= {"resumed_at": now, "pause_reason": ""}
        may_change = _LIVE if state in _LIVE else (CampaignState.READY, *_LIVE)
        async with self._db.write() as connection:
            changed = await connection.execute(
                campaigns.update()
                .where(campaigns.c.id == campaign_id, campaigns.c.state.in_(may_change))
                .values(**values)
            )
            if changed.rowcount != 1:
                raise BadInput("no campaign with this id is under way", hint=_LIST_THEM)
            if state is CampaignState.PAUSED:
                await connection.execute(
                    attempts.update()
                    .where(attempts.c.campaign_id == campaign_id, attempts.c.state == AttemptState.QUEUED)
                    .values(state=AttemptState.PLANNED, queued_at=None, not_after=None)
                )
            elif state is CampaignState.STOPPED:
                await self._end_planned(connection, campaign_id, Rule.CAMPAIGN_STOPPED)
        return await self._campaign(campaign_id)

    async def _campaign(self, campaign_id: str) -> Campaign:
        campaign = await self.get_campaign(campaign_id)
        if campaign is None:
            raise BadInput("no campaign with this id", hint=_LIST_THEM)
        return campaign

    async def _enter(
        self, connection: AsyncConnection, campaign: Campaign, contacts: Sequence[Contact]
    ) -> None:
        """Write people and their first attempts, a few statements per chunk however long it is."""
        persons = [
            self._person_row(each.name, each.address, each.district, campaign.created_at) for each in contacts
        ]
        await self._db.upsert(connection, schema.persons, persons, keep=("id", "created_at"))
        await self._plan_first(connection, campaign, persons, contacts)

    async def _plan_first(
        self,
        connection: AsyncConnection,
        campaign: Campaign,
        persons: Sequence[dict[str, Any]],
        contacts: Sequence[Contact],
    ) -> None:
        """Plan the first attempt of each of ``persons`` (with ``id``, ``address_print``, ``district``)."""
        plan, now = campaign.plan, campaign.created_at
        due = now if campaign.ignore_window else next_allowed(now, plan.hours)
        listed = await self._barred_of(connection, persons, now)
        decisions: list[dict[str, Any]] = []
        attempts: list[dict[str, Any]] = []
        for person, contact in zip(persons, contacts, strict=True):
            skip = person["id"] in listed
            attempts.append(
                {
                    "id": new_id("att"),
                    "campaign_id": campaign.campaign_id,
                    "person_id": person["id"],
                    "number": 1,
                    "state": AttemptState.ENDED if skip else AttemptState.PLANNED,
                    "due_at": due,
                    "ended_at": now if skip else None,
                    "reason": Rule.DO_NOT_CALL if skip else "",
                    "facts": to_json(dict(contact.facts)).decode(),
                    "district": person["district"],
                    "variant": assign_variant(plan, campaign.campaign_id, person["id"]),
                    "variables": to_json({**plan.variables, **contact.variables}).decode(),
                    "month": f"{now.astimezone(UTC):%Y-%m}",
                }
            )
            if skip:
                who = Contacted(
                    person["id"], person["address_print"], campaign.campaign_id, attempts[-1]["id"]
                )
                decisions.append(decision(who, Verdict(Rule.DO_NOT_CALL), now))
        await self._db.insert_new(connection, schema.attempts, attempts)
        await self._note(connection, decisions)


async def _by_district(connection: AsyncConnection, campaign_id: str) -> dict[str, int]:
    groups = schema.campaign_districts.c
    query = sa.select(groups.district, groups.persons).where(groups.campaign_id == campaign_id)
    return {row.district: row.persons for row in await connection.execute(query.order_by(groups.district))}


async def _by_variant(connection: AsyncConnection, campaign_id: str) -> dict[str, dict[str, int]]:
    attempts = schema.attempts.c
    query = (
        sa.select(attempts.variant, attempts.disposition, sa.func.count())
        .where(attempts.campaign_id == campaign_id, attempts.variant != "", attempts.disposition != "")
        .group_by(attempts.variant, attempts.disposition)
    )
    found: dict[str, dict[str, int]] = {}
    for variant, ending, count in await connection.execute(query):
        found.setdefault(variant, {})[ending] = count
    return found


def campaign_from(row: Any) -> Campaign:
    """Build a ``Campaign`` from its row."""
    return Campaign(
        row.id,
        row.name,
        CampaignState(row.state),
        row.ignore_window,
        row.created_at,
        row.ended_at,
        read_plan(row.plan),
        row.pause_reason,
    )
