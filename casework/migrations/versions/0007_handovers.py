"""People take conversations over from the assistant, and give them back.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "handovers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("summary_sealed", sa.Text(), nullable=False),
        sa.Column("staff", sa.String(length=80), nullable=False),
        sa.Column("contact_sealed", sa.Text(), nullable=False),
        sa.Column("note_sealed", sa.Text(), nullable=False),
        sa.Column("ended_as", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("heeded", sa.Integer(), nullable=False),
        sa.Column("resident_at", _TIME),
        sa.Column("staff_at", _TIME),
        sa.Column("log_cursor", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_handovers"),
    )
    op.create_index("ix_handovers_conversation_id", "handovers", ["conversation_id"])
    op.create_index("ix_handovers_state_since", "handovers", ["state", "since"])
    _lines()


def _lines() -> None:
    op.create_table(
        "handover_lines",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("handover_id", sa.String(length=64), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", sa.String(length=20), nullable=False),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("text_sealed", sa.Text(), nullable=False),
        sa.Column("delivery", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["handover_id"], ["handovers.id"], name="fk_handover_lines_handover_id"),
        sa.PrimaryKeyConstraint("number", name="pk_handover_lines"),
        sa.UniqueConstraint("handover_id", "line_id", name="uq_handover_lines_handover_id_line_id"),
    )
    op.create_index("ix_handover_lines_delivery", "handover_lines", ["delivery"])


def downgrade() -> None:
    op.drop_table("handover_lines")
    op.drop_table("handovers")
