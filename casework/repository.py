"""What the store's parts share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.cases.opening import on_result
from casework.database import Database
from casework.vault import Vault, person_id
from core.clock import Clock
from core.codec import to_json, to_plain
from core.types import Result


class Repository:
    """Database, vault and clock for one topic's queries."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._db = database
        self._vault = vault
        self._clock = clock

    def _person_row(self, name: str, address: str, district: str, now: datetime) -> dict[str, Any]:
        """Return a row of ``persons``; the same name at the same address is the same person."""
        address_print = self._vault.address_print(address)
        return {
            "id": person_id(self._vault, name, address_print),
            "name_sealed": self._vault.seal(name, "name"),
            "address_sealed": self._vault.seal(address, "address"),
            "address_print": address_print,
            "district": district[:40],
            "created_at": now,
            "updated_at": now,
        }

    async def _put_result(self, connection: AsyncConnection, result: Result) -> bool:
        """Insert the result and what follows from it (outbox, intention, case); ``False``: it is there."""
        now = self._clock.now()
        stored = await self._db.insert_once(
            connection,
            schema.results,
            {
                "result_id": result.result_id,
                "kind": result.kind,
                "subject": result.subject,
                "source": result.source,
                "channel": result.channel,
                "at": result.at,
                "disposition": result.disposition or "",
                "needs_review": bool(result.needs_review),
                "document": to_json(result).decode(),
            },
        )
        if not stored:
            return False
        await connection.execute(schema.outbox.insert().values(result_id=result.result_id, created_at=now))
        if "wanted_jobs" in result.fields:
            await self._put_intention(connection, result)
        await on_result(self._db, connection, result, now)
        return True

    async def _put_intention(self, connection: AsyncConnection, result: Result) -> None:
        district = result.fields.get("district")
        consent = result.fields.get("contact_consent")
        await self._db.insert_once(
            connection,
            schema.intentions,
            {
                "result_id": result.result_id,
                "subject": result.subject,
                "channel": result.channel,
                "at": result.at,
                "district": str(district.value)[:40] if district else "",
                "contact_consent": consent.value if consent and isinstance(consent.value, bool) else None,
                "fields": to_json(to_plain(result.fields)).decode(),
            },
        )
