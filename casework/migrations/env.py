"""Alembic's entry: runs on the connection that ``casework.database`` hands in."""

from __future__ import annotations

from alembic import context

from casework.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # The caller's transaction holds everything, on SQLite too.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
