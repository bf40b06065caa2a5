"""What districts and staff did about results: stored once each, never changed."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from casework import schema
from casework.cases.opening import on_feedback
from casework.repository import Repository
from core.errors import BadInput
from core.types import Feedback, FeedbackOutcome

MAX_NOTE = 2000
_EARLY = timedelta(minutes=5)  # clocks of two houses differ


class Feedbacks(Repository):
    """The fourth step: 反馈."""

    async def save_feedback(self, feedback: Feedback) -> bool:
        """Store an answer to a result; ``False`` when it is already there.

        Raises:
            BadInput: no such result, ids or a note too long, or a time that lies ahead.
        """
        now = self._clock.now()
        if feedback.schema_version != 1:
            raise BadInput(f"feedback of version {feedback.schema_version} is not known here")
        if not 0 < len(feedback.feedback_id) <= 64 or not 0 < len(feedback.by) <= 128:
            raise BadInput("feedback_id must have 1 to 64 characters, by 1 to 128")
        if len(feedback.note) > MAX_NOTE:
            raise BadInput(f"note: more than {MAX_NOTE} characters")
        if feedback.at.tzinfo is None or feedback.at > now + _EARLY:
            raise BadInput("at must have a zone and not lie ahead")
        known = sa.select(schema.results.c.result_id).where(schema.results.c.result_id == feedback.result_id)
        row = {
            "feedback_id": feedback.feedback_id,
            "result_id": feedback.result_id,
            "outcome": feedback.outcome.value,
            "said_by": feedback.by,
            "at": feedback.at,
            "received_at": now,
            "note_sealed": self._vault.seal(feedback.note, "note"),
        }
        async with self._db.write() as connection:
            if (await connection.execute(known)).scalar() is None:
                raise BadInput("feedback is about a result that is not here")
            stored = await self._db.insert_once(connection, schema.feedback, row)
            if stored:
                await on_feedback(connection, feedback, str(row["note_sealed"]) if feedback.note else "")
            return stored

    async def feedback_of(self, result_id: str) -> tuple[Feedback, ...]:
        """Return the answers to a result, oldest first."""
        table = schema.feedback
        query = (
            sa.select(table).where(table.c.result_id == result_id).order_by(table.c.at, table.c.feedback_id)
        )
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Feedback(
                feedback_id=row.feedback_id,
                result_id=row.result_id,
                outcome=FeedbackOutcome(row.outcome),
                by=row.said_by,
                at=row.at,
                note=self._vault.open(row.note_sealed, "note"),
            )
            for row in rows
        )
