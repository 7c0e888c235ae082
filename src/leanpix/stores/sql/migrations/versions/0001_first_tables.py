"""Accounts, tasks, the credit ledger and the rates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    _accounts()
    _tasks()
    _ledger()
    op.create_table(
        "rates",
        sa.Column("key_id", sa.String(32), primary_key=True),
        sa.Column("bucket", sa.String(8), primary_key=True),
        sa.Column("arrival", sa.Float, nullable=False),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("qps", sa.Float, nullable=False),
        sa.Column("credits", sa.BigInteger),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
        sa.CheckConstraint("credits IS NULL OR credits >= 0", name="credits_never_negative"),
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("key_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("return_type", sa.Integer, nullable=False),
        sa.Column("source_kind", sa.String(8), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("processed_at", sa.Float),
        sa.Column("completed_at", sa.Float),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("charged", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("result_blob", sa.Text),
        sa.Column("result_format", sa.String(8)),
        sa.Column("result_bytes", sa.BigInteger),
        sa.Column("report", sa.Text),
    )
    op.create_index("tasks_unfinished", "tasks", ["completed_at", "created_at"])
    op.create_index("tasks_of_key", "tasks", ["key_id", "completed_at"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("key_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("task_id", sa.String(36)),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("closes", sa.String(36), unique=True),
        sa.UniqueConstraint("task_id", "kind", name="once_per_task"),
    )
    op.create_index("ledger_of_key", "ledger", ["key_id", "created_at"])
