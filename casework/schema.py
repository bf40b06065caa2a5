"""Tables. Documents are JSON as ``core.codec`` writes it; times are UTC; ``*_sealed`` is encrypted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

ID = sa.String(64)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator):  # type: ignore[misc]  # SQLAlchemy 1.4 is untyped
    """A timezone-aware time, also on SQLite, which keeps none."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Convert to UTC; refuse a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Say that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite counts up by itself only for a column declared INTEGER.
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

persons = sa.Table(
    "persons",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name_sealed", sa.Text, nullable=False),
    sa.Column("address_sealed", sa.Text, nullable=False),
    sa.Column("address_print", sa.String(40), nullable=False, index=True),
    sa.Column("district", sa.String(40), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
)

registrations = sa.Table(
    "registrations",
    metadata,
    sa.Column("person_id", ID, sa.ForeignKey("persons.id"), primary_key=True),
    sa.Column("id_number_sealed", sa.Text, nullable=False),
    sa.Column("id_number_print", sa.String(40), unique=True, index=True),  # NULL: the office gave none
    sa.Column("street", sa.String(200), nullable=False),
    sa.Column("registered_on", sa.Date),
    sa.Column("birth_year", sa.Integer),
    sa.Column("graduate_year", sa.Integer),
    sa.Column("education", sa.String(200), nullable=False),
    sa.Column("skills", sa.Text, nullable=False),  # JSON list
    sa.Column("hardship", sa.String(200), nullable=False),
    sa.Column("note_sealed", sa.Text, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),  # running, paused, stopped, finished
    sa.Column("ignore_window", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("plan", sa.Text, nullable=False, server_default="{}"),  # casework.plans.CampaignPlan
    sa.Column("ends_at", UtcTime),  # as in the plan, for queries
    sa.Column("resumed_at", UtcTime),  # what failed before does not pause it again
    sa.Column("pause_reason", sa.String(60), nullable=False, server_default=""),
)

# The people of a campaign as its list was frozen, and how far fair turns have come.
campaign_districts = sa.Table(
    "campaign_districts",
    metadata,
    sa.Column("campaign_id", ID, sa.ForeignKey("campaigns.id"), primary_key=True),
    sa.Column("district", sa.String(40), primary_key=True),
    sa.Column("persons", sa.Integer, nullable=False),
    sa.Column("finish", sa.Float, nullable=False, server_default="0"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("campaign_id", ID, sa.ForeignKey("campaigns.id"), nullable=False),
    sa.Column("person_id", ID, sa.ForeignKey("persons.id"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),  # planned, queued, running, ended
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("not_after", UtcTime),
    sa.Column("queued_at", UtcTime),
    sa.Column("worker", sa.String(120), nullable=False, server_default=""),
    sa.Column("lease_until", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("disposition", sa.String(30), nullable=False, server_default=""),
    sa.Column("reason", sa.String(60), nullable=False, server_default=""),  # why it ended without a call
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("district", sa.String(40), nullable=False, server_default=""),  # as the list was frozen
    sa.Column("variant", sa.String(40), nullable=False, server_default=""),
    sa.Column("variables", sa.Text, nullable=False, server_default="{}"),
    sa.Column("caller", sa.String(40), nullable=False, server_default=""),  # the number called from
    # The month of the campaign, by which PostgreSQL partitions: 2026-11 (casework.partitions).
    sa.Column("month", sa.String(7), nullable=False, server_default=""),
    sa.UniqueConstraint(
        "campaign_id", "person_id", "number", "month", name="uq_attempts_campaign_id_person_id_number_month"
    ),
    sa.Index("ix_attempts_hand_out", "state", "campaign_id", "district", "due_at"),
    sa.Index("ix_attempts_campaign_id_ended_at", "campaign_id", "ended_at"),
    sa.Index("ix_attempts_queued_at", "queued_at"),
    sa.Index("ix_attempts_state_due_at", "state", "due_at"),
    sa.Index("ix_attempts_state_lease_until", "state", "lease_until"),
)

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("call_id", ID, primary_key=True),
    sa.Column("campaign_id", ID, nullable=False, index=True),
    sa.Column("person_id", ID, nullable=False, index=True),
    sa.Column("name_sealed", sa.Text, nullable=False),
    sa.Column("address_sealed", sa.Text, nullable=False),
    sa.Column("district", sa.String(40), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("answered_at", UtcTime),
    sa.Column("ended_at", UtcTime, nullable=False),
    sa.Column("disposition", sa.String(30), nullable=False),
    sa.Column("needs_review", sa.Text, nullable=False),  # reasons joined by commas
    sa.Column("recording", sa.Text, nullable=False),
    sa.Column("presumed", sa.Boolean, nullable=False),  # written by the reaper, not by a worker
    sa.Column("record", sa.Text, nullable=False),  # CallRecord without name and address
    sa.Index("ix_calls_started_at_call_id", "started_at", "call_id"),
    sa.Index("ix_calls_disposition_started_at", "disposition", "started_at"),
    sa.Index("ix_calls_district_started_at", "district", "started_at"),
)

results = sa.Table(
    "results",
    metadata,
    sa.Column("result_id", ID, primary_key=True),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False, index=True),
    sa.Column("source", sa.String(128), nullable=False, index=True),
    sa.Column("channel", sa.String(30), nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("disposition", sa.String(30), nullable=False),
    sa.Column("needs_review", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("document", sa.Text, nullable=False),
)

# What districts and staff did about results. Rows are only ever added.
feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("feedback_id", ID, primary_key=True),
    sa.Column("result_id", ID, sa.ForeignKey("results.result_id"), nullable=False, index=True),
    sa.Column("outcome", sa.String(30), nullable=False),
    sa.Column("said_by", sa.String(128), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("note_sealed", sa.Text, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("result_id", ID, sa.ForeignKey("results.result_id"), nullable=False, unique=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("published_at", UtcTime),
    sa.Column("entry_id", sa.String(60), nullable=False, server_default=""),  # where in the stream
    sa.Index("ix_outbox_published_at_id", "published_at", "id"),
)

intentions = sa.Table(
    "intentions",
    metadata,
    sa.Column("result_id", ID, sa.ForeignKey("results.result_id"), primary_key=True),
    sa.Column("subject", sa.String(128), nullable=False, index=True),
    sa.Column("channel", sa.String(30), nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("district", sa.String(40), nullable=False, index=True),
    sa.Column("contact_consent", sa.Boolean),
    sa.Column("fields", sa.Text, nullable=False),
)

# Entries of all lists; one that was lifted or has expired stays, as proof.
do_not_call = sa.Table(
    "do_not_call",
    metadata,
    sa.Column("list_name", sa.String(40), primary_key=True),  # spoken, typed, staff, or an imported one
    sa.Column("address_print", sa.String(40), primary_key=True, index=True),
    sa.Column("person_id", ID, nullable=False, index=True),
    sa.Column("address_sealed", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("source", ID, nullable=False),  # the call in which it was said, or who entered it
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("lifted_at", UtcTime),
    sa.Column("lifted_by", ID, nullable=False),
)

# Every decision about a contact: which rule allowed or stopped it. Rows are only ever added.
contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("person_id", ID, nullable=False),
    sa.Column("address_print", sa.String(40), nullable=False),
    sa.Column("channel", sa.String(30), nullable=False),
    sa.Column("campaign_id", ID, nullable=False),
    sa.Column("attempt_id", ID, nullable=False),
    sa.Column("rule", sa.String(30), nullable=False),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON: what was counted, until when it waits
    sa.Index("ix_contacts_person_id_id", "person_id", "id"),
    sa.Index("ix_contacts_address_print_at", "address_print", "at"),
)

staff = sa.Table(
    "staff",
    metadata,
    sa.Column("username", sa.String(64), primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("password_set_at", UtcTime, nullable=False),
    # The password was made by somebody else (shown once): its owner sets another one first.
    sa.Column("must_change_password", sa.Boolean, nullable=False, server_default=sa.false()),
)

access_log = sa.Table(
    "access_log",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("username", sa.String(64), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("object_id", sa.String(128), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),  # casework.keeping.chain
)

# What is left of somebody who was erased: that it was done, when, why and how much, under a keyed hash.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("person_print", sa.String(40), primary_key=True),
    sa.Column("at", UtcTime, primary_key=True),
    sa.Column("erased_by", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("counts", sa.Text, nullable=False),  # JSON: rows and files by kind
    sa.Column("digest", sa.String(64), nullable=False),  # keyed hash over the above
)
