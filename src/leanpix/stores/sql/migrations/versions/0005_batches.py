"""Batches: many pictures sent at once, that become tasks as there is room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.add_column("tasks", sa.Column("batch_id", sa.String(36)))
    op.create_index("tasks_of_batch", "tasks", ["batch_id", "completed_at"])
    op.create_table(
        "batches",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("key_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("completed_at", sa.Float),
        sa.Column("callback_url", sa.Text),
        sa.Column("callback_base", sa.Text),
    )
    op.create_index("batches_unfinished", "batches", ["completed_at", "created_at"])
    op.create_table(
        "batch_items",
        sa.Column("batch_id", sa.String(36), sa.ForeignKey("batches.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("task_id", sa.String(36), nullable=False, unique=True),
        sa.Column("source_kind", sa.String(8), nullable=False),
        sa.Column("is_waiting", sa.Boolean, nullable=False),
    )
