"""PostgreSQL by its driver: statements are SQLAlchemy's, and so is the pool, but its engine does not run them.

What the engine adds to a statement is more than PostgreSQL takes for it (docs/decisions/0341). A transaction's
statements are sent without waiting for those before them: only one whose rows are looked at is waited for, and the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from operator import itemgetter
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Dialect, Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection

from leanpix.domain.errors import OutcomeUnknownError, StoreUnavailableError
from leanpix.stores.sql.compiled import Compiler, first_column, only
from leanpix.stores.sql.connections import SqlRow, Statement, Values

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
_NOT_HAD = (*_AWAY, DBAPIError, PoolTimeoutError)
_COMPILER = Compiler(PGDialect_psycopg(paramstyle="pyformat"))  # type: ignore[no-untyped-call] # the library's own
_UNFINISHED = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR})


class PostgresConnections:
    """Connections of an engine's pool, which nobody else uses. Each statement is kept by itself outside a transaction.

    preamble: run first in each transaction. StoreUnavailableError where a connection cannot be had, or is lost.
    """

    def __init__(self, engine: Engine, preamble: LiteralString | None = None) -> None:
        self._engine = engine
        self._begin: tuple[LiteralString, ...] = ("BEGIN",) if preamble is None else ("BEGIN", preamble)

    @contextmanager
    def connected(self, patience_s: float = 0) -> Iterator[PostgresConnection]:
        """A connection to look at things, waited for up to patience_s."""
        pooled = self._taken(patience_s)
        try:
            driver = _driver_of(pooled)
            try:
                yield PostgresConnection(driver)
            finally:
                if driver.closed or driver.info.transaction_status is not TransactionStatus.IDLE:
                    pooled.invalidate()
        except _AWAY as failure:
            raise StoreUnavailableError from failure
        finally:
            pooled.close()

    # Outside a transaction each statement is kept by itself anyway.
    autocommit = connected

    @contextmanager
    def in_transaction(self, patience_s: float = 0) -> Iterator[PostgresConnection]:
        """One in a transaction that is kept when the block ends, and undone when it raises.

        OutcomeUnknownError where the connection is lost while the transaction is committed.
        """
        with self.connected(patience_s) as connection:
            driver = connection.driver
            try:
                with _pipelined(driver) as pipeline:
                    for statement in self._begin:
                        driver.execute(statement)
                    within = PostgresConnection(driver, pipeline.sync)
                    yield within
                    _commit(driver, pipeline, within.behind)
            finally:
                if driver.info.transaction_status in _UNFINISHED:
                    driver.execute("ROLLBACK")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _taken(self, patience_s: float) -> PoolProxiedConnection:
        give_up_at, pause_s = time.monotonic() + patience_s, _FIRST_PAUSE_S
        while True:
            try:
                return self._engine.raw_connection()
            except _NOT_HAD as failure:
                if time.monotonic() + pause_s > give_up_at:
                    raise StoreUnavailableError from failure
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


class PostgresConnection:
    """One connection, as long as somebody has it.

    sync waits for what was sent; without it each statement is waited for. A statement of a transaction whose rows
    nobody looks at fails with a later one, or at the end.
    """

    dialect: Dialect = _COMPILER.dialect

    def __init__(self, driver: psycopg.Connection[Any], sync: Callable[[], None] = lambda: None) -> None:
        self.driver, self._sync = driver, sync
        self.behind: list[Behind] = []

    def execute_behind(self, statement: Statement, values: Values, /) -> Behind:
        """Have a statement run as soon as the transaction is kept, in the same trip; not if it is not kept."""
        compiled = _COMPILER.compiled(statement, tuple(values))
        self.behind.append(Behind(compiled.text, {**compiled.fixed, **values}))
        return self.behind[-1]

    def execute(self, statement: Statement, values: Values | Sequence[Values] | None = None, /) -> PostgresRows:
        """Run a statement, once for each of several sets of values."""
        cursor = self.driver.cursor(row_factory=_rows_of)
        if isinstance(values, Sequence):
            compiled = _COMPILER.compiled(statement, tuple(values[0]))
            cursor.executemany(compiled.text, [{**compiled.fixed, **one} for one in values])
        else:
            compiled = _COMPILER.compiled(statement, tuple(values or ()))
            cursor.execute(compiled.text, {**compiled.fixed, **(values or {})})
        return PostgresRows(cursor, self._sync)

    def scalar(self, statement: Statement, values: Values | None = None, /) -> Any:  # noqa: ANN401 - of several types
        """The first column of the first row, or None."""
        return first_column(self.execute(statement, values).first())

    def scalars(self, statement: Statement, values: Values | None = None, /) -> Iterator[Any]:
        """The first column of each row."""
        return (row[0] for row in self.execute(statement, values))


class Behind:
    """A statement that runs behind its transaction. Its truth: it has run."""

    __slots__ = ("_has_run", "_text", "_values")

    def __init__(self, text: str, values: Values) -> None:
        self._text, self._values, self._has_run = text, values, False

    def __bool__(self) -> bool:
        """Whether it has run."""
        return self._has_run

    def send(self, driver: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
        """Send it; what comes back is not waited for."""
        return driver.execute(self._text, self._values)

    def ran(self) -> None:
        """It has."""
        self._has_run = True


class PostgresRows:
    """What a statement gave, waited for when it is looked at."""

    def __init__(self, cursor: psycopg.Cursor[SqlRow], sync: Callable[[], None]) -> None:
        self._cursor, self._sync = cursor, sync
        self._rows: list[SqlRow] | None = None

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        if self._cursor.pgresult is None:
            self._sync()
        return self._cursor.rowcount

    def first(self) -> SqlRow | None:
        """The first row, or None."""
        return next(iter(self._all()), None)

    def one(self) -> SqlRow:
        """The only row; NoResultFound, MultipleResultsFound."""
        return only(self._all())

    def scalar_one(self) -> Any:  # noqa: ANN401 - column values of several types
        """The only row's first column; raises as above."""
        return self.one()[0]

    def __iter__(self) -> Iterator[SqlRow]:
        """Each row."""
        return iter(self._all())

    def _all(self) -> list[SqlRow]:
        if self._rows is None:
            if self._cursor.pgresult is None:
                self._sync()
            self._rows = self._cursor.fetchall()
        return self._rows


