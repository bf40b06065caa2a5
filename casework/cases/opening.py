"""What a stored result or answer means for cases, in the transaction that stores it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.cases import rules
from casework.cases.tables import cases, check_ins, events
from casework.cases.types import CaseState, EventKind
from casework.database import Database
from casework.routing import UNASSIGNED, district_of
from core.ids import new_id, result_id
from core.types import Feedback, Result


async def on_result(database: Database, connection: AsyncConnection, result: Result, now: datetime) -> None:
    """Open the person's case or add to it; plan, keep or drop the questions after 30 and 90 days."""
    reasons = rules.signals(result)
    if reasons:
        await _signal(database, connection, result, reasons, now)
    at_work = rules.says_at_work(result)
    if at_work is not None:
        await _plan_check_ins(database, connection, result, at_work=at_work)


async def on_feedback(connection: AsyncConnection, feedback: Feedback, note_sealed: str) -> None:
    """Write the answer into the timeline of the case its result belongs to; an outcome closes it."""
    query = (
        sa.select(cases)
        .join(events, events.c.case_id == cases.c.id)
        .where(events.c.result_id == feedback.result_id)
        .order_by(cases.c.opened_at.desc())
        .limit(1)
        .with_for_update(of=cases)
    )
    case = (await connection.execute(query)).first()
    if case is None:
        return
    await add_event(
        connection,
        case.id,
        feedback.at,
        EventKind.FEEDBACK,
        said_by=feedback.by,
        outcome=feedback.outcome.value,
        note_sealed=note_sealed,
    )
    if case.state != CaseState.OPEN:
        return
    this = cases.update().where(cases.c.id == case.id)
    if feedback.outcome in rules.CLOSING:
        closed = {"state": CaseState.CLOSED, "outcome": feedback.outcome.value, "closed_at": feedback.at}
        await connection.execute(this.values(**closed))
        await add_event(connection, case.id, feedback.at, EventKind.CLOSED, outcome=feedback.outcome.value)
    else:
        due = rules.due_after(feedback.outcome, case.due_at, feedback.at)
        await connection.execute(this.values(due_at=due))


async def add_event(
    connection: AsyncConnection, case_id: str, at: datetime, kind: EventKind, **said: str
) -> None:
    """Add a line; ``said``: ``said_by``, ``outcome``, ``result_id``, ``note_sealed``."""
    row = {"case_id": case_id, "at": at, "kind": kind, "said_by": "", "outcome": "", "result_id": ""}
    await connection.execute(events.insert().values(**{**row, "note_sealed": "", **said}))


async def _signal(
    database: Database, connection: AsyncConnection, result: Result, reasons: tuple[str, ...], now: datetime
) -> None:
    district, street = await _home(connection, result)
    case_id = new_id("cas")
    row = {
        "id": case_id,
        "subject": result.subject,
        "district": district,
        "street": street,
        "reasons": ",".join(reasons),
        "urgent": rules.is_urgent(reasons),
        "state": CaseState.OPEN,
        "outcome": "",
        "opened_at": now,
        "due_at": rules.first_due(reasons, now),
        "level": 0,
    }
    if await database.insert_once(connection, cases, row):
        await add_event(connection, case_id, now, EventKind.OPENED, result_id=result.result_id)
        return
    known = (
        await connection.execute(
            sa.select(cases)
            .where(cases.c.subject == result.subject, cases.c.state == CaseState.OPEN)
            .with_for_update()
        )
    ).one()
    together = tuple(dict.fromkeys((*known.reasons.split(","), *reasons)))
    changes: dict[str, Any] = {"reasons": ",".join(together)}
    if rules.is_urgent(reasons):
        due = min(known.due_at, rules.first_due(reasons, now))
        changes |= {"urgent": True, "due_at": due, "alerted_at": None}
    await connection.execute(cases.update().where(cases.c.id == known.id).values(**changes))
    await add_event(connection, known.id, now, EventKind.SIGNAL, result_id=result.result_id)


async def _home(connection: AsyncConnection, result: Result) -> tuple[str, str]:
    """Return the person's district and street: as registered, else as the result says."""
    persons, registered = schema.persons, schema.registrations
    query = (
        sa.select(persons.c.district, registered.c.street)
        .outerjoin(registered, registered.c.person_id == persons.c.id)
        .where(persons.c.id == result.subject)
    )
    row = (await connection.execute(query)).first()
    said = district_of(result)
    if row is None:
        return said, ""
    return row.district or (said if said != UNASSIGNED else UNASSIGNED), row.street or ""


async def _plan_check_ins(
    database: Database, connection: AsyncConnection, result: Result, *, at_work: bool
) -> None:
    mine = (check_ins.c.person_id == result.subject, check_ins.c.state == "planned")
    if not at_work:
        await connection.execute(check_ins.update().where(*mine).values(state="dropped"))
        return
    planned = (await connection.execute(sa.select(check_ins.c.id).where(*mine).limit(1))).first()
    if planned is not None or rules.is_check_in(result):
        return
    for days in rules.CHECK_IN_DAYS:
        row = {
            "id": result_id(f"check_in_{days}", result.result_id).replace("res_", "chk_", 1),
            "person_id": result.subject,
            "result_id": result.result_id,
            "days": days,
            "due_at": result.at + timedelta(days=days),
            "state": "planned",
        }
        await database.insert_once(connection, check_ins, row)
