"""Callbacks of tasks, what has to be told to receivers, and the salts of their secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.add_column("tasks", sa.Column("callback_url", sa.Text))
    op.add_column("tasks", sa.Column("callback_base", sa.Text))
    op.create_table(
        "notices",
        sa.Column("task_id", sa.String(36), primary_key=True),
        sa.Column("key_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float),
        sa.Column("tries", sa.Text, nullable=False),
    )
    op.create_index("notices_due", "notices", ["due_at"])
    op.create_index("notices_of_key", "notices", ["key_id", "created_at"])
    op.create_table(
        "webhook_salts",
        sa.Column("key_id", sa.String(32), sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("current", sa.String(32), nullable=False),
        sa.Column("previous", sa.String(32)),
        sa.Column("rotated_at", sa.Float, nullable=False),
    )