@contextmanager
def _pipelined(driver: psycopg.Connection[Any]) -> Iterator[psycopg.Pipeline]:
    """The driver's pipeline; where the block raises its end says nothing more of a connection that is lost."""
    pipelined = driver.pipeline()
    pipeline = pipelined.__enter__()
    try:
        yield pipeline
    except BaseException:
        with suppress(psycopg.Error):
            pipelined.__exit__(None, None, None)
        raise
    pipelined.__exit__(None, None, None)


def _commit(driver: psycopg.Connection[Any], pipeline: psycopg.Pipeline, behind: Sequence[Behind]) -> None:
    """Keep the transaction, and run what is to be run behind it. What fails there undoes nothing, and is not raised."""
    kept: psycopg.Cursor[Any] | None = None
    try:
        kept = driver.execute("COMMIT")  # it may be sent, and fail by what comes back of a statement before it
        for statement in behind:
            statement.send(driver)
        pipeline.sync()
    except _AWAY as failure:
        if not _is_kept(kept):
            raise OutcomeUnknownError from failure
        return
    except psycopg.Error:
        if not _is_kept(kept):
            raise
        return
    for statement in behind:
        statement.ran()


def _is_kept(commit: psycopg.Cursor[Any] | None) -> bool:
    return commit is not None and commit.pgresult is not None and commit.statusmessage == "COMMIT"


def _driver_of(pooled: PoolProxiedConnection) -> psycopg.Connection[Any]:
    driver = pooled.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("a pool of other connections than psycopg's")
    if not driver.autocommit:  # once each: the transactions here are said in words
        driver.autocommit = True
    return driver


def _rows_of(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], SqlRow]:
    """Makes rows whose columns are their attributes."""
    columns = () if cursor.description is None else tuple(column.name for column in cursor.description)
    return _row_type(columns)


@lru_cache(maxsize=256)
def _row_type(columns: tuple[str, ...]) -> Callable[[Sequence[Any]], SqlRow]:
    """The first of several columns of one name is the one that has it."""
    names = {name: property(itemgetter(number)) for number, name in reversed(list(enumerate(columns)))}
    return type("PostgresRow", (tuple,), {"__slots__": (), **names})
