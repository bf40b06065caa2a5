"""Attempts carry the month of their campaign; on PostgreSQL they are partitioned by it.

Revision ID: 0010
Revises: 0009

The month depends on the campaign alone, so a key that includes it is as strict as one without.
Partitions lie in a schema of their own; ``casework.partitions`` makes those of the coming months.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_UNIQUE = "uq_attempts_campaign_id_person_id_number"
_FOREIGN = (("campaign_id", "campaigns"), ("person_id", "persons"))
_INDEXES = (
    ("ix_attempts_hand_out", "state, campaign_id, district, due_at"),
    ("ix_attempts_campaign_id_ended_at", "campaign_id, ended_at"),
    ("ix_attempts_queued_at", "queued_at"),
    ("ix_attempts_state_due_at", "state, due_at"),
    ("ix_attempts_state_lease_until", "state, lease_until"),
    ("ix_attempts_person_id", "person_id"),
)
_MONTH = "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM')"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("month", sa.String(length=7), server_default="", nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"UPDATE attempts SET month = {_MONTH} FROM campaigns WHERE campaigns.id = campaign_id"  # noqa: S608
        )
        _rebuild("id, month", "campaign_id, person_id, number, month", "PARTITION BY LIST (month)")
    else:
        op.execute(
            "UPDATE attempts SET month = coalesce((SELECT strftime('%Y-%m', created_at) FROM campaigns"
            " WHERE campaigns.id = campaign_id), '')"
        )
        with op.batch_alter_table("attempts") as table:
            table.drop_constraint(_UNIQUE, type_="unique")
            table.create_unique_constraint(
                f"{_UNIQUE}_month", ["campaign_id", "person_id", "number", "month"]
            )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _rebuild("id", "campaign_id, person_id, number", "")
        op.execute("DROP SCHEMA IF EXISTS nuanye_parts CASCADE")
        op.drop_column("attempts", "month")
    else:
        with op.batch_alter_table("attempts") as table:
            table.drop_constraint(f"{_UNIQUE}_month", type_="unique")
            table.create_unique_constraint(_UNIQUE, ["campaign_id", "person_id", "number"])
            table.drop_column("month")


def _rebuild(key: str, unique: str, partition: str) -> None:
    """A table cannot be turned into a partitioned one or back: make it anew and move the rows."""
    op.execute("ALTER TABLE attempts RENAME TO attempts_old")
    for name, _ in _INDEXES:
        op.execute(f"DROP INDEX {name}")
    op.execute(f"CREATE TABLE attempts (LIKE attempts_old INCLUDING DEFAULTS) {partition}")
    if partition:
        op.execute("CREATE SCHEMA IF NOT EXISTS nuanye_parts")
        op.execute("CREATE TABLE nuanye_parts.attempts_rest PARTITION OF attempts DEFAULT")
        months = op.get_bind().execute(sa.text("SELECT DISTINCT month FROM attempts_old WHERE month <> ''"))
        for (month,) in months.all():
            name = f"nuanye_parts.attempts_{month.replace('-', '_')}"
            op.execute(f"CREATE TABLE {name} PARTITION OF attempts FOR VALUES IN ('{month}')")
    op.execute("INSERT INTO attempts SELECT * FROM attempts_old")
    op.execute("DROP TABLE attempts_old")
    op.execute(f"ALTER TABLE attempts ADD CONSTRAINT pk_attempts PRIMARY KEY ({key})")
    name = f"{_UNIQUE}_month" if partition else _UNIQUE
    op.execute(f"ALTER TABLE attempts ADD CONSTRAINT {name} UNIQUE ({unique})")
    for column, table in _FOREIGN:
        op.execute(
            f"ALTER TABLE attempts ADD CONSTRAINT fk_attempts_{column}"
            f" FOREIGN KEY ({column}) REFERENCES {table} (id)"
        )
    for name, columns in _INDEXES:
        op.execute(f"CREATE INDEX {name} ON attempts ({columns})")
