"""Tables of handovers. What people said and left is sealed."""

from __future__ import annotations

import sqlalchemy as sa

from casework.schema import ID, SERIAL, UtcTime, metadata

handovers = sa.Table(
    "handovers",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("conversation_id", sa.String(128), nullable=False, index=True),
    sa.Column("channel", sa.String(30), nullable=False),
    sa.Column("message_id", sa.String(64), nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("district", sa.String(40), nullable=False),
    sa.Column("summary_sealed", sa.Text, nullable=False),
    sa.Column("staff", sa.String(80), nullable=False),
    sa.Column("contact_sealed", sa.Text, nullable=False),
    sa.Column("note_sealed", sa.Text, nullable=False),
    sa.Column("ended_as", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("heeded", sa.Integer, nullable=False),
    sa.Column("resident_at", UtcTime),
    sa.Column("staff_at", UtcTime),
    sa.Column("log_cursor", sa.String(40), nullable=False),
    sa.Index("ix_handovers_state_since", "state", "since"),
)

lines = sa.Table(
    "handover_lines",
    metadata,
    sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("handover_id", ID, sa.ForeignKey("handovers.id"), nullable=False),
    # An entry of the conversation's log, or what staff's page made for it.
    sa.Column("line_id", ID, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", sa.String(20), nullable=False),
    sa.Column("said_by", sa.String(80), nullable=False),
    sa.Column("text_sealed", sa.Text, nullable=False, info={"sealed_as": "line"}),
    sa.Column("delivery", sa.String(60), nullable=False, index=True),
    sa.UniqueConstraint("handover_id", "line_id"),
)
