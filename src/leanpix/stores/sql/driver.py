"""SQLite by its driver: statements are SQLAlchemy's, but not run by its engine.

A statement of ours takes SQLite some 10 us, and what the engine adds is several times that (docs/decisions/0133).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from sqlalchemy.dialects import sqlite

from leanpix.domain.errors import StoreUnavailableError
from leanpix.stores.sql.compiled import Compiler, first_column, only
from leanpix.stores.sql.connections import SqlRow, Statement, Values

_BUSY_S = 30
_KEPT = 4  # open for the next look; a crowd's others are closed again
_COMPILER = Compiler(sqlite.dialect(paramstyle="named"))


def sqlite_connection(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection to a file in WAL mode, without transactions of its own; synchronous is SQLite's setting for it."""
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class SqliteWriter:
    """This process's turn to write to a file.

    SQLite has one writer at a time, and whoever waits for it there sleeps ever longer.
    All turns have the same connection. What another one has written it would have to read anew, page by page.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._connection: sqlite3.Connection | None = None
        self._synchronous = ""

    def take(self, synchronous: str) -> sqlite3.Connection:
        """The connection, set so, until it is given back; StoreUnavailableError where the turn does not come."""
        if not self._lock.acquire(timeout=_BUSY_S):
            raise StoreUnavailableError
        try:
            return self._set(synchronous)
        except BaseException as failure:
            self._lock.release()
            if isinstance(failure, sqlite3.OperationalError):
                raise StoreUnavailableError from failure
            raise

    def give_back(self) -> None:
        """The next one's turn."""
        self._lock.release()

    def close(self) -> None:
        """Close the connection; another turn opens one again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _set(self, synchronous: str) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite_connection(self._path, synchronous)
            self._connection.row_factory = DriverRow
        elif synchronous != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._synchronous = synchronous
        return self._connection


class DriverConnections:
    """Connections to one SQLite file; one that is given back is the next to be used. Thread-safe.

    No patience is needed: others' locks are waited for, up to 30 s. writer is shared by all who write to the file.
    """

    def __init__(self, path: Path, synchronous: str, writer: SqliteWriter) -> None:
        self._path, self._synchronous, self._writer = path, synchronous, writer
        self._idle: list[sqlite3.Connection] = []

    def connected(self, patience_s: float = 0) -> AbstractContextManager[DriverConnection]:
        """A connection to look at things."""
        del patience_s
        return _Borrowed(self)

    def autocommit(self, patience_s: float = 0) -> AbstractContextManager[DriverConnection]:
        """A connection on which each statement is kept by itself."""
        del patience_s
        return _Turn(self._writer, self._synchronous)

    def in_transaction(self, patience_s: float = 0) -> AbstractContextManager[DriverConnection]:
        """One in a transaction that is kept when the block ends, and undone when it raises."""
        del patience_s
        return _TransactionTurn(self._writer, self._synchronous)

    def close(self) -> None:
        """Close those that are not in use."""
        while self._idle:
            self._idle.pop().close()
        self._writer.close()

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep it for the next look, or close it."""
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def take(self) -> sqlite3.Connection:
        """One that was given back, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            connection = sqlite_connection(self._path, self._synchronous)
            connection.row_factory = DriverRow
            return connection


# Each of these is entered several times a request: a function with @contextmanager would take three times the calls.
class _Borrowed:
    """A connection for the block; the driver's failures as StoreUnavailableError."""

    __slots__ = ("_connection", "_owner")

    def __init__(self, owner: DriverConnections) -> None:
        self._owner = owner

    def __enter__(self) -> DriverConnection:
        try:
            self._connection = self._owner.take()
        except sqlite3.OperationalError as failure:
            raise StoreUnavailableError from failure
        return DriverConnection(self._connection)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.give_back(self._connection)
        if isinstance(error, sqlite3.OperationalError):
            raise StoreUnavailableError from error


class _Turn:
    """The turn to write for the block, each statement kept by itself; failures as StoreUnavailableError."""

    __slots__ = ("_driver", "_synchronous", "_writer")

    def __init__(self, writer: SqliteWriter, synchronous: str) -> None:
        self._writer, self._synchronous = writer, synchronous

    def __enter__(self) -> DriverConnection:
        self._driver = self._writer.take(self._synchronous)
        return DriverConnection(self._driver)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.give_back()
        if isinstance(error, sqlite3.OperationalError):
            raise StoreUnavailableError from error


class _TransactionTurn(_Turn):
    """The same, as a transaction."""

    __slots__ = ()

    def __enter__(self) -> DriverConnection:
        connection = super().__enter__()
        try:
            # A writer takes its lock at once: upgrading a read would fail with "database is locked" without waiting.
            self._driver.execute("BEGIN IMMEDIATE")
        except BaseException as failure:
            super().__exit__(type(failure), failure, None)
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._driver.execute("COMMIT")
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                if self._driver.in_transaction:  # SQLite ends it by itself where the disk is full
                    self._driver.execute("ROLLBACK")
            finally:
                super().__exit__(kind, error, trace)


class DriverConnection:
    """One connection, as long as somebody has it. Values come as the driver gives them: a truth value is 0 or 1."""

    dialect = _COMPILER.dialect

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.driver = driver

    def execute(self, statement: Statement, values: Values | Sequence[Values] | None = None, /) -> DriverRows:
        """Run a statement, once for each of several sets of values."""
        if not isinstance(values, dict | None) and isinstance(values, Sequence):
            compiled = _COMPILER.compiled(statement, tuple(values[0]))
            bound = ({**compiled.fixed, **one} for one in values)
            return DriverRows([], self.driver.executemany(compiled.text, bound).rowcount)
        compiled = _COMPILER.compiled(statement, tuple(values or ()))
        cursor = self.driver.execute(compiled.text, {**compiled.fixed, **(values or {})})
        # All of it: a statement that is not at its end keeps its view of the database open.
        return DriverRows(cursor.fetchall(), cursor.rowcount)

    def scalar(self, statement: Statement, values: Values | None = None, /) -> Any:  # noqa: ANN401 - of several types
        """The first column of the first row, or None."""
        return first_column(self.execute(statement, values).first())

    def scalars(self, statement: Statement, values: Values | None = None, /) -> Iterator[Any]:
        """The first column of each row."""
        return (row[0] for row in self.execute(statement, values))


class DriverRows:
    """What a statement gave."""

    def __init__(self, rows: Sequence[SqlRow], rowcount: int) -> None:
        self._rows, self.rowcount = rows, rowcount

    def first(self) -> SqlRow | None:
        """The first row, or None."""
        return self._rows[0] if self._rows else None

    def one(self) -> SqlRow:
        """The only row; NoResultFound, MultipleResultsFound."""
        return only(self._rows)

    def scalar_one(self) -> Any:  # noqa: ANN401 - column values of several types
        """The only row's first column; raises as above."""
        return self.one()[0]

    def __iter__(self) -> Iterator[SqlRow]:
        """Each row."""
        return iter(self._rows)


class DriverRow(sqlite3.Row):
    """A row whose columns are its attributes."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - column values of several types
        """The column of this name."""
        try:
            return self[name]
        except IndexError as missing:
            raise AttributeError(name) from missing
