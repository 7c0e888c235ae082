"""Connections that are waited for, and whose loss has one name whatever the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from leanpix.domain.errors import OutcomeUnknownError, StoreUnavailableError

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


@contextmanager
def connecting(engine: Engine, patience_s: float = 0) -> Iterator[Connection]:
    """A connection, waited for up to patience_s; StoreUnavailableError where it cannot be had, or is lost."""
    try:
        with _connection(engine, patience_s) as connection:
            yield connection
    except _AWAY as failure:
        raise StoreUnavailableError from failure


@contextmanager
def in_transaction(engine: Engine, patience_s: float = 0) -> Iterator[Connection]:
    """A connection as above, in a transaction that is kept when the block ends, and undone when it raises.

    OutcomeUnknownError where the connection is lost while the transaction is committed.
    """
    with connecting(engine, patience_s) as connection, connection.begin() as transaction:
        if connection.dialect.name == "sqlite":
            # A writer takes its lock at once: upgrading a read would fail with "database is locked" without waiting.
            # Not by a listener of the engine: where it has one, every statement looks for listeners of all kinds.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        try:
            transaction.commit()
        except _AWAY as failure:
            raise OutcomeUnknownError from failure


def _connection(engine: Engine, patience_s: float) -> Connection:
    give_up_at, pause_s = time.monotonic() + patience_s, _FIRST_PAUSE_S
    while True:
        try:
            return engine.connect()
        except _AWAY:
            if time.monotonic() + pause_s > give_up_at:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


class EngineConnections:
    """An engine's connections, for a look by whoever does not know which database it is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def connected(self, patience_s: float = 0) -> AbstractContextManager[Connection]:
        """A connection to look at things."""
        return connecting(self._engine, patience_s)

    def autocommit(self, patience_s: float = 0) -> AbstractContextManager[Connection]:
        """A connection on which each statement is kept by itself, where the engine is such a one."""
        return connecting(self._engine, patience_s)

    def in_transaction(self, patience_s: float = 0) -> AbstractContextManager[Connection]:
        """One in a transaction that is kept when the block ends, and undone when it raises."""
        return in_transaction(self._engine, patience_s)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
