"""Rows in a PostgreSQL that machines share. Imported only where one is configured: its libraries take a while."""

from __future__ import annotations

import secrets
from functools import partial

from sqlalchemy import Engine

from leanpix.bootstrap.rows import Rows
from leanpix.domain.errors import SetupError
from leanpix.queues import postgres as jobs
from leanpix.queues.postgres import PostgresTaskQueue
from leanpix.queues.signals import LocalSignals
from leanpix.queues.wakeups import EndListener, PostgresSignals
from leanpix.settings import Settings
from leanpix.stores.sql.announcing import announced, heard
from leanpix.stores.sql.attempts import TidyAsyncConnection, TidyConnection
from leanpix.stores.sql.connecting import EngineConnections
from leanpix.stores.sql.database import SqlDatabase
from leanpix.stores.sql.database_url import told_where
from leanpix.stores.sql.postgres import libpq_url, postgres_engine
from leanpix.stores.sql.rate_limits import SqlRateLimits
from leanpix.stores.sql.schema import require_current
from leanpix.telemetry.logging import log_failure

_CONNECTIONS = 8  # of each kind, durable and quick


def shared_engine(url: str) -> Engine:
    """An engine of one connection, for the schema."""
    return postgres_engine(url, durable=True, connections=1)


def shared_rows(settings: Settings, url: str, local: LocalSignals) -> Rows:
    """Rows over the database at `url`; SetupError where it does not answer or has not been migrated."""
    durable = postgres_engine(url, durable=True, connections=_CONNECTIONS)
    quick = postgres_engine(url, durable=False, connections=_CONNECTIONS)
    try:
        with told_where(url):
            require_current(durable, patience_s=settings.patience_s)
    except SetupError:
        durable.dispose()
        quick.dispose()
        raise
    plain_url = libpq_url(url)
    database = SqlDatabase(
        EngineConnections(durable), EngineConnections(quick), jobs.enqueue, patience_s=settings.patience_s
    )
    deliveries = partial(
        PostgresTaskQueue,
        plain_url,
        TidyAsyncConnection,
        database,
        settings,
        on_error=log_failure,
        choose=secrets.choice,
    )
    return Rows(
        database,
        SqlRateLimits(quick, patience_s=settings.patience_s),
        PostgresSignals(quick, local, log_failure, announced),
        local,
        deliveries,
        partial(jobs.mend, durable, settings.stale_s),
        EndListener(partial(TidyConnection.connect, plain_url, autocommit=True), local, log_failure, heard),
    )
