"""Whether a pooler such as pgbouncer stands before PostgreSQL, and what a session is worth behind it.

A pooler of sessions gives each connection a server process of its own, as PostgreSQL does, but takes no options when
one connects. A pooler of transactions gives another one to each transaction: what was set before, or prepared, or
listened for, is somebody else's then. See docs/decisions/0235.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

import psycopg

from leanpix.domain.errors import SetupError, StoreUnavailableError

Connect = Callable[[], psycopg.Connection]

_BACKEND = "SELECT pg_backend_pid()"
_ROUNDS = 10  # of three looks each: another client may have taken a process between any two
_CHANNEL = "leanpix_same_database"
_HEARD_WITHIN_S = 5.0
_PAUSE_S = 0.5


class Pooling(StrEnum):
    """What a connection keeps: its server process for good, directly or through a pooler, or for a transaction."""

    NONE = "none"
    SESSION = "session"
    TRANSACTION = "transaction"

    @property
    def connect_options(self) -> Mapping[str, None]:
        """What libpq's connections need so that nothing they rely on is another's process."""
        return {"prepare_threshold": None} if self is Pooling.TRANSACTION else {}


def pooling_of(connect: Connect, patience_s: float = 0) -> Pooling:
    """What stands before the database; connect gives plain connections, on which each statement is kept by itself.

    SetupError for a pooler of single statements. StoreUnavailableError where the database does not answer.
    """
    with _connected(connect, patience_s) as one:
        # A pooler makes up the number by which a connection is cancelled; PostgreSQL's own is the process's.
        if one.info.backend_pid == _backend(one):
            return Pooling.NONE
        with _connected(connect) as other:
            return Pooling.TRANSACTION if _changes_backends(one, other) else Pooling.SESSION


def hears(listen: Connect, connect: Connect, patience_s: float = 0) -> bool:
    """Whether what is notified on a connection of the second kind arrives at one of the first that listens.

    It does where both lead to one database, and no pooler takes the process away that the first listens by.
    StoreUnavailableError where either does not answer.
    """
    with _connected(listen, patience_s) as listening, _connected(connect) as connection:
        listening.execute(f"LISTEN {_CHANNEL}")
        connection.execute("SELECT pg_notify(%s, '')", [_CHANNEL])
        return bool(list(listening.notifies(timeout=_HEARD_WITHIN_S, stop_after=1)))


def _changes_backends(one: psycopg.Connection, other: psycopg.Connection) -> bool:
    """Whether the first connection's process is another's while it rests, or is not the same the next time."""
    for _ in range(_ROUNDS):
        mine = _backend(one)
        if _backend(one) != mine or _backend_in_transaction(other) == mine:
            return True
    return False


def _backend_in_transaction(connection: psycopg.Connection) -> int:
    try:
        with connection.transaction():
            return _backend(connection)
    except psycopg.errors.ProtocolViolation as failure:
        raise SetupError(
            "the pooler of LEANPIX_DATABASE_URL pools statements and refuses transactions: have it pool sessions or "
            "transactions (pool_mode of pgbouncer)"
        ) from failure


def _backend(connection: psycopg.Connection) -> int:
    [found] = connection.execute(_BACKEND).fetchone() or (0,)
    return int(found)


@contextmanager
def _connected(connect: Connect, patience_s: float = 0) -> Iterator[psycopg.Connection]:
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            connection = connect()
            break
        except psycopg.OperationalError as failure:
            if time.monotonic() + _PAUSE_S > give_up_at:
                raise StoreUnavailableError from failure
        time.sleep(_PAUSE_S)
    try:
        with connection:
            yield connection
    except psycopg.OperationalError as failure:
        raise StoreUnavailableError from failure
