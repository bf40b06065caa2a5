"""Campaigns and their people: start, pause, count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.barring import Barring
from casework.decisions import Contacted, decision
from casework.hours import next_allowed
from casework.permission import Rule, Verdict
from casework.types import AttemptState, Campaign, CampaignProgress, CampaignState, Contact
from core.codec import to_json
from core.errors import BadInput
from core.ids import new_id

_LIVE = (CampaignState.RUNNING, CampaignState.PAUSED)
_CHUNK = 400  # SQLite takes some thousand parameters per statement
_UNDIALLED = (AttemptState.PLANNED, AttemptState.QUEUED)


class Campaigns(Barring):
    """Who is followed up."""

    async def start_campaign(
        self, name: str, contacts: Sequence[Contact], *, ignore_window: bool = False
    ) -> Campaign:
        """Plan one attempt per contact, due at once (or when calling hours begin).

        Somebody on the do-not-call list is entered, and the attempt ended with that reason, so
        that the counts add up. Nobody is called before the whole list is in.

        Raises ``BadInput`` for an empty list, ``StorageError``.
        """
        if not contacts:
            raise BadInput("the list has nobody to call")
        now = self._clock.now()
        due = now if ignore_window else next_allowed(now)
        campaign = Campaign(new_id("cmp"), name[:200], CampaignState.RUNNING, ignore_window, now)
        campaigns = schema.campaigns
        async with self._db.write() as connection:
            await connection.execute(
                campaigns.insert().values(
                    id=campaign.campaign_id,
                    name=campaign.name,
                    state=CampaignState.DRAFT,
                    ignore_window=ignore_window,
                    created_at=now,
                )
            )
        # One transaction per chunk: a long list must not keep everybody else from writing.
        for start in range(0, len(contacts), _CHUNK):
            async with self._db.write() as connection:
                await self._enter(connection, campaign, contacts[start : start + _CHUNK], due)
        async with self._db.write() as connection:
            await connection.execute(
                campaigns.update()
                .where(campaigns.c.id == campaign.campaign_id)
                .values(state=CampaignState.RUNNING)
            )
        return campaign

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
        )

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> Campaign:
        """Pause, resume or stop. What no worker has begun is taken back at once; calls go on.

        Raises ``BadInput`` for an unknown campaign or one that has already ended.
        """
        now = self._clock.now()
        campaigns, attempts = schema.campaigns, schema.attempts
        ended = None if state in _LIVE else now
        async with self._db.write() as connection:
            changed = await connection.execute(
                campaigns.update()
                .where(campaigns.c.id == campaign_id, campaigns.c.state.in_(_LIVE))
                .values(state=state, ended_at=ended)
            )
            if changed.rowcount != 1:
                raise BadInput(
                    "no campaign with this id is under way", hint="nuanye campaign list shows them"
                )
            mine = attempts.update().where(attempts.c.campaign_id == campaign_id)
            if state is CampaignState.PAUSED:
                await connection.execute(
                    mine.where(attempts.c.state == AttemptState.QUEUED).values(
                        state=AttemptState.PLANNED, queued_at=None, not_after=None
                    )
                )
            elif state is CampaignState.STOPPED:
                await connection.execute(
                    mine.where(attempts.c.state.in_(_UNDIALLED)).values(
                        state=AttemptState.ENDED, ended_at=now, reason="campaign_stopped"
                    )
                )
        campaign = await self.get_campaign(campaign_id)
        if campaign is None:
            raise BadInput("no campaign with this id is under way")
        return campaign

    async def _enter(
        self, connection: AsyncConnection, campaign: Campaign, contacts: Sequence[Contact], due: datetime
    ) -> None:
        """Write people and their first attempts, a few statements per chunk however long it is."""
        now = campaign.created_at
        persons = [self._person_row(each.name, each.address, each.district, now) for each in contacts]
        await self._db.upsert(connection, schema.persons, persons, keep=("id", "created_at"))
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
                    "ended_at": campaign.created_at if skip else None,
                    "reason": "do_not_call" if skip else "",
                    "facts": to_json(dict(contact.facts)).decode(),
                }
            )
            if skip:
                who = Contacted(
                    person["id"], person["address_print"], campaign.campaign_id, attempts[-1]["id"]
                )
                decisions.append(decision(who, Verdict(Rule.DO_NOT_CALL), now))
        await self._db.insert_new(connection, schema.attempts, attempts)
        await self._note(connection, decisions)


def campaign_from(row: Any) -> Campaign:
    """Build a ``Campaign`` from its row."""
    return Campaign(
        row.id, row.name, CampaignState(row.state), row.ignore_window, row.created_at, row.ended_at
    )
