"""How long each kind of data is kept: what is over goes, in small steps, as often as one likes."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.handover.tables import handovers, lines
from casework.keeping.access import AccessLog
from casework.keeping.blank import blank_record, blank_result
from casework.types import AttemptState, CallRecord
from core.codec import from_json, to_json
from core.errors import StorageError
from core.logs import get_log
from core.recordings import Recordings
from core.settings import Settings
from core.types import Result

_STEP = 500
# The budget looks back a month; decisions that it counts are never old enough.
LEAST_CONTACTS_DAYS = 31
_RAN = "retention_ran_on"

_log = get_log("retention")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data. ``setting``: the name of its period in days."""

    name: str
    setting: str


KINDS = (
    Kind("recordings", "keep_recordings_days"),
    Kind("transcripts", "keep_transcripts_days"),
    Kind("results", "keep_results_days"),
    Kind("chats", "keep_chats_days"),
    Kind("contacts", "keep_contacts_days"),
    Kind("register", "keep_register_days"),
    Kind("access_log", "keep_access_log_days"),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run found of one kind. ``days`` 0: kept for ever; ``over``: how many went (or would go)."""

    kind: str
    days: int
    before: datetime | None
    over: int


class Retention(AccessLog):
    """Removes what is over. Each step is a transaction; a repeat finds nothing."""

    async def run(self, settings: Settings, files: Recordings, *, dry_run: bool) -> tuple[Kept, ...]:
        """Go through every kind. Raises ``StorageError``; what was removed before stays removed."""
        now = self._clock.now()
        found = []
        for kind in KINDS:
            days = int(getattr(settings, kind.setting))
            if kind.name == "contacts" and days:
                days = max(days, LEAST_CONTACTS_DAYS)
            before = now - timedelta(days=days) if days else None
            over = 0
            if before is not None:
                over = await self._kind(kind.name, before, files, dry_run)
            found.append(Kept(kind.name, days, before, over))
            _log.info("kept", kind=kind.name, days=days, removed=0 if dry_run else over)
        return tuple(found)

    async def claim_day(self) -> bool:
        """Whether today's run (days of UTC) is the caller's: of several processes one gets it."""
        today = self._clock.now().date().isoformat()
        meta = schema.meta
        row = {"key": _RAN, "value": today}
        async with self._db.write() as connection:
            if await self._db.insert_once(connection, meta, row):
                return True
            done = await connection.execute(
                meta.update().where(meta.c.key == _RAN, meta.c.value < today).values(value=today)
            )
            return bool(done.rowcount == 1)

    async def _kind(self, name: str, before: datetime, files: Recordings, dry_run: bool) -> int:
        if dry_run:
            return await self._count(name, before)
        steps: dict[str, Callable[[], Awaitable[int]]] = {
            "recordings": lambda: self._recordings(before, files),
            "transcripts": lambda: self._transcripts(before),
            "results": lambda: self._results(before),
            "chats": lambda: self._chats(before),
            "contacts": lambda: self._contacts(before),
            "register": lambda: self._register(before),
            "access_log": lambda: self._access_log(before),
        }
        total = 0
        while done := await steps[name]():
            total += done
            if done < _STEP:
                break
        return total

    async def _count(self, name: str, before: datetime) -> int:
        async with self._db.read() as connection:
            query = sa.select(sa.func.count()).select_from(self._over(name, before).subquery())
            return int((await connection.execute(query)).scalar_one())

    def _over(self, name: str, before: datetime) -> Any:
        """Return the query for what is over of one kind: its key, and what is needed to remove it."""
        calls, results, contacts = schema.calls.c, schema.results.c, schema.contacts.c
        log = schema.access_log.c
        queries = {
            "recordings": sa.select(calls.call_id, calls.recording).where(
                calls.started_at < before, calls.recording != ""
            ),
            "transcripts": sa.select(calls.call_id, calls.record).where(
                calls.started_at < before, calls.address_sealed != ""
            ),
            "results": sa.select(results.result_id, results.document, results.subject).where(
                results.at < before, results.document.notlike('%"erased":true%')
            ),
            "chats": sa.select(handovers.c.id).where(handovers.c.since < before, handovers.c.ended_as != ""),
            "contacts": sa.select(contacts.id).where(contacts.at < before),
            "register": self._unlisted(before),
            "access_log": sa.select(log.id).where(log.at < before),
        }
        return queries[name]

    def _unlisted(self, before: datetime) -> Any:
        """People whom no list has named since, and for whom nothing is planned."""
        mine, attempts = schema.registrations.c, schema.attempts.c
        waiting = sa.select(attempts.id).where(
            attempts.person_id == mine.person_id, attempts.state != AttemptState.ENDED
        )
        return sa.select(mine.person_id).where(mine.updated_at < before, ~waiting.exists())

    async def _step(self, connection: AsyncConnection, name: str, before: datetime) -> list[Any]:
        return list((await connection.execute(self._over(name, before).limit(_STEP))).all())

    async def _recordings(self, before: datetime, files: Recordings) -> int:
        """Files first: a row without its file is found again, a file without its row is not."""
        async with self._db.read() as connection:
            rows = await self._step(connection, "recordings", before)
        gone = []
        for row in rows:
            try:
                await files.delete(row.recording)
            except StorageError as error:
                _log.warning("recording_stays", call=row.call_id, code=error.code)
                continue
            gone.append(row.call_id)
        calls = schema.calls
        async with self._db.write() as connection:
            await connection.execute(calls.update().where(calls.c.call_id.in_(gone)).values(recording=""))
        return len(gone)

    async def _transcripts(self, before: datetime) -> int:
        calls = schema.calls
        async with self._db.write() as connection:
            rows = await self._step(connection, "transcripts", before)
            for row in rows:
                record = from_json(row.record, CallRecord)
                blank = dataclasses.replace(blank_record(record), recording=record.recording)
                await connection.execute(
                    calls.update()
                    .where(calls.c.call_id == row.call_id)
                    .values(record=to_json(blank).decode(), name_sealed="", address_sealed="")
                )
        return len(rows)

    async def _results(self, before: datetime) -> int:
        results, intentions = schema.results, schema.intentions
        async with self._db.write() as connection:
            rows = await self._step(connection, "results", before)
            for row in rows:
                text = to_json(blank_result(from_json(row.document, Result), row.subject)).decode()
                await connection.execute(
                    results.update()
                    .where(results.c.result_id == row.result_id)
                    .values(document=text, needs_review=False)
                )
            ids = [row.result_id for row in rows]
            await connection.execute(intentions.delete().where(intentions.c.result_id.in_(ids)))
        return len(rows)

    async def _chats(self, before: datetime) -> int:
        async with self._db.write() as connection:
            ids = [row.id for row in await self._step(connection, "chats", before)]
            await connection.execute(lines.delete().where(lines.c.handover_id.in_(ids)))
            await connection.execute(handovers.delete().where(handovers.c.id.in_(ids)))
        return len(ids)

    async def _contacts(self, before: datetime) -> int:
        async with self._db.write() as connection:
            ids = [row.id for row in await self._step(connection, "contacts", before)]
            await connection.execute(schema.contacts.delete().where(schema.contacts.c.id.in_(ids)))
        return len(ids)

    async def _register(self, before: datetime) -> int:
        """Names and numbers go with the registration; the row stays for the calls that point to it."""
        persons, mine = schema.persons, schema.registrations
        async with self._db.write() as connection:
            ids = [row.person_id for row in await self._step(connection, "register", before)]
            await connection.execute(mine.delete().where(mine.c.person_id.in_(ids)))
            await connection.execute(
                persons.update()
                .where(persons.c.id.in_(ids))
                .values(name_sealed="", address_sealed="", address_print="")
            )
        return len(ids)

    async def _access_log(self, before: datetime) -> int:
        async with self._db.write() as connection:
            return await self._prune_access_log(connection, before)
