"""Exact request rates in a SQL database: the generic cell rate algorithm as one conditional upsert."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from leanpix.domain.account import RateBucket
from leanpix.service.ports import Clock
from leanpix.stores.database import sqlite_engine, unavailable_translated
from leanpix.stores.tables import rates

# A request is allowed when the theoretical arrival time lies at most one burst ahead of now. An arrival further
# ahead than any request can have put it comes from a clock that was set back: it counts as now.
_TAKE = text("""
    INSERT INTO rates (key_id, bucket, arrival) VALUES (:key_id, :bucket, :now + :interval)
    ON CONFLICT (key_id, bucket) DO UPDATE SET arrival = :interval + CASE
        WHEN rates.arrival < :now OR rates.arrival > :now + :burst + 60 THEN :now ELSE rates.arrival END
    WHERE rates.arrival <= :now + :burst - :interval + 1e-6 OR rates.arrival > :now + :burst + 60
    RETURNING arrival
""")
_ARRIVAL = text("SELECT arrival FROM rates WHERE key_id = :key_id AND bucket = :bucket")
_BURST_S = 1.0


class SqlRateLimits:
    """Rates per key and bucket; a second's worth of requests may come at once."""

    def __init__(self, engine: Engine, now: Clock) -> None:
        self._engine, self._now = engine, now

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""
        interval = 1.0 / per_s
        burst, now = max(_BURST_S, interval), self._now()
        place = {"key_id": key_id, "bucket": bucket.value}
        with unavailable_translated(), self._engine.begin() as connection:
            allowed = connection.execute(_TAKE, {**place, "now": now, "interval": interval, "burst": burst}).first()
            if allowed is not None:
                return 0.0
            arrival = float(connection.execute(_ARRIVAL, place).scalar_one())
        return max(arrival - (now + burst - interval), 0.001)


def sqlite_rates(path: Path) -> Engine:
    """An engine over a file of rates only, that never waits for the disk: one that a power cut loses does no harm.

    It cannot be the tasks' file: a connection that does not wait would also write back others' pages without waiting.
    """
    engine = sqlite_engine(path, "OFF").execution_options(leanpix_write=True)
    rates.create(engine, checkfirst=True)
    return engine
