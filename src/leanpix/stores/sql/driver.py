"""SQLite by its driver: statements are SQLAlchemy's, but not run by its engine.

A statement of ours takes SQLite some 10 us, and what the engine adds is several times that (docs/decisions/0133).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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


class DriverConnections:
    """Connections to one SQLite file; one that is given back is the next to be used. Thread-safe.

    No patience is needed: others' locks are waited for, up to 30 s. writer is this process's turn to write, shared by
    all of its connections to the file: SQLite has one writer at a time, and whoever waits for it sleeps ever longer.
    """

    def __init__(self, path: Path, synchronous: str, writer: Lock) -> None:
        self._path, self._synchronous, self._writer = path, synchronous, _WritersTurn(writer)
        self._idle: list[sqlite3.Connection] = []

    def connected(self, patience_s: float = 0) -> AbstractContextManager[DriverConnection]:
        """A connection to look at things."""
        del patience_s
        return _Borrowed(self)

    @contextmanager
    def autocommit(self, patience_s: float = 0) -> Iterator[DriverConnection]:
        """A connection on which each statement is kept by itself."""
        with self._writer, self.connected(patience_s) as connection:
            yield connection

    @contextmanager
    def in_transaction(self, patience_s: float = 0) -> Iterator[DriverConnection]:
        """One in a transaction that is kept when the block ends, and undone when it raises."""
        with self._writer, self.connected(patience_s) as connection:
            # A writer takes its lock at once: upgrading a read would fail with "database is locked" without waiting.
            connection.driver.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.driver.execute("COMMIT")
            finally:
                if connection.driver.in_transaction:  # SQLite ends it by itself where the disk is full
                    connection.driver.execute("ROLLBACK")

    def close(self) -> None:
        """Close those that are not in use."""
        while self._idle:
            self._idle.pop().close()

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


class _WritersTurn:
    """The process's turn to write for the block; StoreUnavailableError where it does not come."""

    __slots__ = ("_lock",)

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=_BUSY_S):
            raise StoreUnavailableError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class DriverConnection:
    """One connection, as long as somebody has it. Values come as the driver gives them: a truth value is 0 or 1."""

    dialect = _COMPILER.dialect

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.driver = driver

    def execute(self, statement: Statement, values: Values | Sequence[Values] | None = None, /) -> DriverRows:
        """Run a statement, once for each of several sets of values."""
        if isinstance(values, Sequence):
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
