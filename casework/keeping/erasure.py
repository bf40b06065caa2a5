"""Erasure by person: what was said and known goes, the books stay balanced, a tombstone stands.

What stays, and why: ids, times and dispositions of calls (planned = dialled = stored must still hold),
entries of do-not-call lists and decisions about contacts as keyed fingerprints without name or number
(who said no must stay unbothered; retention ends them), the access log.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.cases.tables import cases, check_ins, events
from casework.cases.types import CaseState
from casework.handover.tables import handovers, lines
from casework.keeping.blank import blank_record, blank_result
from casework.repository import Repository
from casework.types import AttemptState, CallRecord
from core.codec import from_json, to_json
from core.errors import BadInput
from core.types import Result

ERASED = "erased"
MAX_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class Erased:
    """What one erasure concerns; files and stream entries are the caller's to remove.

    ``subjects``: ids that entries of streams carry (person, conversations). ``digest``: the tombstone's.
    """

    person_print: str
    subjects: tuple[str, ...]
    call_ids: tuple[str, ...]
    result_ids: tuple[str, ...]
    recordings: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That somebody was erased. ``genuine``: its keyed hash fits what it says."""

    person_print: str
    at: datetime
    erased_by: str
    reason: str
    counts: dict[str, int]
    genuine: bool


