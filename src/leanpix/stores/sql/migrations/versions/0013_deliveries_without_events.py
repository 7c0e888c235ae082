"""Deliveries keep no record of their own: nobody reads procrastinate's events, and each job wrote three."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forwards; `ENABLE TRIGGER` has them back."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for trigger in ("status_events_insert_v1", "status_events_update_v1", "scheduled_events_v1"):
        op.execute(f"ALTER TABLE procrastinate_jobs DISABLE TRIGGER procrastinate_trigger_{trigger}")
