"""What is shown to somebody who asks: was I contacted, why, and what stopped it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from casework import schema
from casework.barring import Barring, ListedEntry
from core.codec import from_json

MAX_DECISIONS = 10_000


@dataclass(frozen=True, slots=True)
class ProvenContact:
    """One decision. ``disposition``: how the call that it allowed ended (``""``: none, or not yet).

    ``detail``: ``earlier`` (contacts counted on the day, in the week, in the month), ``until``.
    """

    at: datetime
    channel: str
    campaign_id: str
    campaign: str
    attempt_id: str
    rule: str
    allowed: bool
    detail: Mapping[str, Any]
    disposition: str = ""


@dataclass(frozen=True, slots=True)
class ContactProof:
    """Everything that is kept about contacts with one person, oldest first; lists newest first."""

    person_ids: tuple[str, ...]
    contacts: tuple[ProvenContact, ...]
    lists: tuple[ListedEntry, ...]


class Proof(Barring):
    """Readers of decisions."""

    async def contact_proof(self, who: str) -> ContactProof:
        """Return the proof for a person's id or an address; empty for somebody unknown."""
        persons, contacts = schema.persons.c, schema.contacts.c
        attempts, campaigns = schema.attempts, schema.campaigns
        address_print = self._vault.address_print(who)
        known = sa.select(persons.id, persons.address_print).where(
            sa.or_(persons.id == who, persons.address_print == address_print)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(known)).all()
            ids = [row.id for row in rows]
            prints = list({address_print, *(row.address_print for row in rows)})
            query = (
                sa.select(schema.contacts, campaigns.c.name, attempts.c.disposition)
                .outerjoin(campaigns, campaigns.c.id == contacts.campaign_id)
                .outerjoin(attempts, attempts.c.id == contacts.attempt_id)
                .where(sa.or_(contacts.person_id.in_([who, *ids]), contacts.address_print.in_(prints)))
                .order_by(contacts.id)
                .limit(MAX_DECISIONS)
            )
            found = tuple(_proven(row) for row in await connection.execute(query))
            entries = schema.do_not_call.c
            listed = (
                sa.select(schema.do_not_call)
                .where(sa.or_(entries.person_id.in_([who, *ids]), entries.address_print.in_(prints)))
                .order_by(entries.at.desc())
            )
            now = self._clock.now()
            lists = tuple(self._listed(row, now) for row in await connection.execute(listed))
        return ContactProof(tuple(ids), found, lists)


def _proven(row: Any) -> ProvenContact:
    return ProvenContact(
        row.at,
        row.channel,
        row.campaign_id,
        row.name or "",
        row.attempt_id,
        row.rule,
        row.allowed,
        from_json(row.detail, dict),
        (row.disposition or "") if row.allowed else "",
    )
