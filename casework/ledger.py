"""Where the doors account for what they did: attempts, calls, results, opt-outs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import rules, schema
from casework.barring import Barring, ListEntry, barred
from casework.plans import read_plan
from casework.types import AttemptState, CallRecord, CampaignState
from casework.vault import without_name
from core.codec import to_json
from core.ids import new_id, result_id
from core.types import CallTask, Disposition, Result

_OPEN = (AttemptState.PLANNED, AttemptState.QUEUED)


class Ledger(Barring):
    """``casework.interfaces.CallLedger`` and ``ResultLedger``."""

    async def begin_attempt(self, task: CallTask, worker: str, *, lease_ms: int) -> bool:
        """Claim the attempt; see ``CallLedger``. Only a handed-out attempt can be claimed, once."""
        now = self._clock.now()
        attempts = schema.attempts
        blocked = barred(task.callee.person_id, self._vault.address_print(task.callee.address), now)
        running = sa.select(schema.campaigns.c.id).where(
            schema.campaigns.c.id == attempts.c.campaign_id,
            schema.campaigns.c.state == CampaignState.RUNNING,
        )
        async with self._db.write() as connection:
            if now > task.not_after:
                return False
            claimed = await connection.execute(
                attempts.update()
                .where(
                    attempts.c.id == task.task_id,
                    attempts.c.state == AttemptState.QUEUED,
                    sa.or_(attempts.c.not_after.is_(None), attempts.c.not_after >= now),
                    ~blocked.exists(),
                    running.exists(),
                )
                .values(
                    state=AttemptState.RUNNING,
                    worker=worker,
                    started_at=now,
                    lease_until=now + timedelta(milliseconds=lease_ms),
                )
            )
            return bool(claimed.rowcount == 1)

    async def extend_lease(self, call_id: str, worker: str, *, lease_ms: int) -> None:
        """Say that the call is still alive; without effect once the attempt has ended."""
        attempts = schema.attempts
        async with self._db.write() as connection:
            await connection.execute(
                attempts.update()
                .where(
                    attempts.c.id == call_id,
                    attempts.c.worker == worker,
                    attempts.c.state == AttemptState.RUNNING,
                )
                .values(lease_until=self._clock.now() + timedelta(milliseconds=lease_ms))
            )

    async def save_call(self, record: CallRecord, result: Result) -> None:
        """Store call, outbox row, opt-out and the next attempt in one transaction.

        A repeat changes nothing. A worker that was presumed dead and reports after all replaces
        what the reaper wrote; its result then follows as a correction.
        """
        async with self._db.write() as connection:
            await self._store_call(connection, record, result, presumed=False)

    async def annotate_call(self, call_id: str, extra: Mapping[str, Any]) -> None:
        """Add ``extra`` to a finished call's detail; a call that is not there stays so."""
        calls = schema.calls
        async with self._db.write() as connection:
            query = sa.select(calls.c.record).where(calls.c.call_id == call_id)
            stored = (await connection.execute(query)).scalar()
            if stored is None:
                return
            document = json.loads(stored)
            document["detail"] = {**document.get("detail", {}), **extra}
            await connection.execute(
                calls.update()
                .where(calls.c.call_id == call_id)
                .values(record=json.dumps(document, ensure_ascii=False))
            )

    async def save_result(self, result: Result) -> None:
        """Store the result and its outbox row, once per ``result_id``; a refusal takes effect with it."""
        async with self._db.write() as connection:
            stored = await self._put_result(connection, result)
            if stored and result.disposition is Disposition.OPT_OUT and result.channel != "phone":
                address = f"{result.channel}:{result.source}"
                await self._bar(connection, [ListEntry(address, "typed", result.result_id, result.subject)])

    async def _store_call(
        self, connection: AsyncConnection, record: CallRecord, result: Result, *, presumed: bool
    ) -> None:
        values = self._call_values(record, presumed=presumed)
        if not await self._db.insert_once(connection, schema.calls, values):
            if presumed:
                return
            replaced = await connection.execute(
                schema.calls.update()
                .where(schema.calls.c.call_id == record.call_id, schema.calls.c.presumed.is_(True))
                .values(**values)
            )
            if replaced.rowcount != 1:
                return
            correction = result_id("correction", record.call_id)
            detail = {**result.detail, "corrects": result.result_id}
            result = dataclasses.replace(result, result_id=correction, kind="correction", detail=detail)
        await self._put_result(connection, result)
        await self._close_attempt(connection, record)
        if record.disposition in {Disposition.OPT_OUT, Disposition.DECEASED}:
            entry = ListEntry(record.callee_address, "spoken", record.call_id, record.person_id)
            await self._bar(connection, [entry])

    def _call_values(self, record: CallRecord, *, presumed: bool) -> dict[str, Any]:
        bare = dataclasses.replace(record, callee_name="", callee_address="")
        return {
            "call_id": record.call_id,
            "campaign_id": record.campaign_id,
            "person_id": record.person_id,
            "name_sealed": self._vault.seal(record.callee_name, "name"),
            "address_sealed": self._vault.seal(record.callee_address, "address"),
            "district": record.district[:40],
            "attempt": record.attempt,
            "started_at": record.started_at,
            "answered_at": record.answered_at,
            "ended_at": record.ended_at,
            "disposition": record.disposition,
            "needs_review": ",".join(record.needs_review),
            "recording": record.recording,
            "presumed": presumed,
            "record": without_name(to_json(bare).decode(), record.callee_name),
        }

    async def _close_attempt(self, connection: AsyncConnection, record: CallRecord) -> None:
        """End the attempt and plan the next one; a late report re-plans what the reaper planned."""
        attempts, campaigns = schema.attempts, schema.campaigns
        query = (
            sa.select(
                attempts,
                campaigns.c.state.label("campaign_state"),
                campaigns.c.ignore_window,
                campaigns.c.plan,
            )
            .join(campaigns, campaigns.c.id == attempts.c.campaign_id)
            .where(attempts.c.id == record.call_id)
        )
        row = (await connection.execute(query)).first()
        if row is None:
            return
        await connection.execute(
            attempts.update()
            .where(attempts.c.id == record.call_id)
            .values(
                state=AttemptState.ENDED,
                ended_at=record.ended_at,
                started_at=row.started_at or record.started_at,
                disposition=record.disposition,
                lease_until=None,
                reason="",
            )
        )
        due = rules.next_attempt(
            await self._ended(connection, record, row),
            read_plan(row.plan).policy(ignore_window=row.ignore_window),
        )
        if row.campaign_state not in (CampaignState.RUNNING, CampaignState.PAUSED):
            due = None
        await self._plan_next(connection, row, due)

    async def _ended(self, connection: AsyncConnection, record: CallRecord, row: Any) -> rules.Ended:
        """Say how an attempt ended, with how many of this campaign's for this person ended so."""
        attempts = schema.attempts.c
        alike = sa.select(sa.func.count()).where(
            attempts.campaign_id == row.campaign_id,
            attempts.person_id == row.person_id,
            attempts.disposition == record.disposition,
        )
        callback = record.fields.get("callback_time")
        return rules.Ended(
            record.disposition,
            row.number,
            record.ended_at,
            int((await connection.execute(alike)).scalar_one()),
            rules.callback_time(callback.value) if callback else None,
        )

    async def _plan_next(self, connection: AsyncConnection, row: Any, due: datetime | None) -> None:
        attempts = schema.attempts
        following = {
            "id": new_id("att"),
            "campaign_id": row.campaign_id,
            "person_id": row.person_id,
            "number": row.number + 1,
            "state": AttemptState.PLANNED,
            "due_at": due,
            "facts": row.facts,
            "district": row.district,
            "variant": row.variant,
            "variables": row.variables,
            "month": row.month,
        }
        if due is not None and await self._db.insert_once(connection, attempts, following):
            return
        changes: dict[str, Any] = {"due_at": due}
        if due is None:
            changes = {"state": AttemptState.ENDED, "ended_at": self._clock.now(), "reason": "superseded"}
        await connection.execute(
            attempts.update()
            .where(
                attempts.c.campaign_id == row.campaign_id,
                attempts.c.person_id == row.person_id,
                attempts.c.number == row.number + 1,
                attempts.c.state.in_(_OPEN),
            )
            .values(**changes)
        )
