"""The queue in figures, from the task rows."""

from __future__ import annotations

from sqlalchemy import case, func, not_, or_, select, text

from leanpix.service.observing import QueueFigures
from leanpix.stores.sql.connections import SqlConnection
from leanpix.stores.sql.database import SqlDatabase
from leanpix.stores.sql.tables import notices, tasks

_WAITS = or_(tasks.c.owner.is_(None), tasks.c.attempt == 0)  # for anybody, or for the process that holds its source
_QUEUE = select(
    func.count(case((_WAITS, 1))),
    func.count(case((not_(_WAITS), 1))),
    func.min(case((_WAITS, tasks.c.created_at))),
    func.coalesce(func.sum(tasks.c.held), 0),
).where(tasks.c.completed_at.is_(None))
# By the index of due ones, which those that are over are not in.
_WEBHOOKS = select(func.count(), func.min(notices.c.created_at)).where(notices.c.due_at.is_not(None))
# Each process that takes tasks has a row, and writes there as often as it gives signs of life for its tasks.
_LIVE_WORKERS = text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :stale_s)"
)


def queue_figures(database: SqlDatabase, now: float, *, stale_s: float | None = None) -> QueueFigures:
    """The queue at this moment (Unix seconds); StoreUnavailableError, without patience.

    stale_s: how long a worker of many machines may be silent; None where this process is the only one.
    """
    with database.glancing() as view:
        waiting, running, oldest, held = view.connection.execute(_QUEUE).one()
        webhooks, oldest_webhook = view.connection.execute(_WEBHOOKS).one()
        live = None if stale_s is None else _live(view.connection, stale_s)
    return QueueFigures(
        int(waiting), int(running), _age(oldest, now), int(held), int(webhooks), _age(oldest_webhook, now), live
    )


def live_workers(database: SqlDatabase, stale_s: float) -> int:
    """How many processes take tasks, by their signs of life; StoreUnavailableError, without patience."""
    with database.glancing() as view:
        return _live(view.connection, stale_s)


def _live(connection: SqlConnection, stale_s: float) -> int:
    return int(connection.scalar(_LIVE_WORKERS, {"stale_s": stale_s}))


def _age(since: float | None, now: float) -> float:
    return 0.0 if since is None else max(0.0, now - since)
