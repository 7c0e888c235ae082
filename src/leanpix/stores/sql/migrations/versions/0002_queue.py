"""The queue of a shared database: procrastinate's own tables and functions; nothing where one machine is all."""

from __future__ import annotations

import importlib.resources

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    # The library is pinned to the release whose schema this is; a later pin comes with a revision that applies the
    # library's own migrations from here on.
    schema = importlib.resources.files("procrastinate.sql").joinpath("schema.sql").read_text(encoding="utf-8")
    # Without parameters, so that the driver takes several statements and leaves their percent signs alone.
    connection.execution_options(no_parameters=True).exec_driver_sql(schema)
