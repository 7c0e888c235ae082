"""What a result was made of, so that it can answer for the same again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    op.add_column("tasks", sa.Column("made_of", sa.String(64)))
    op.create_index("tasks_made_of", "tasks", ["made_of", "completed_at"])
