"""Exact request rates in a shared database: the generic cell rate algorithm as one conditional upsert."""

from __future__ import annotations

from sqlalchemy import TextClause, text

from leanpix.domain.account import RateBucket
from leanpix.stores.sql.connections import Connections, SqlRow

# Nodes have to read one clock, or one that runs ahead would use up everybody's rate: PostgreSQL's, read once the
# row is locked.
_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
# A request is allowed when the theoretical arrival time lies at most one burst ahead of now. An arrival further
# ahead than any request can have put it comes from a clock that was set back: it counts as now.
_TAKE = """
    INSERT INTO rates (key_id, bucket, arrival) VALUES (:key_id, :bucket, {now} + :interval)
    ON CONFLICT (key_id, bucket) DO UPDATE SET arrival = :interval + CASE
        WHEN rates.arrival < {now} OR rates.arrival > {now} + :burst + 60 THEN {now} ELSE rates.arrival END
    WHERE rates.arrival <= {now} + :burst - :interval + 1e-6 OR rates.arrival > {now} + :burst + 60
    RETURNING arrival
"""
_AND_OWED = """, (
        SELECT budget.arrival - {now} FROM rates AS budget WHERE budget.key_id = :key_id AND budget.bucket = :budget
    ) AS owed
"""
# What was spent lies ahead of now as the time that the budget takes to grow by it.
_SPEND = """
    INSERT INTO rates (key_id, bucket, arrival) VALUES (:key_id, :bucket, {now} + :interval)
    ON CONFLICT (key_id, bucket) DO UPDATE SET arrival = :interval + CASE
        WHEN rates.arrival < {now} OR rates.arrival > {now} + :furthest THEN {now} ELSE rates.arrival END
"""
_AHEAD = "SELECT arrival - {now} FROM rates WHERE key_id = :key_id AND bucket = :bucket"
_BURST_S = 1.0
_SHORTEST_WAIT_S = 0.001
# More than this nobody owes: it comes from a clock that was set back.
FURTHEST_OWED_S = 3600.0


class Rate:
    """So many requests a second, a second's worth of them at once, or one where that is longer."""

    def __init__(self, per_s: float) -> None:
        self.interval_s = 1.0 / per_s
        self.burst_s = max(_BURST_S, self.interval_s)

    def values(self, key_id: str, bucket: RateBucket) -> dict[str, str | float]:
        """What the statements ask for."""
        return {"key_id": key_id, "bucket": bucket.value, "interval": self.interval_s, "burst": self.burst_s}

    def wait_s(self, ahead_s: float) -> float:
        """How long a refused request has to wait when the next arrival lies so far ahead."""
        return max(ahead_s - self.burst_s + self.interval_s, _SHORTEST_WAIT_S)


class SqlRateLimits:
    """Rates per key and bucket of several nodes, by their database's clock."""

    waits = True

    def __init__(self, connections: Connections, *, patience_s: float = 0) -> None:
        self._connections, self._patience_s = connections, patience_s
        self._take, self._take_and_look, self._ahead, self._spend = (
            text(sql.format(now=_NOW)) for sql in (_TAKE, _TAKE + _AND_OWED, _AHEAD, _SPEND)
        )

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""
        rate = Rate(per_s)
        return self._taken(self._take, rate, rate.values(key_id, bucket))[0]

    def take_and_owed(self, key_id: str, bucket: RateBucket, per_s: float, budget: RateBucket) -> tuple[float, float]:
        """The same, and what is owed of a budget; nothing of it for a refused request."""
        rate = Rate(per_s)
        values = {**rate.values(key_id, bucket), "budget": budget.value}
        wait_s, row = self._taken(self._take_and_look, rate, values)
        return wait_s, 0.0 if row is None else _owed_s(row.owed)

    def spend(self, key_id: str, bucket: RateBucket, amount: float, per_s: float) -> None:
        """Count what was used of a budget that grows by per_s a second."""
        interval_s = min(amount / per_s, FURTHEST_OWED_S / 2)
        values = {"key_id": key_id, "bucket": bucket.value, "interval": interval_s, "furthest": FURTHEST_OWED_S}
        with self._connections.autocommit(self._patience_s) as connection:
            connection.execute(self._spend, values)

    def owed_s(self, key_id: str, bucket: RateBucket) -> float:
        """How long the budget has to grow until what was spent of it is made up for."""
        values = {"key_id": key_id, "bucket": bucket.value}
        with self._connections.autocommit(self._patience_s) as connection:
            ahead_s = connection.scalar(self._ahead, values)
        return _owed_s(ahead_s)

    def _taken(self, take: TextClause, rate: Rate, values: dict[str, str | float]) -> tuple[float, SqlRow | None]:
        """How long to wait, and the row of what was taken, or None."""
        with self._connections.autocommit(self._patience_s) as connection:
            row = connection.execute(take, values).first()
            if row is not None:
                return 0.0, row
            place = {name: values[name] for name in ("key_id", "bucket")}
            ahead_s = float(connection.execute(self._ahead, place).scalar_one())
        return rate.wait_s(ahead_s), None


def _owed_s(ahead_s: float | None) -> float:
    return 0.0 if ahead_s is None or ahead_s > FURTHEST_OWED_S else max(float(ahead_s), 0.0)
