"""Tables of the closed loop. Notes are sealed; events are only ever added."""

from __future__ import annotations

import sqlalchemy as sa

from casework.schema import ID, SERIAL, UtcTime, metadata

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("subject", sa.String(128), nullable=False, index=True),
    sa.Column("district", sa.String(40), nullable=False),
    sa.Column("street", sa.String(200), nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),  # joined by commas
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("outcome", sa.String(30), nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("alerted_at", UtcTime),  # an urgent one: when somebody was told
    # One open case per person, whoever writes at the same time.
    sa.Index(
        "uq_cases_open_subject",
        "subject",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index("ix_cases_state_due_at", "state", "due_at", "id"),
    sa.Index("ix_cases_district_state_due_at", "district", "state", "due_at", "id"),
)

events = sa.Table(
    "case_events",
    metadata,
    sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("case_id", ID, sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("said_by", sa.String(128), nullable=False),
    sa.Column("outcome", sa.String(30), nullable=False),
    sa.Column("result_id", ID, nullable=False),
    sa.Column("note_sealed", sa.Text, nullable=False),
    sa.Index("ix_case_events_case_id_number", "case_id", "number"),
    sa.Index("ix_case_events_result_id", "result_id"),
)

# People in work are asked once after 30 and once after 90 days.
check_ins = sa.Table(
    "check_ins",
    metadata,
    sa.Column("id", ID, primary_key=True),  # derived from the result and the days
    sa.Column("person_id", ID, nullable=False, index=True),
    sa.Column("result_id", ID, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),  # planned, asked, dropped
    sa.Index("ix_check_ins_state_due_at", "state", "due_at"),
)
