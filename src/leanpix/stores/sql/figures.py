"""The queue in figures, from the task rows."""

from __future__ import annotations

from sqlalchemy import case, func, select

from leanpix.service.observing import QueueFigures
from leanpix.stores.sql.database import SqlDatabase
from leanpix.stores.sql.tables import tasks

_WAITS = tasks.c.owner.is_(None)
_QUEUE = select(
    func.count(case((_WAITS, 1))),
    func.count(tasks.c.owner),
    func.min(case((_WAITS, tasks.c.created_at))),
    func.coalesce(func.sum(tasks.c.held), 0),
).where(tasks.c.completed_at.is_(None))


def queue_figures(database: SqlDatabase, now: float) -> QueueFigures:
    """The queue at this moment (Unix seconds); StoreUnavailableError, without patience."""
    with database.glancing() as view:
        waiting, running, oldest, held = view.connection.execute(_QUEUE).one()
    return QueueFigures(int(waiting), int(running), 0.0 if oldest is None else max(0.0, now - oldest), int(held))
