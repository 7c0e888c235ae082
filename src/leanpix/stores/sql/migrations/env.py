"""How alembic runs the revisions: always over a connection, and in the transaction, of leanpix.stores.sql.schema."""

from __future__ import annotations

from alembic import context

from leanpix.stores.sql.tables import metadata

# SQLite's DDL is transactional as long as the driver does not commit by itself, and ours does not.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
