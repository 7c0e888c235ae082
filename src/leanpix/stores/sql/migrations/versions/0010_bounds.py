"""Sources that have still to be fetched, attempts that failed, usage by day, how much batches keep on the disk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"

_OPEN_ADDRESSES = """
    UPDATE tasks SET fetch_host = '' WHERE completed_at IS NULL AND source_kind IN ('url', 'kept_url')
"""
_WAITING_ADDRESSES = "UPDATE batch_items SET fetch_host = '' WHERE source_kind IN ('url', 'kept_url')"
_SUMMED = """
    INSERT INTO usage_days (key_id, day, tasks, credits)
    SELECT key_id, {day}, count(*), sum(-credits) FROM ledger WHERE kind = 'settle' GROUP BY key_id, {day}
"""
# PostgreSQL would round a cast, SQLite cuts it and may have no floor.
_DAY = {
    "postgresql": "CAST(floor(created_at / 86400) AS INTEGER)",
    "sqlite": "CAST(created_at / 86400 AS INTEGER)",
}


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.add_column("tasks", sa.Column("fetch_host", sa.String(255)))
    op.add_column("tasks", sa.Column("faults", sa.Integer, nullable=False, server_default="0"))
    op.add_column("batch_items", sa.Column("fetch_host", sa.String(255)))
    op.add_column("batches", sa.Column("source_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(_OPEN_ADDRESSES)
    op.execute(_WAITING_ADDRESSES)
    op.create_table(
        "usage_days",
        sa.Column("key_id", sa.String(32), sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("tasks", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
    )
    op.execute(_SUMMED.format(day=_DAY[op.get_bind().dialect.name]))
    op.drop_index("ledger_of_key", "ledger")
    op.create_index("ledger_by_age", "ledger", ["created_at"])
