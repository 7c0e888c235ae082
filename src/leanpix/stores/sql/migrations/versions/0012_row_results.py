"""Small results in their tasks' rows, so that they are neither put into a file store nor read from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.add_column("tasks", sa.Column("result", sa.LargeBinary))
    op.add_column("tasks", sa.Column("result_in_row", sa.Boolean, nullable=False, server_default=sa.false()))
    if op.get_bind().dialect.name == "postgresql":
        # As for sources: what is compressed already is not tried again.
        op.execute("ALTER TABLE tasks ALTER COLUMN result SET STORAGE EXTERNAL")
