"""Districts answer: feedback on results; results say whether a person should look at them.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "results", sa.Column("needs_review", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    marked = sa.text("UPDATE results SET needs_review = :yes WHERE document LIKE :marked")
    op.execute(marked.bindparams(yes=True, marked='%"needs_review":["%'))
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.String(length=64), nullable=False),
        sa.Column("result_id", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("said_by", sa.String(length=128), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("note_sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["results.result_id"], name="fk_feedback_result_id"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_result_id", "feedback", ["result_id"])


def downgrade() -> None:
    op.drop_table("feedback")
    with op.batch_alter_table("results") as table:
        table.drop_column("needs_review")
