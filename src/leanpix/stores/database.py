"""SQL databases: SQLite for one machine, PostgreSQL for many (postgres.py), the same code over both."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event

from leanpix.stores.accounts import SqlAccounts
from leanpix.stores.batches import SqlBatches
from leanpix.stores.connecting import connecting, in_transaction
from leanpix.stores.notices import SqlNotices
from leanpix.stores.schema import migrate
from leanpix.stores.submissions import SqlSubmissions
from leanpix.stores.tasks import SqlTasks

_BUSY_S = 30


class SqlTransaction:
    """The repositories of one transaction, and delivery within it."""

    def __init__(self, connection: Connection, enqueue: Callable[[Connection, str], None]) -> None:
        self.connection = connection
        self.tasks = SqlTasks(connection)
        self.accounts = SqlAccounts(connection)
        self.submissions = SqlSubmissions(connection)
        self.notices = SqlNotices(connection)
        self.batches = SqlBatches(connection)
        self._enqueue = enqueue

    def enqueue(self, task_id: str) -> None:
        """Have the task delivered to a worker once the transaction is kept."""
        self._enqueue(self.connection, task_id)


class SqlDatabase:
    """Transactions over an engine that waits for the disk at commit, single statements over one that does not.

    StoreUnavailableError where the database is full, locked for too long, or away; one that cannot be reached is
    tried again for up to patience_s before a transaction begins.
    """

    def __init__(
        self,
        durable: Engine,
        quick: Engine,
        enqueue: Callable[[Connection, str], None] = lambda _c, _t: None,
        *,
        patience_s: float = 0,
    ) -> None:
        self._engines = [durable, quick]
        self._durable, self._quick = durable, quick
        self._enqueue = enqueue
        self._patience_s = patience_s

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        """A transaction that is kept when its block ends, and undone when it raises."""
        with in_transaction(self._durable, self._patience_s) as connection:
            yield SqlTransaction(connection, self._enqueue)

    @contextmanager
    def stepping(self) -> Iterator[SqlTransaction]:
        """Each statement is kept at once and by itself, without a wait for the disk."""
        with connecting(self._quick, self._patience_s) as connection:
            yield SqlTransaction(connection, self._enqueue)

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A view, each statement consistent in itself; nothing is written."""
        with connecting(self._quick, self._patience_s) as connection:
            yield SqlTransaction(connection, self._enqueue)

    @contextmanager
    def glancing(self) -> Iterator[SqlTransaction]:
        """Reading without patience: for whoever asks whether the database answers."""
        with connecting(self._quick) as connection:
            yield SqlTransaction(connection, self._enqueue)

    def close(self) -> None:
        """Close every connection."""
        for engine in self._engines:
            engine.dispose()


def sqlite_database(path: Path) -> SqlDatabase:
    """The embedded database at `path`, made or brought to this version's schema where needed."""
    durable, quick = sqlite_engine(path, "FULL"), sqlite_engine(path, "NORMAL")
    migrate(durable)
    return SqlDatabase(durable, quick)


def sqlite_engine(path: Path, synchronous: str) -> Engine:
    """An engine over one SQLite file in WAL mode; synchronous is SQLite's own setting for it.

    Each statement is kept by itself outside in_transaction.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": _BUSY_S, "check_same_thread": False},
        hide_parameters=True,  # an error is logged with its statement, never with what customers sent
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by in_transaction, not by the driver's guess
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")

    return engine
