"""Cases of people who need help, their timelines, and the questions after 30 and 90 days in work.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("street", sa.String(length=200), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("closed_at", _TIME),
        sa.Column("alerted_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
    )
    op.create_index("ix_cases_subject", "cases", ["subject"])
    op.create_index(
        "uq_cases_open_subject",
        "cases",
        ["subject"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_cases_state_due_at", "cases", ["state", "due_at", "id"])
    op.create_index("ix_cases_district_state_due_at", "cases", ["district", "state", "due_at", "id"])
    _timelines()


def _timelines() -> None:
    op.create_table(
        "case_events",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("said_by", sa.String(length=128), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("result_id", sa.String(length=64), nullable=False),
        sa.Column("note_sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_events_case_id"),
        sa.PrimaryKeyConstraint("number", name="pk_case_events"),
    )
    op.create_index("ix_case_events_case_id_number", "case_events", ["case_id", "number"])
    op.create_index("ix_case_events_result_id", "case_events", ["result_id"])
    op.create_table(
        "check_ins",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("result_id", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_check_ins"),
    )
    op.create_index("ix_check_ins_person_id", "check_ins", ["person_id"])
    op.create_index("ix_check_ins_state_due_at", "check_ins", ["state", "due_at"])


def downgrade() -> None:
    op.drop_table("check_ins")
    op.drop_table("case_events")
    op.drop_table("cases")
