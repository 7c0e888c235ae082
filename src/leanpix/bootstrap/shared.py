"""Rows in a PostgreSQL that machines share. Imported only where one is configured: its libraries take a while."""

from __future__ import annotations

import secrets
from functools import partial

from sqlalchemy import Engine, QueuePool

from leanpix.bootstrap.rows import Rows
from leanpix.domain.errors import SetupError
from leanpix.domain.task import Task
from leanpix.queues import postgres as jobs
from leanpix.queues.postgres import PostgresTaskQueue
from leanpix.queues.signals import LocalSignals
from leanpix.queues.wakeups import EndListener, PostgresSignals
from leanpix.service.observing import ConnectionFigures
from leanpix.service.ports import Answer
from leanpix.settings import Settings
from leanpix.stores.sql.announcing import announced, heard
from leanpix.stores.sql.connections import SqlConnection
from leanpix.stores.sql.database import Outside, SqlDatabase
from leanpix.stores.sql.database_url import database_named, told_where
from leanpix.stores.sql.pooler import Connect, Pooling, hears, pooling_of
from leanpix.stores.sql.postgres import plain_connection, postgres_engine, transaction_preamble
from leanpix.stores.sql.postgres_driver import PostgresConnection, PostgresConnections
from leanpix.stores.sql.rate_limits import SqlRateLimits
from leanpix.stores.sql.schema import require_current
from leanpix.stores.sql.tasks import first_in_line
from leanpix.telemetry.logging import log_failure


def shared_engine(settings: Settings, url: str) -> Engine:
    """An engine of one connection, for the schema; SetupError where a node would not start on what is before it."""
    with told_where(url):
        return postgres_engine(url, durable=True, connections=1, pooling=_admitted_pooling(settings, url))


def shared_rows(settings: Settings, url: str, local: LocalSignals) -> Rows:
    """Rows over the database at `url`; SetupError where it does not answer, asked once, or has not been migrated."""
    with told_where(url):
        pooling = _admitted_pooling(settings, url)
    few = settings.database_connections // 2
    # While the database is away each connection is tried for the whole patience: who waits for a turn waits no longer.
    make_engine = partial(postgres_engine, url, pooling=pooling, turn_s=settings.patience_s)
    engines = (
        make_engine(durable=True, connections=few),
        make_engine(durable=False, connections=settings.database_connections - few),
    )
    try:
        with told_where(url):
            require_current(engines[0])
    except SetupError:
        for engine in engines:
            engine.dispose()
        raise
    durable, quick = (
        PostgresConnections(engine, transaction_preamble(pooling, waits=waits))
        for engine, waits in zip(engines, (True, False), strict=True)
    )
    signals = PostgresSignals(quick, local, log_failure, announced)
    listen = partial(plain_connection, settings.database_direct_url or url)
    outside = Outside(jobs.enqueue, partial(announce, signals))
    database = SqlDatabase(durable, quick, outside, patience_s=settings.patience_s)

    def deliveries(_owner: str) -> PostgresTaskQueue:
        first = first_in_line(PostgresConnection.dialect)
        return PostgresTaskQueue(quick, listen, database, settings, log_failure, secrets.choice, first, local)

    def connections() -> ConnectionFigures:
        in_use = sum(pool.checkedout() for pool in (engine.pool for engine in engines) if isinstance(pool, QueuePool))
        return ConnectionFigures(in_use, settings.database_connections)

    return Rows(
        database,
        SqlRateLimits(quick, patience_s=settings.patience_s),
        signals,
        local,
        deliveries,
        partial(jobs.mend, durable, settings.stale_s),
        EndListener(listen, local, log_failure, heard),
        connections=connections,
    )


def announce(signals: PostgresSignals, connection: SqlConnection, task: Task) -> Answer:
    """Have a task's end told of with the transaction of a connection; not where it is another library's."""
    return signals.announce(connection, task) if isinstance(connection, PostgresConnection) else False


def _admitted_pooling(settings: Settings, url: str) -> Pooling:
    """What stands before the database; SetupError where signals of ended tasks, and of work, could not be heard."""
    connect = partial(plain_connection, url)
    pooling = pooling_of(connect)
    direct_url = settings.database_direct_url
    if pooling is Pooling.TRANSACTION and direct_url is None:
        raise SetupError(
            f"the {database_named(url)} of LEANPIX_DATABASE_URL is behind a pooler of transactions, through which "
            "nothing can be listened for: set LEANPIX_DATABASE_DIRECT_URL to PostgreSQL itself, or have the pooler "
            "pool sessions (docs/operate-postgresql.md)"
        )
    if direct_url is not None:
        _refuse_other_database(direct_url, connect, settings.patience_s)
    return pooling


def _refuse_other_database(direct_url: str, connect: Connect, patience_s: float) -> None:
    setting = "LEANPIX_DATABASE_DIRECT_URL"
    with told_where(direct_url, setting):
        is_heard = hears(partial(plain_connection, direct_url), connect, patience_s)
    if not is_heard:
        raise SetupError(
            f"the {database_named(direct_url)} of {setting} does not hear what is notified through "
            "LEANPIX_DATABASE_URL: it has to be the same database, without a pooler of transactions before it"
        )
