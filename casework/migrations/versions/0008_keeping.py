"""The access log becomes a chain; what was erased leaves a tombstone.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Entries that are there already are chained with the next one: a migration has no key.
    op.add_column("access_log", sa.Column("digest", sa.String(length=64), server_default="", nullable=False))
    op.create_table(
        "tombstones",
        sa.Column("person_print", sa.String(length=40), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("erased_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("person_print", "at", name="pk_tombstones"),
    )


def downgrade() -> None:
    op.drop_table("tombstones")
    op.execute("DELETE FROM meta WHERE key = 'access_log_head'")
    with op.batch_alter_table("access_log") as table:
        table.drop_column("digest")
