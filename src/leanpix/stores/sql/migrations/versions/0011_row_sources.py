"""Small uploads in their tasks' rows, so that they are neither put into a file store nor read from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.add_column("tasks", sa.Column("source", sa.LargeBinary))
    op.add_column("tasks", sa.Column("source_in_row", sa.Boolean, nullable=False, server_default=sa.false()))
    if op.get_bind().dialect.name == "postgresql":
        # Pictures are compressed already: trying to compress them again is work that cannot win.
        op.execute("ALTER TABLE tasks ALTER COLUMN source SET STORAGE EXTERNAL")
