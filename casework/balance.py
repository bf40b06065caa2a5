"""The reconciliation sheet: every attempt from the list to the district, and every difference by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from casework import schema
from casework.repository import Repository
from casework.types import AttemptState

LISTED = 1000  # differences of one kind that are listed; all are counted


@dataclass(frozen=True, slots=True)
class Scope:
    """What is balanced: a campaign, a span of time (by when an attempt was due or a result made), or all."""

    campaign_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that has not come as far as the stage before. ``lost``: it will not come by waiting."""

    id: str
    stage: str  # where it is missing: ended, stored, published, consumed
    reason: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Counts per stage. ``planned`` = ``dialled`` + the sum of ``held_back`` (by reason)."""

    planned: int
    held_back: Mapping[str, int]
    dialled: int
    ended: int
    stored: int
    published: int
    reviewed: int
    open: int
    other_results: int
    differences: tuple[Difference, ...]


class Balance(Repository):
    """Counts in one transaction, so that a sheet is of one moment."""

    async def sheet(self, scope: Scope) -> Sheet:
        """Balance the attempts and results of ``scope``; what districts consumed Redis knows."""
        attempts, results, outbox = schema.attempts, schema.results, schema.outbox
        mine, about = _conditions(scope)
        dialled = attempts.c.started_at.isnot(None)
        of_call = results.c.result_id == sa.func.coalesce(_result_of_attempt(), "")
        async with self._db.read() as connection:
            number = _Counter(connection)
            held = await _held_back(connection, mine)
            counts = {
                "planned": await number.of(attempts, *mine),
                "dialled": await number.of(attempts, dialled, *mine),
                "ended": await number.of(attempts, dialled, attempts.c.state == AttemptState.ENDED, *mine),
                "stored": await number.of(attempts.join(results, of_call), dialled, *mine),
                "published": await number.of(
                    attempts.join(results, of_call).join(outbox, outbox.c.result_id == results.c.result_id),
                    dialled,
                    outbox.c.published_at.isnot(None),
                    *mine,
                ),
                "other_results": await number.of(results, results.c.kind != "call", *about),
                "reviewed": await number.of(results, _answered(True), *about),
                "open": await number.of(results, _answered(False), *about),
            }
            differences = await _differences(connection, mine, about)
        return Sheet(held_back=held, differences=differences, **counts)

    async def published_in(self, scope: Scope) -> dict[str, str]:
        """Return the published results of ``scope``: id → kind."""
        results, outbox = schema.results, schema.outbox
        _, about = _conditions(scope)
        query = (
            sa.select(results.c.result_id, results.c.kind)
            .join(outbox, outbox.c.result_id == results.c.result_id)
            .where(outbox.c.published_at.isnot(None), *about)
        )
        async with self._db.read() as connection:
            return {row.result_id: row.kind for row in await connection.execute(query)}


class _Counter:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, table: Any, *conditions: Any) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(*conditions)
        return int((await self._connection.execute(query)).scalar_one())


def _conditions(scope: Scope) -> tuple[list[Any], list[Any]]:
    attempts, results, calls = schema.attempts, schema.results, schema.calls
    mine: list[Any] = []
    about: list[Any] = []
    if scope.campaign_id:
        mine.append(attempts.c.campaign_id == scope.campaign_id)
        of_calls = sa.select(calls.c.call_id).where(calls.c.campaign_id == scope.campaign_id)
        about.append(results.c.source.in_(of_calls))
    if scope.since is not None:
        mine.append(sa.func.coalesce(attempts.c.started_at, attempts.c.due_at) >= scope.since)
        about.append(results.c.at >= scope.since)
    if scope.until is not None:
        mine.append(sa.func.coalesce(attempts.c.started_at, attempts.c.due_at) < scope.until)
        about.append(results.c.at < scope.until)
    return mine, about


def _result_of_attempt() -> Any:
    """The first result of an attempt's call; corrections come beside it and are not counted again."""
    results, attempts = schema.results, schema.attempts
    return (
        sa.select(sa.func.min(results.c.result_id))
        .where(results.c.source == attempts.c.id, results.c.kind == "call")
        .correlate(attempts)
        .scalar_subquery()
    )


def _answered(closed: bool) -> Any:
    """Results that a person should look at, looked at or not."""
    results, feedback = schema.results, schema.feedback
    answer = sa.select(feedback.c.feedback_id).where(feedback.c.result_id == results.c.result_id).exists()
    return sa.and_(results.c.needs_review.is_(True), answer if closed else ~answer)


async def _held_back(connection: AsyncConnection, mine: list[Any]) -> dict[str, int]:
    attempts = schema.attempts
    query = (
        sa.select(attempts.c.state, attempts.c.reason, sa.func.count())
        .where(attempts.c.started_at.is_(None), *mine)
        .group_by(attempts.c.state, attempts.c.reason)
    )
    held: dict[str, int] = {}
    for state, reason, count in (await connection.execute(query)).all():
        name = reason or {AttemptState.PLANNED: "not_yet_due", AttemptState.QUEUED: "handed_out"}.get(
            state, "no_reason"
        )
        held[name] = held.get(name, 0) + int(count)
    return held


async def _differences(
    connection: AsyncConnection, mine: list[Any], about: list[Any]
) -> tuple[Difference, ...]:
    attempts, results, outbox, calls = schema.attempts, schema.results, schema.outbox, schema.calls
    ended, dialled = attempts.c.state == AttemptState.ENDED, attempts.c.started_at.isnot(None)
    has_call = sa.select(calls.c.call_id).where(calls.c.call_id == attempts.c.id).exists()
    has_result = sa.select(results.c.result_id).where(results.c.source == attempts.c.id).exists()
    waiting = sa.select(outbox.c.id).where(
        outbox.c.result_id == results.c.result_id, outbox.c.published_at.is_(None)
    )
    unsent = ~sa.select(outbox.c.id).where(outbox.c.result_id == results.c.result_id).exists()
    kinds = (
        ("ended", "running", False, attempts.c.id, (dialled, ~ended, *mine)),
        ("stored", "no_call", True, attempts.c.id, (dialled, ended, ~has_call, *mine)),
        ("stored", "no_result", True, attempts.c.id, (dialled, ended, has_call, ~has_result, *mine)),
        ("published", "waiting", False, results.c.result_id, (waiting.exists(), *about)),
        ("published", "not_in_outbox", True, results.c.result_id, (unsent, *about)),
    )
    found: list[Difference] = []
    for stage, reason, lost, column, conditions in kinds:
        query = sa.select(column).where(*conditions).order_by(column).limit(LISTED)
        ids = (await connection.execute(query)).scalars().all()
        found += [Difference(item, stage, reason, lost) for item in ids]
    return tuple(found)
