"""The one contact budget of all campaigns and channels, as the database keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.barring import Barring, barred
from casework.decisions import FENCE, IN_CONTACT, Contacted, decision
from casework.permission import Standing, Verdict, decide
from casework.rules import LIMITS, Limits, Policy, counted
from core.codec import from_json, to_json
from core.errors import BadInput

_LIMITS = "contact_limits"
_REMEMBERED = timedelta(days=31)
_DAY_MINUTES = 24 * 60


class Budget(Barring):
    """What is asked before anybody is contacted."""

    async def contact_limits(self) -> Limits:
        """Return the limits in force."""
        async with self._db.read() as connection:
            return await self._limits(connection)

    async def set_contact_limits(self, limits: Limits) -> None:
        """Put limits in force, from the next decision on. Raises ``BadInput`` for impossible ones."""
        if not 1 <= limits.day <= limits.week <= limits.month:
            raise BadInput("limits: need 1 <= day <= week <= month")
        if not 0 <= limits.opens < limits.closes <= _DAY_MINUTES:
            raise BadInput("limits: the house's hours must open before they close")
        row = {"key": _LIMITS, "value": to_json(limits).decode()}
        async with self._db.write() as connection:
            await self._db.upsert(connection, schema.meta, [row], keep=("key",))

    async def ask_contact(
        self, address: str, *, channel: str, person_id: str = "", campaign_id: str = ""
    ) -> Verdict:
        """Ask whether a proactive message may go to ``address`` (``wechat:…``) now.

        With a verdict that allows it, the contact counts: send it, or lose it. Raises ``StorageError``.
        """
        now = self._clock.now()
        who = Contacted(person_id, self._vault.address_print(address), campaign_id, channel=channel)
        async with self._db.write() as connection:
            await self._hold(connection)
            standing = await self._standing(connection, who, now)
            verdict = decide(Policy(), standing, now, await self._limits(connection))
            await self._note(connection, [decision(who, verdict, now, counted(standing.earlier, now))])
        return verdict

    async def _hold(self, connection: AsyncConnection) -> None:
        """Let nobody else hand out contacts until this transaction ends."""
        meta = schema.meta
        await self._db.insert_once(connection, meta, {"key": FENCE, "value": "0"})
        await connection.execute(sa.select(meta.c.value).where(meta.c.key == FENCE).with_for_update())

    async def _limits(self, connection: AsyncConnection) -> Limits:
        value = await self._meta(connection, _LIMITS)
        return from_json(value, Limits) if value else LIMITS

    async def _meta(self, connection: AsyncConnection, key: str) -> str:
        query = sa.select(schema.meta.c.value).where(schema.meta.c.key == key)
        return (await connection.execute(query)).scalar() or ""

    async def _standing(self, connection: AsyncConnection, who: Contacted, now: datetime) -> Standing:
        """Look up what ``decide`` needs to know about a person and an address."""
        if (await connection.execute(barred(who.person_id, who.address_print, now))).first() is not None:
            return Standing(barred=True)
        attempts, persons, contacts = schema.attempts.c, schema.persons.c, schema.contacts.c
        # A union, not an OR across two tables: that would read every attempt there is.
        alike = sa.select(persons.id).where(persons.address_print == who.address_print)
        calls = sa.select(attempts.state, attempts.started_at).where(
            attempts.person_id.in_(alike.union(sa.select(sa.literal(who.person_id)))),
            attempts.id != who.attempt_id,
            sa.or_(attempts.state.in_(IN_CONTACT), attempts.started_at > now - _REMEMBERED),
        )
        mine = contacts.address_print == who.address_print
        if who.person_id:
            mine = sa.or_(mine, contacts.person_id == who.person_id)
        messages = sa.select(contacts.at).where(
            mine, contacts.allowed.is_(True), contacts.channel != "phone", contacts.at > now - _REMEMBERED
        )
        rows = (await connection.execute(calls)).all()
        earlier = [row.started_at for row in rows if row.started_at is not None]
        earlier += (await connection.execute(messages)).scalars()
        return Standing(in_contact=any(row.state in IN_CONTACT for row in rows), earlier=earlier)
