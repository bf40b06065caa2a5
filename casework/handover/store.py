"""Handovers in the database. Every change of state is one compare-and-set: of two, one wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from casework.handover.tables import handovers, lines
from casework.handover.types import (
    SILENT,
    Contact,
    Delivery,
    Handover,
    HandoverEnd,
    HandoverLine,
    HandoverRequest,
    HandoverState,
    PendingLine,
)
from casework.repository import Repository
from core.codec import from_json, to_json

_H, _L = handovers.c, lines.c
_CLAIMABLE = (HandoverState.WAITING, HandoverState.TASK)
_MAX_LINES = 1_000


class Handovers(Repository):
    """Every method raises ``StorageError``; those that change a state return whether they did."""

    async def ask_for_staff(self, request: HandoverRequest) -> bool:
        """Store a request, once per ``handover_id``."""
        row = {
            "id": request.handover_id,
            "conversation_id": request.conversation_id,
            "channel": request.channel,
            "message_id": request.message_id,
            "asked_at": request.at,
            "state": request.state.value,
            "since": request.at,
            "urgent": request.urgent,
            "district": request.district[:40],
            "summary_sealed": self._vault.seal(request.summary, "summary"),
            "staff": "",
            "contact_sealed": "",
            "note_sealed": "",
            "ended_as": "",
            "version": 1,
            "heeded": 1,  # the door that asks has told the resident itself
            "log_cursor": "0-0",
        }
        async with self._db.write() as connection:
            return await self._db.insert_once(connection, handovers, row)

    async def claim_handover(self, handover_id: str, staff: str) -> bool:
        """Take a waiting resident, or a task, over; ``False``: somebody else was faster."""
        return await self._move(handover_id, _CLAIMABLE, HandoverState.ACTIVE, staff=staff)

    async def put_back(self, handover_id: str, staff: str = "") -> bool:
        """Put a conversation back where it was claimed from. ``staff``: only if they have it."""
        mine = [_H.staff == staff] if staff else []
        task = await self._move(
            handover_id, (HandoverState.ACTIVE,), HandoverState.TASK, *mine, _H.contact_sealed != "", staff=""
        )
        return task or await self._move(
            handover_id, (HandoverState.ACTIVE,), HandoverState.WAITING, *mine, staff=""
        )

    async def take_message(self, handover_id: str) -> bool:
        """Nobody came: the resident is asked for a message."""
        return await self._move(handover_id, (HandoverState.WAITING,), HandoverState.TAKING)

    async def leave_task(self, handover_id: str, contact: Contact) -> bool:
        """The resident has left a message, or as much of one as they wanted to."""
        sealed = self._vault.seal(to_json(contact).decode(), "contact")
        before = (HandoverState.TAKING, HandoverState.WAITING)
        return await self._move(handover_id, before, HandoverState.TASK, contact_sealed=sealed)

    async def end_handover(
        self, handover_id: str, end: HandoverEnd, *, staff: str = "", note: str = ""
    ) -> bool:
        """Close it. With ``staff``, only when they have it; who withdraws has not been claimed yet."""
        if staff:
            before: tuple[HandoverState, ...] = (HandoverState.ACTIVE,)
        elif end is HandoverEnd.WITHDRAWN:
            before = (HandoverState.WAITING, HandoverState.TAKING)
        else:
            before = tuple(SILENT)
        mine = [_H.staff == staff] if staff else []
        values = {"ended_as": end.value, "note_sealed": self._vault.seal(note, "note") if note else ""}
        return await self._move(handover_id, before, HandoverState.CLOSED, *mine, **values)

    async def _move(
        self,
        handover_id: str,
        before: Sequence[HandoverState],
        after: HandoverState,
        *also: Any,
        **values: Any,
    ) -> bool:
        change = (
            handovers.update()
            .where(_H.id == handover_id, _H.state.in_([state.value for state in before]), *also)
            .values(state=after.value, since=self._clock.now(), version=_H.version + 1, **values)
        )
        async with self._db.write() as connection:
            return bool((await connection.execute(change)).rowcount == 1)

    async def heed(self, handover_id: str, version: int) -> None:
        """The doors have acted on ``version``."""
        change = handovers.update().where(_H.id == handover_id, _H.heeded < version).values(heeded=version)
        async with self._db.write() as connection:
            await connection.execute(change)

    async def staff_says(self, handover_id: str, staff: str, line_id: str, text: str) -> bool:
        """Store a line for the door to say; ``False``: ``staff`` has not got this conversation.

        A repeated ``line_id`` is stored once.
        """
        now = self._clock.now()
        held = (
            handovers.update()
            .where(_H.id == handover_id, _H.state == HandoverState.ACTIVE.value, _H.staff == staff)
            .values(staff_at=now)
        )
        line = HandoverLine(line_id, now, "staff", text, staff, Delivery.PENDING)
        async with self._db.write() as connection:
            if (await connection.execute(held)).rowcount != 1:
                return False
            await self._db.insert_once(connection, lines, self._row(handover_id, line))
        return True

    async def copy_lines(self, handover_id: str, copied: Sequence[HandoverLine], cursor: str) -> None:
        """Add what the conversation's log holds up to ``cursor``; what is there already stays."""
        values: dict[str, Any] = {"log_cursor": cursor}
        if any(line.who == "resident" for line in copied):
            values["resident_at"] = self._clock.now()
        async with self._db.write() as connection:
            if copied:
                rows = [self._row(handover_id, line) for line in copied]
                await self._db.insert_new(connection, lines, rows)
            await connection.execute(handovers.update().where(_H.id == handover_id).values(**values))

    async def note_delivery(self, line_id: str, delivery: str) -> None:
        """What became of a line of staff. What has arrived stays so."""
        change = (
            lines.update()
            .where(_L.line_id == line_id, _L.who == "staff", _L.delivery != Delivery.SENT.value)
            .values(delivery=delivery)
        )
        async with self._db.write() as connection:
            await connection.execute(change)

    async def pending_lines(self, limit: int = 100) -> tuple[PendingLine, ...]:
        """Return what staff wrote and the doors have not taken, oldest first."""
        query = (
            sa.select(lines, _H.conversation_id, _H.channel)
            .join(handovers, _H.id == _L.handover_id)
            .where(_L.delivery == Delivery.PENDING.value)
            .order_by(_L.number)
            .limit(limit)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            PendingLine(row.conversation_id, row.channel, row.handover_id, self._line(row)) for row in rows
        )

    async def get_handover(self, handover_id: str) -> Handover | None:
        """Return one handover."""
        return next(iter(await self._select(_H.id == handover_id)), None)

    async def list_handovers(self, states: Iterable[HandoverState], limit: int = 100) -> tuple[Handover, ...]:
        """Return handovers in these states: who is in danger first, then who waits longest."""
        return await self._select(_H.state.in_([state.value for state in states]), limit=limit)

    async def urgent_handovers(self) -> tuple[Handover, ...]:
        """Return those in which somebody may be in danger and no member of staff is there yet."""
        alone = _H.state.in_(
            [HandoverState.WAITING.value, HandoverState.TAKING.value, HandoverState.TASK.value]
        )
        return await self._select(sa.and_(_H.urgent.is_(sa.true()), alone))

    async def ended_handovers(self, limit: int = 100) -> tuple[Handover, ...]:
        """Return the handovers that were closed last, the newest first."""
        closed = _H.state == HandoverState.CLOSED.value
        return await self._select(closed, limit=limit, order=(_H.since.desc(), _H.id))

    async def handovers_for_doors(self) -> tuple[Handover, ...]:
        """Return those in which the assistant is silent, and those whose change no door has acted on."""
        silent = _H.state.in_([state.value for state in SILENT])
        return await self._select(sa.or_(silent, _H.heeded < _H.version), limit=10_000)

    async def count_handovers(self) -> dict[HandoverState, int]:
        """Return how many handovers are in each state that is not closed."""
        query = (
            sa.select(_H.state, sa.func.count())
            .where(_H.state != HandoverState.CLOSED.value)
            .group_by(_H.state)
        )
        async with self._db.read() as connection:
            return {HandoverState(state): count for state, count in await connection.execute(query)}

    async def handover_lines(self, handover_id: str) -> tuple[HandoverLine, ...]:
        """Return the conversation in the order in which it came to us."""
        query = sa.select(lines).where(_L.handover_id == handover_id).order_by(_L.number.desc())
        async with self._db.read() as connection:
            rows = (await connection.execute(query.limit(_MAX_LINES))).all()
        return tuple(self._line(row) for row in reversed(rows))

    async def _select(self, *where: Any, limit: int = 1, order: Sequence[Any] = ()) -> tuple[Handover, ...]:
        query = sa.select(handovers).where(*where).limit(limit)
        query = query.order_by(*(order or (_H.urgent.desc(), _H.asked_at, _H.id)))
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(self._handover(row) for row in rows)

    def _handover(self, row: Any) -> Handover:
        contact = self._vault.open(row.contact_sealed, "contact") if row.contact_sealed else ""
        return Handover(
            handover_id=row.id,
            conversation_id=row.conversation_id,
            channel=row.channel,
            message_id=row.message_id,
            asked_at=row.asked_at,
            state=HandoverState(row.state),
            since=row.since,
            urgent=row.urgent,
            district=row.district,
            summary=self._vault.open(row.summary_sealed, "summary"),
            staff=row.staff,
            contact=from_json(contact, Contact) if contact else None,
            note=self._vault.open(row.note_sealed, "note") if row.note_sealed else "",
            end=row.ended_as,
            version=row.version,
            heeded=row.heeded,
            resident_at=row.resident_at,
            staff_at=row.staff_at,
            log_cursor=row.log_cursor,
        )

    def _row(self, handover_id: str, line: HandoverLine) -> dict[str, Any]:
        return {
            "handover_id": handover_id,
            "line_id": line.line_id,
            "at": line.at,
            "who": line.who,
            "said_by": line.by[:80],
            "text_sealed": self._vault.seal(line.text, "line"),
            "delivery": line.delivery,
        }

    def _line(self, row: Any) -> HandoverLine:
        text = self._vault.open(row.text_sealed, "line")
        return HandoverLine(row.line_id, row.at, row.who, text, row.said_by, row.delivery)
