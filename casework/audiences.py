"""Audiences: a saved query over the register is counted, then frozen into a campaign's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from casework import schema
from casework.barring import in_force
from casework.campaigns import Campaigns
from casework.plans import Audience, CampaignPlan
from casework.types import Campaign, CampaignState, Contact
from core.clock import CHINA
from core.errors import BadInput

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """How many people a query finds, by district; ``barred`` of them are on a do-not-call list."""

    persons: int
    barred: int
    districts: Mapping[str, int]


class Audiences(Campaigns):
    """Campaigns over people of the register."""

    async def count_audience(self, audience: Audience) -> AudienceCount:
        """Count whom a query finds now."""
        now = self._clock.now()
        persons, entries = schema.persons.c, schema.do_not_call.c
        barred = sa.select(entries.list_name).where(
            in_force(now),
            sa.or_(entries.address_print == persons.address_print, entries.person_id == persons.id),
        )
        base = _joined(
            sa.func.count(), sa.func.sum(sa.case((barred.exists(), 1), else_=0)), persons.district
        ).where(*_conditions(audience, now))
        async with self._db.read() as connection:
            rows = (await connection.execute(base.group_by(persons.district))).all()
        return AudienceCount(
            persons=sum(row[0] for row in rows),
            barred=sum(int(row[1]) for row in rows),
            districts={row[2]: row[0] for row in sorted(rows, key=lambda row: row[2])},
        )

    async def prepare_campaign(self, name: str, plan: CampaignPlan) -> Campaign:
        """Freeze the people that the plan's audience finds now; nobody is called before ``launch``.

        Raises ``BadInput`` when the plan has no audience or finds nobody.
        """
        if plan.audience is None:
            raise BadInput("the plan has no audience", hint="give one, or start with a list")
        if not (await self.count_audience(plan.audience)).persons:
            raise BadInput("the audience finds nobody in the register")
        campaign = await self._draft(name, plan, ignore_window=False)
        last = ""
        while page := await self._page_of(plan.audience, campaign.created_at, last):
            last = page[-1].id
            persons = [
                {"id": row.id, "address_print": row.address_print, "district": row.district} for row in page
            ]
            contacts = [_contact(row, plan.register_variables) for row in page]
            async with self._db.write() as connection:
                await self._plan_first(connection, campaign, persons, contacts)
        return await self._freeze(campaign, CampaignState.READY)

    async def test_campaign(self, campaign_id: str, name: str, address: str, variant: str = "") -> Campaign:
        """Call one number under a campaign's plan, at once; its own people are not touched.

        ``variant`` empty: assigned by weight. Raises ``BadInput`` for an unknown campaign or variant.
        """
        tested = await self.get_campaign(campaign_id)
        if tested is None:
            raise BadInput("no campaign with this id", hint="nuanye campaign list shows them")
        chosen = tuple(each for each in tested.plan.variants if each.name == variant)
        if variant and not chosen:
            raise BadInput("the campaign has no such variant")
        plan = replace(
            tested.plan,
            variants=chosen or tested.plan.variants,
            max_attempts=1,
            ends_at=None,
            audience=None,
        )
        contact = Contact(name, address)
        return await self.start_campaign(
            f"{tested.name}（测试）"[:200], [contact], ignore_window=True, plan=plan
        )

    async def _page_of(self, audience: Audience, now: datetime, last: str) -> Sequence[Any]:
        persons, registered = schema.persons.c, schema.registrations.c
        query = (
            _joined(
                persons.id,
                persons.address_print,
                persons.district,
                registered.street,
                registered.graduate_year,
                registered.education,
                registered.registered_on,
                registered.birth_year,
            )
            .where(persons.id > last, *_conditions(audience, now))
            .order_by(persons.id)
            .limit(_PAGE)
        )
        async with self._db.read() as connection:
            rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows


def _joined(*columns: Any) -> Any:
    persons, registered = schema.persons, schema.registrations
    return sa.select(*columns).select_from(persons.join(registered, registered.c.person_id == persons.c.id))


def _contact(row: Any, wanted: Mapping[str, str]) -> Contact:
    """What is known before the call; name and number stay sealed where they are."""
    variables = {name: str(value) for name, column in wanted.items() if (value := getattr(row, column))}
    facts = {"district": row.district} if row.district else {}
    return Contact("", "", row.district, facts, variables)


def _conditions(audience: Audience, now: datetime) -> list[Any]:
    persons, registered = schema.persons.c, schema.registrations.c
    today = now.astimezone(CHINA).date()
    found: list[Any] = []
    if audience.districts:
        found.append(persons.district.in_(audience.districts))
    if audience.streets:
        found.append(registered.street.in_(audience.streets))
    if audience.months_unemployed:
        least, most = audience.months_unemployed
        found.append(registered.registered_on <= _months_before(today, least))
        found.append(registered.registered_on > _months_before(today, most + 1))
    if audience.age:
        found.append(
            registered.birth_year.between(today.year - audience.age[1], today.year - audience.age[0])
        )
    if audience.graduate_years:
        found.append(registered.graduate_year.between(*audience.graduate_years))
    if audience.hardship == ("any",):
        found.append(registered.hardship != "")
    elif audience.hardship:
        found.append(_any_word(registered.hardship, audience.hardship))
    if audience.education:
        found.append(_any_word(registered.education, audience.education))
    if audience.not_contacted_days:
        found += _left_alone_since(now - timedelta(days=audience.not_contacted_days))
    return found


def _any_word(column: Any, words: Sequence[str]) -> Any:
    return sa.or_(*(column.contains(word, autoescape=True) for word in words))


def _left_alone_since(since: datetime) -> list[Any]:
    persons, attempts, contacts = schema.persons.c, schema.attempts.c, schema.contacts.c
    called = sa.select(attempts.id).where(attempts.person_id == persons.id, attempts.started_at > since)
    written = sa.select(contacts.id).where(
        contacts.person_id == persons.id, contacts.allowed.is_(True), contacts.at > since
    )
    return [~called.exists(), ~written.exists()]


def _months_before(day: date, months: int) -> date:
    """Return the day so many months earlier, the month's last one where it has no such day."""
    index = max(day.year * 12 + day.month - 1 - months, 12)
    first = date(index // 12, index % 12 + 1, 1)
    following = date((index + 1) // 12, (index + 1) % 12 + 1, 1)
    return first + timedelta(days=min(day.day, (following - first).days) - 1)