class Erasure(Repository):
    """Takes one person out of the database, in one transaction. Doing it again changes nothing more."""

    async def whose(self, who: str) -> tuple[str, ...]:
        """Return the ids behind a person's id, a number or SIP address, or a conversation's id."""
        persons, results = schema.persons.c, schema.results.c
        print_ = self._vault.address_print(who)
        known = sa.select(persons.id).where(sa.or_(persons.id == who, persons.address_print == print_))
        async with self._db.read() as connection:
            found = set((await connection.execute(known)).scalars())
            calls = sa.select(schema.calls.c.person_id).where(schema.calls.c.person_id == who).limit(1)
            found |= set((await connection.execute(calls)).scalars())
            said = sa.select(results.subject).where(results.subject == who).limit(1)
            found |= set((await connection.execute(said)).scalars())
            chats = sa.select(handovers.c.conversation_id).where(handovers.c.conversation_id == who).limit(1)
            found |= set((await connection.execute(chats)).scalars())
        return tuple(sorted(found))

    async def find(self, subjects: Sequence[str]) -> Erased:
        """Return what an erasure of these ids would remove. Raises ``BadInput`` during a call."""
        calls, results = schema.calls.c, schema.results.c
        running = sa.select(schema.attempts.c.id).where(
            schema.attempts.c.person_id.in_(subjects), schema.attempts.c.state == AttemptState.RUNNING
        )
        mine = sa.select(calls.call_id, calls.recording).where(calls.person_id.in_(subjects))
        async with self._db.read() as connection:
            if (await connection.execute(running)).first() is not None:
                raise BadInput("a call with this person is going on", hint="erase again when it is over")
            found = (await connection.execute(mine)).all()
            about = sa.select(results.result_id).where(results.subject.in_(subjects))
            result_ids = tuple((await connection.execute(about)).scalars())
        return Erased(
            self._vault.fingerprint("erased:" + "|".join(sorted(subjects)))[:40],
            tuple(subjects),
            tuple(row.call_id for row in found),
            result_ids,
            tuple(row.recording for row in found if row.recording),
        )

    async def erase(self, found: Erased, *, by: str, reason: str, files: int, entries: int) -> Erased:
        """Take the person out and set the tombstone. Raises ``BadInput`` without a reason."""
        if not 0 < len(reason.strip()) <= MAX_REASON_CHARS:
            raise BadInput(f"reason: 1 to {MAX_REASON_CHARS} characters", hint="--reason")
        counts = {"files": files, "stream_entries": entries}
        async with self._db.write() as connection:
            counts["attempts"] = await self._attempts(connection, found)
            counts["calls"] = await self._calls(connection, found)
            counts["results"] = await self._results(connection, found)
            counts |= await self._rest(connection, found)
            digest = await self._bury(connection, found, (by[:64], reason.strip()), counts)
        return Erased(
            found.person_print, found.subjects, found.call_ids, found.result_ids, found.recordings, counts,
            digest,
        )  # fmt: skip

    async def tombstones(self) -> tuple[Tombstone, ...]:
        """Return every tombstone, newest first."""
        query = sa.select(schema.tombstones).order_by(schema.tombstones.c.at.desc())
        async with self._db.read() as connection:
            return tuple(self._tombstone(row) for row in await connection.execute(query))

    async def _attempts(self, connection: AsyncConnection, found: Erased) -> int:
        attempts = schema.attempts
        mine = attempts.c.person_id.in_(found.subjects)
        now = self._clock.now()
        await connection.execute(
            attempts.update()
            .where(mine, attempts.c.state.in_((AttemptState.PLANNED, AttemptState.QUEUED)))
            .values(state=AttemptState.ENDED, ended_at=now, reason=ERASED)
        )
        done = await connection.execute(attempts.update().where(mine).values(facts="{}", variables="{}"))
        return int(done.rowcount)

    async def _calls(self, connection: AsyncConnection, found: Erased) -> int:
        calls = schema.calls
        nobody = {
            "name_sealed": "",
            "address_sealed": "",
            "recording": "",
            "needs_review": "",
        }
        for call_id in found.call_ids:
            query = sa.select(calls.c.record).where(calls.c.call_id == call_id)
            record = from_json((await connection.execute(query)).scalar_one(), CallRecord)
            text = to_json(blank_record(record)).decode()
            await connection.execute(
                calls.update().where(calls.c.call_id == call_id).values(**nobody, record=text)
            )
        return len(found.call_ids)

    async def _results(self, connection: AsyncConnection, found: Erased) -> int:
        results = schema.results
        subject = f"{ERASED}:{found.person_print}"
        query = sa.select(results.c.result_id, results.c.document).where(
            results.c.subject.in_(found.subjects)
        )
        rows = (await connection.execute(query)).all()
        for row in rows:
            text = to_json(blank_result(from_json(row.document, Result), subject)).decode()
            await connection.execute(
                results.update()
                .where(results.c.result_id == row.result_id)
                .values(subject=subject, document=text, needs_review=False)
            )
        return len(rows)

    async def _rest(self, connection: AsyncConnection, found: Erased) -> dict[str, int]:
        """Register, intentions, notes of districts, chats with staff; numbers on lists become prints."""
        subjects = found.subjects
        counts: dict[str, int] = {}
        for name, statement in self._statements(found).items():
            counts[name] = int((await connection.execute(statement)).rowcount)
        talks = sa.select(handovers.c.id).where(handovers.c.conversation_id.in_(subjects))
        await connection.execute(lines.delete().where(lines.c.handover_id.in_(talks)))
        return counts | await self._cases(connection, found)

    async def _cases(self, connection: AsyncConnection, found: Erased) -> dict[str, int]:
        """Cases are closed and say no more than that there was one."""
        mine = cases.c.subject.in_(found.subjects)
        notes = events.c.case_id.in_(sa.select(cases.c.id).where(mine))
        await connection.execute(events.update().where(notes).values(note_sealed=""))
        still_open = cases.update().where(mine, cases.c.state == CaseState.OPEN)
        closed = {"state": CaseState.CLOSED, "outcome": ERASED, "closed_at": self._clock.now()}
        await connection.execute(still_open.values(**closed))
        nobody = {"subject": f"{ERASED}:{found.person_print}", "street": "", "reasons": ""}
        blanked = await connection.execute(cases.update().where(mine).values(**nobody))
        asked = check_ins.delete().where(check_ins.c.person_id.in_(found.subjects))
        return {
            "cases": int(blanked.rowcount),
            "check_ins": int((await connection.execute(asked)).rowcount),
        }

    def _statements(self, found: Erased) -> dict[str, Any]:
        persons, listed = schema.persons, schema.do_not_call
        return {
            "registrations": schema.registrations.delete().where(
                schema.registrations.c.person_id.in_(found.subjects)
            ),
            "intentions": schema.intentions.delete().where(schema.intentions.c.subject.in_(found.subjects)),
            "persons": persons.update()
            .where(persons.c.id.in_(found.subjects))
            .values(name_sealed="", address_sealed="", address_print=""),
            "feedback": schema.feedback.update()
            .where(schema.feedback.c.result_id.in_(found.result_ids))
            .values(note_sealed=""),
            "do_not_call": listed.update()
            .where(listed.c.person_id.in_(found.subjects))
            .values(address_sealed="", reason=""),
            "handovers": handovers.update()
            .where(handovers.c.conversation_id.in_(found.subjects))
            .values(summary_sealed="", contact_sealed="", note_sealed=""),
        }

    async def _bury(
        self, connection: AsyncConnection, found: Erased, why: tuple[str, str], counts: dict[str, int]
    ) -> str:
        at, text = self._clock.now(), to_json(counts).decode()
        row = {
            "person_print": found.person_print,
            "at": at,
            "erased_by": why[0],
            "reason": why[1],
            "counts": text,
            "digest": self._digest(found.person_print, at, *why, text),
        }
        await self._db.insert_once(connection, schema.tombstones, row)
        return str(row["digest"])

    def _digest(self, *said: object) -> str:
        key = self._vault.key_for("tombstones")
        return hmac.digest(key, "|".join(map(str, said)).encode(), hashlib.sha256).hex()

    def _tombstone(self, row: Any) -> Tombstone:
        digest = self._digest(row.person_print, row.at, row.erased_by, row.reason, row.counts)
        genuine = hmac.compare_digest(digest, row.digest)
        counts = from_json(row.counts, dict)
        return Tombstone(row.person_print, row.at, row.erased_by, row.reason, counts, genuine)
