"""Exact request rates in a SQLite file of their own, for the processes of one machine.

Every poll passes here, and what SQLAlchemy adds to a statement is ten times what this one takes: the driver is used
as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from leanpix.domain.account import RateBucket
from leanpix.domain.errors import StoreUnavailableError
from leanpix.service.ports import Clock
from leanpix.stores.sql.rate_limits import Rate, ahead_statement, owed, spend_statement, spent_values, take_statement
from leanpix.stores.sql.tables import rates

_BUSY_S = 30
_PASSED_NOW = ":now"
_TAKE, _AHEAD = take_statement(_PASSED_NOW), ahead_statement(_PASSED_NOW)
_SPEND = spend_statement(_PASSED_NOW)


class SqliteRateLimits:
    """Rates per key and bucket; a second's worth of requests may come at once. now gives Unix seconds.

    The file never waits for the disk, for one that a power cut loses does no harm. It cannot be the tasks' file: a
    connection that does not wait would also write back others' pages without waiting.
    """

    def __init__(self, path: Path, now: Clock) -> None:
        self._now, self._lock = now, Lock()
        self._connection = _usable(path)

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""
        rate = Rate(per_s)
        values = {**rate.values(key_id, bucket), "now": self._now()}
        with self._lock:  # a connection of its own for each thread would wait for the others' by sleeping
            if self._first(_TAKE, values) is not None:
                return 0.0
            ahead = self._first(_AHEAD, values)
        return rate.wait_s(ahead or 0.0)

    def spend(self, key_id: str, bucket: RateBucket, amount: float, per_s: float) -> None:
        """Count what was used of a budget that grows by per_s a second."""
        with self._lock:
            self._first(_SPEND, {**spent_values(key_id, bucket, amount, per_s), "now": self._now()})

    def owed_s(self, key_id: str, bucket: RateBucket) -> float:
        """How long the budget has to grow until what was spent of it is made up for."""
        with self._lock:
            ahead_s = self._first(_AHEAD, {"key_id": key_id, "bucket": bucket.value, "now": self._now()})
        return owed(ahead_s)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _first(self, statement: str, values: Mapping[str, str | float]) -> float | None:
        """The first row's only column, or None where there is no row; StoreUnavailableError."""
        try:
            row = self._connection.execute(statement, values).fetchone()
        except sqlite3.OperationalError as failure:
            raise StoreUnavailableError from failure
        return None if row is None else float(row[0])


def _usable(path: Path) -> sqlite3.Connection:
    """A connection to the file, made anew where it is damaged: a second's worth of rates is all that it holds."""
    try:
        return _opened(path)
    except sqlite3.DatabaseError as failure:
        if failure.sqlite_errorcode not in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise
    for part in (path, *(path.with_name(f"{path.name}-{part}") for part in ("wal", "shm"))):
        part.unlink(missing_ok=True)
    return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(str(CreateTable(rates, if_not_exists=True).compile(dialect=sqlite.dialect())))
    except BaseException:
        connection.close()
        raise
    return connection
