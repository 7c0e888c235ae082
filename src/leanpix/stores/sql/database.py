"""SQL databases: SQLite for one machine, PostgreSQL for many (postgres.py), the same code over both."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Engine, create_engine

from leanpix.domain.errors import SetupError
from leanpix.domain.task import Task
from leanpix.service.ports import Answer
from leanpix.stores.sql.accounts import SqlAccounts
from leanpix.stores.sql.batches import SqlBatches
from leanpix.stores.sql.connections import Connections, SqlConnection
from leanpix.stores.sql.driver import DriverConnections, SqliteWriter, sqlite_connection
from leanpix.stores.sql.installation import SqlInstallation
from leanpix.stores.sql.schema import HEAD, migrate
from leanpix.stores.sql.submissions import SqlSubmissions
from leanpix.stores.sql.tasks import SqlTasks
from leanpix.stores.sql.webhook_deliveries import SqlWebhookDeliveries

_CHECKED_BYTES = 64 * 1024 * 1024  # looked through at each start: some 45 ms (docs/decisions/0146)
_DURABLE = "FULL"  # SQLite waits for the disk at each commit


class Outside(NamedTuple):
    """What a transaction has others do once it is kept: deliver a task, tell of its end.

    announce: where it takes no trip of its own; its answer, after the transaction: whether they were told.
    """

    enqueue: Callable[[SqlConnection, str], None] = lambda _connection, _task_id: None
    announce: Callable[[SqlConnection, Task], Answer] = lambda _connection, _task: False


class SqlTransaction:
    """The repositories of one transaction, and what is to follow from it."""

    def __init__(self, connection: SqlConnection, outside: Outside) -> None:
        self.connection = connection
        self.tasks = SqlTasks(connection)
        self.accounts = SqlAccounts(connection)
        self.submissions = SqlSubmissions(connection)
        self.deliveries = SqlWebhookDeliveries(connection)
        self.batches = SqlBatches(connection)
        self.installation = SqlInstallation(connection)
        self._outside = outside

    def enqueue(self, task_id: str) -> None:
        """Have the task delivered to a worker once the transaction is kept."""
        self._outside.enqueue(self.connection, task_id)

    def announce(self, task: Task) -> Answer:
        """Have other nodes told of the task's end once the transaction is kept; afterwards: whether they were."""
        return self._outside.announce(self.connection, task)


class _Block:
    """A connection for the block, as its repositories. Entered several times a request, as those of the driver."""

    __slots__ = ("_connected", "_outside")

    def __init__(self, connected: AbstractContextManager[SqlConnection], outside: Outside) -> None:
        self._connected, self._outside = connected, outside

    def __enter__(self) -> SqlTransaction:
        return SqlTransaction(self._connected.__enter__(), self._outside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._connected.__exit__(kind, error, trace)


_NOBODY = Outside()


class SqlDatabase:
    """Transactions on connections that wait for the disk at commit; single statements, and others, on such as do not.

    StoreUnavailableError where the database is full, locked for too long, or away; one that cannot be reached is
    tried again for up to patience_s before a transaction begins.
    """

    def __init__(
        self,
        durable: Connections,
        quick: Connections,
        outside: Outside = _NOBODY,
        *,
        patience_s: float = 0,
    ) -> None:
        self._durable, self._quick = durable, quick
        self._outside = outside
        self._patience_s = patience_s

    def transaction(self, *, waits: bool = True) -> AbstractContextManager[SqlTransaction]:
        """A transaction that is kept when its block ends, and undone when it raises.

        waits False: a power cut may undo it until a later one that waits has ended.
        """
        connections = self._durable if waits else self._quick
        return _Block(connections.in_transaction(self._patience_s), self._outside)

    def autocommit(self) -> AbstractContextManager[SqlTransaction]:
        """Each statement is kept at once and by itself, without a wait for the disk."""
        return _Block(self._quick.autocommit(self._patience_s), self._outside)

    def reading(self) -> AbstractContextManager[SqlTransaction]:
        """A view, each statement consistent in itself; nothing is written."""
        return _Block(self._quick.connected(self._patience_s), self._outside)

    def glancing(self) -> AbstractContextManager[SqlTransaction]:
        """A read that does not retry a lost connection: for health checks."""
        return _Block(self._quick.connected(), self._outside)

    def close(self) -> None:
        """Close every connection."""
        self._durable.close()
        self._quick.close()


def sqlite_database(path: Path) -> SqlDatabase:
    """The embedded database at `path`, made or brought to this version's schema where needed."""
    refuse_damaged(path)
    engine = sqlite_engine(path)
    try:
        refuse_newer(migrate(engine), path)
    finally:
        engine.dispose()
    writer = SqliteWriter(path)
    durable, quick = (DriverConnections(path, synchronous, writer) for synchronous in (_DURABLE, "NORMAL"))
    return SqlDatabase(durable, quick)


def refuse_damaged(path: Path, *, at_most_bytes: int = _CHECKED_BYTES) -> None:
    """SetupError where the file is no database or its pages do not fit together; larger ones are not looked through."""
    if not path.exists() or path.stat().st_size > at_most_bytes:
        return
    with closing(sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)) as connection:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise SetupError(f"the database {path} is damaged ({found}): put a backup back (`leanpix restore`)")


def refuse_newer(revision: str | None, path: Path) -> None:
    """SetupError where a newer version has brought the database further than this one knows.

    Machines that share a database go through an upgrade one by one and take it as it is; a machine by itself has no
    upgrade under way, and a version that was never tried on that schema has no business in it (docs/decisions/0146).
    """
    if revision is not None and revision > HEAD:
        raise SetupError(
            f"the database {path} is of a newer version of leanpix (schema revision {revision}, this version knows "
            f"{HEAD}): start that version, or restore the backup from before the upgrade"
        )


def sqlite_engine(path: Path) -> Engine:
    """An engine over one SQLite file: for its schema, and whoever else has more use for SQLAlchemy than for speed.

    Each statement is kept by itself outside in_transaction.
    """
    # An error is logged with its statement, never with what customers sent.
    return create_engine(f"sqlite:///{path}", creator=partial(sqlite_connection, path, _DURABLE), hide_parameters=True)
