"""Several do-not-call lists with reason and expiry; every decision about a contact is kept.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_lists()
    op.execute(
        "INSERT INTO do_not_call (list_name, address_print, person_id, address_sealed, at, source,"
        " reason, lifted_by) SELECT CASE WHEN source LIKE 'staff%' THEN 'staff' ELSE 'spoken' END,"
        " address_print, person_id, '', at, source, '', '' FROM do_not_call_old"
    )
    op.drop_table("do_not_call_old")
    op.create_table(
        "contacts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("address_print", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("attempt_id", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=30), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_person_id_id", "contacts", ["person_id", "id"])
    op.create_index("ix_contacts_address_print_at", "contacts", ["address_print", "at"])


def _make_lists() -> None:
    """The key grows by the list's name: a new table, since SQLite cannot change a primary key."""
    op.drop_index(op.f("ix_do_not_call_person_id"), table_name="do_not_call")
    op.rename_table("do_not_call", "do_not_call_old")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_do_not_call RENAME TO pk_do_not_call_old")
    op.create_table(
        "do_not_call",
        sa.Column("list_name", sa.String(length=40), nullable=False),
        sa.Column("address_print", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("address_sealed", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("lifted_at", _TIME, nullable=True),
        sa.Column("lifted_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("list_name", "address_print", name=op.f("pk_do_not_call")),
    )
    for column in ("address_print", "person_id"):
        op.create_index(op.f(f"ix_do_not_call_{column}"), "do_not_call", [column])


def downgrade() -> None:
    """Who is on any list in force stays barred; names of lists, reasons and proof are lost."""
    op.drop_table("contacts")
    for column in ("address_print", "person_id"):
        op.drop_index(op.f(f"ix_do_not_call_{column}"), table_name="do_not_call")
    op.rename_table("do_not_call", "do_not_call_new")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_do_not_call RENAME TO pk_do_not_call_new")
    op.create_table(
        "do_not_call",
        sa.Column("address_print", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("address_print", name=op.f("pk_do_not_call")),
    )
    op.create_index(op.f("ix_do_not_call_person_id"), "do_not_call", ["person_id"])
    op.execute(
        "INSERT INTO do_not_call (address_print, person_id, at, source) SELECT address_print,"
        " max(person_id), min(at), min(source) FROM do_not_call_new WHERE lifted_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > CURRENT_TIMESTAMP) GROUP BY address_print"
    )
    op.drop_table("do_not_call_new")
