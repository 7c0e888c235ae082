"""Whether a pooled connection to PostgreSQL is alive, asked of the server only where there is a doubt."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, cast

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

# A firewall forgets an idle connection after minutes, a server that restarts closes its end at once.
_TRUSTED_S = 2.0
_USED_AT = "leanpix_used_at"


def notice_lost_connections(engine: Engine) -> None:
    """Have each connection proven before it is handed out; with the first lost one every older one is replaced.

    Asking the server each time would be one trip in three: a connection that was used a moment ago, and on which
    nothing has come in since, is taken as it is. Where the network is cut both would wait the same time in vain.
    """

    @event.listens_for(engine, "checkout")
    def _prove(connection: psycopg.Connection, entry: ConnectionPoolEntry, _proxy: object) -> None:
        try:
            if time.monotonic() - entry.info[_USED_AT] > _TRUSTED_S or _has_news(connection):
                engine.dialect.do_ping(cast("DBAPIConnection", connection))
        except psycopg.Error as failure:
            raise InvalidatePoolError from failure

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def _note(_connection: psycopg.Connection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_USED_AT] = time.monotonic()


def _has_news(connection: psycopg.Connection) -> bool:
    """Whether something has come in on an idle connection: its end, most likely."""
    news = select.poll()
    news.register(connection.fileno(), select.POLLIN)
    return bool(news.poll(0))
