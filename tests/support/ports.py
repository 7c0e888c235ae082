"""The adapters of every port, over one machine's files and over real servers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import cast

import pytest
from sqlalchemy import Engine
from tests.simulation.jobs import JobDeliveries, mend
from tests.simulation.repositories import ModelDatabase
from tests.simulation.rows import Rows, Threads
from tests.support.servers import Postgres

from leanpix.bootstrap.shared import announce
from leanpix.queues import postgres as jobs
from leanpix.queues.embedded import EmbeddedTaskQueue
from leanpix.queues.fair_scheduler import FairScheduler
from leanpix.queues.postgres import PostgresTaskQueue
from leanpix.queues.settings import QueueSettings
from leanpix.queues.signals import LocalSignals
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.queues.wakeups import EndListener, PostgresSignals
from leanpix.service.ports import Clock, RateLimits, Signals, TaskQueue
from leanpix.stores.process_rates import ProcessRateLimits
from leanpix.stores.sql.announcing import announced, heard
from leanpix.stores.sql.database import Outside, SqlDatabase, sqlite_database
from leanpix.stores.sql.postgres import plain_connection, postgres_engine
from leanpix.stores.sql.postgres_driver import PostgresConnection, PostgresConnections
from leanpix.stores.sql.rate_limits import SqlRateLimits
from leanpix.stores.sql.schema import migrate
from leanpix.stores.sql.tasks import first_in_line

_TEMPLATE = "migrated"
_WORKERS = count()


@dataclass
class Node:
    """One process's adapters over a database that several nodes may share. failures: what loops survived.

    new_deliveries takes a monotonic clock where the test has one."""

    database: SqlDatabase
    signals: Signals
    local: LocalSignals
    rates: RateLimits
    new_deliveries: Callable[..., TaskQueue]
    failures: list[BaseException]
    mend: Callable[[], object] = lambda: None
    listener: EndListener | None = None
    engine: Engine | None = None


@contextmanager
def sqlite_node(folder: Path, now: Clock) -> Iterator[Node]:
    database, local = sqlite_database(folder / "leanpix.db"), LocalSignals()
    failures: list[BaseException] = []
    yield Node(
        database,
        local,
        local,
        ProcessRateLimits(now),
        partial(EmbeddedTaskQueue, database, local, failures.append),
        failures,
    )
    database.close()


def model_node(now: Clock, *, is_shared: bool) -> Node:
    """Models of the adapters, under real threads; rates are those of one machine."""
    database, local = ModelDatabase(Rows(Threads(), is_shared=is_shared)), LocalSignals()
    failures: list[BaseException] = []

    def new_queue(monotonic: Clock = time.monotonic) -> TaskQueue:
        if not is_shared:
            return EmbeddedTaskQueue(database, local, failures.append, monotonic)
        slots = TenantSlots(2, monotonic)
        turns = FairScheduler(database, lambda _task_id: False, slots, random.choice, Event())
        return JobDeliveries(database, str(next(_WORKERS)), turns, failures.append)

    return Node(
        # Looking at what lies under the port is left to the tests of SQL.
        cast("SqlDatabase", database),
        local,
        local,
        ProcessRateLimits(now),
        new_queue,
        failures,
        (lambda: mend(database, lambda _worker: True)) if is_shared else lambda: None,
    )


over_sql = pytest.mark.parametrize("node", ["sqlite", "postgres"], indirect=True)
"""For a test that looks under the port: a model has no SQL to look at."""


@contextmanager
def postgres_node(url: str, queue: QueueSettings) -> Iterator[Node]:
    engines = [postgres_engine(url, durable=durable, connections=20) for durable in (True, False)]
    durable, quick = (PostgresConnections(engine) for engine in engines)
    local = LocalSignals()
    failures: list[BaseException] = []
    signals = PostgresSignals(quick, local, failures.append, announced)
    database = SqlDatabase(durable, quick, Outside(jobs.enqueue, partial(announce, signals)), patience_s=10)
    listen = partial(plain_connection, url)
    yield Node(
        database,
        signals,
        local,
        SqlRateLimits(quick),
        partial(
            PostgresTaskQueue,
            quick,
            listen,
            database,
            queue,
            on_error=failures.append,
            choose=random.choice,
            first_in_line=first_in_line(PostgresConnection.dialect),
            signals=local,
        ),
        failures,
        lambda: jobs.mend(durable, queue.stale_s),
        EndListener(listen, local, failures.append, heard),
        engines[1],
    )
    database.close()


def migrated_database(postgres: Postgres) -> str:
    """The URL of a fresh database with the newest schema, copied from one that is migrated once."""
    if not postgres.has_database(_TEMPLATE):
        engine = postgres_engine(postgres.new_database(name=_TEMPLATE), durable=True, connections=1)
        migrate(engine)
        engine.dispose()
    return postgres.new_database(_TEMPLATE)
