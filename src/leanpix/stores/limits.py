"""Exact request rates in a SQL database: the generic cell rate algorithm as one conditional upsert."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from leanpix.domain.account import RateBucket
from leanpix.service.ports import Clock
from leanpix.stores.connecting import connecting
from leanpix.stores.database import sqlite_engine
from leanpix.stores.tables import rates

# Nodes have to read one clock, or one that runs ahead would use up everybody's rate: PostgreSQL's, read once the
# row is locked. On one machine it is that machine's, handed in as a parameter.
_POSTGRES_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
_PASSED_NOW = ":now"
# A request is allowed when the theoretical arrival time lies at most one burst ahead of now. An arrival further
# ahead than any request can have put it comes from a clock that was set back: it counts as now.
_TAKE = """
    INSERT INTO rates (key_id, bucket, arrival) VALUES (:key_id, :bucket, {now} + :interval)
    ON CONFLICT (key_id, bucket) DO UPDATE SET arrival = :interval + CASE
        WHEN rates.arrival < {now} OR rates.arrival > {now} + :burst + 60 THEN {now} ELSE rates.arrival END
    WHERE rates.arrival <= {now} + :burst - :interval + 1e-6 OR rates.arrival > {now} + :burst + 60
    RETURNING arrival
"""
_AHEAD = "SELECT arrival - {now} FROM rates WHERE key_id = :key_id AND bucket = :bucket"
_BURST_S = 1.0
_SHORTEST_WAIT_S = 0.001


class SqlRateLimits:
    """Rates per key and bucket; a second's worth of requests may come at once.

    now gives Unix seconds; None where several nodes share the database, whose clock then counts.
    """

    def __init__(self, engine: Engine, now: Clock | None, *, patience_s: float = 0) -> None:
        self._engine, self._now, self._patience_s = engine, now, patience_s
        clock = _POSTGRES_NOW if now is None else _PASSED_NOW
        self._take, self._ahead = text(_TAKE.format(now=clock)), text(_AHEAD.format(now=clock))

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""
        interval = 1.0 / per_s
        burst = max(_BURST_S, interval)
        place: dict[str, str | float] = {"key_id": key_id, "bucket": bucket.value}
        if self._now is not None:
            place["now"] = self._now()
        with connecting(self._engine, self._patience_s) as connection, connection.begin():
            allowed = connection.execute(self._take, {**place, "interval": interval, "burst": burst}).first()
            if allowed is not None:
                return 0.0
            ahead = float(connection.execute(self._ahead, place).scalar_one())
        return max(ahead - burst + interval, _SHORTEST_WAIT_S)


def sqlite_rates(path: Path) -> Engine:
    """An engine over a file of rates only, that never waits for the disk: one that a power cut loses does no harm.

    It cannot be the tasks' file: a connection that does not wait would also write back others' pages without waiting.
    """
    engine = sqlite_engine(path, "OFF").execution_options(leanpix_begin=None)
    rates.create(engine, checkfirst=True)
    return engine
