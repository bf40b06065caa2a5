"""Campaigns have plans; attempts know their district, script variant, variables and caller.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_CAMPAIGNS = ("plan", "ends_at", "resumed_at", "pause_reason")
_ATTEMPTS = ("district", "variant", "variables", "caller")
_INDEXES = {
    "ix_attempts_hand_out": ["state", "campaign_id", "district", "due_at"],
    "ix_attempts_campaign_id_ended_at": ["campaign_id", "ended_at"],
    "ix_attempts_queued_at": ["queued_at"],
}


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("plan", sa.Text(), server_default="{}", nullable=False))
    op.add_column("campaigns", sa.Column("ends_at", _TIME, nullable=True))
    op.add_column("campaigns", sa.Column("resumed_at", _TIME, nullable=True))
    op.add_column(
        "campaigns", sa.Column("pause_reason", sa.String(length=60), server_default="", nullable=False)
    )
    for name in ("district", "variant", "caller"):
        column = sa.Column(name, sa.String(length=40), server_default="", nullable=False)
        op.add_column("attempts", column)
    op.add_column("attempts", sa.Column("variables", sa.Text(), server_default="{}", nullable=False))
    op.execute(
        "UPDATE attempts SET district ="
        " (SELECT persons.district FROM persons WHERE persons.id = attempts.person_id)"
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "attempts", columns)
    op.create_table(
        "campaign_districts",
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("finish", sa.Float(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_districts_campaign_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "district", name=op.f("pk_campaign_districts")),
    )
    op.execute(
        "INSERT INTO campaign_districts (campaign_id, district, persons)"
        " SELECT campaign_id, district, count(DISTINCT person_id) FROM attempts"
        " GROUP BY campaign_id, district"
    )


def downgrade() -> None:
    """Campaigns that wait to be launched are stopped: the old version would not know them."""
    op.execute(
        "UPDATE attempts SET state = 'ended', reason = 'campaign_stopped' WHERE state = 'planned'"
        " AND campaign_id IN (SELECT id FROM campaigns WHERE state = 'ready')"
    )
    op.execute("UPDATE campaigns SET state = 'stopped' WHERE state = 'ready'")
    op.drop_table("campaign_districts")
    for name in _INDEXES:
        op.drop_index(name, table_name="attempts")
    with op.batch_alter_table("attempts") as attempts:
        for name in _ATTEMPTS:
            attempts.drop_column(name)
    with op.batch_alter_table("campaigns") as campaigns:
        for name in _CAMPAIGNS:
            campaigns.drop_column(name)
