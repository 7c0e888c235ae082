"""Exact request rates of the only process there is, in its memory."""

from __future__ import annotations

from threading import Lock

from leanpix.domain.account import RateBucket
from leanpix.service.ports import Clock
from leanpix.stores.sql.rate_limits import FURTHEST_OWED_S, Rate

_ROUNDING_S = 1e-6


class ProcessRateLimits:
    """Rates per key and bucket, by the generic cell rate algorithm; a second's worth of requests may come at once.

    Thread-safe. now gives monotonic seconds. What was used is forgotten with the process.
    """

    waits = False

    def __init__(self, now: Clock) -> None:
        self._now, self._lock = now, Lock()
        self._arrivals: dict[tuple[str, RateBucket], float] = {}  # the theoretical arrival time of the next request

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""
        rate, place = Rate(per_s), (key_id, bucket)
        with self._lock:
            now_s = self._now()
            arrival_s = max(self._arrivals.get(place, now_s), now_s)
            if arrival_s > now_s + rate.burst_s - rate.interval_s + _ROUNDING_S:
                return rate.wait_s(arrival_s - now_s)
            self._arrivals[place] = arrival_s + rate.interval_s
        return 0.0

    def take_and_owed(self, key_id: str, bucket: RateBucket, per_s: float, budget: RateBucket) -> tuple[float, float]:
        """The same, and what is owed of a budget; nothing of it for a refused request."""
        wait_s = self.take(key_id, bucket, per_s)
        return wait_s, 0.0 if wait_s else self.owed_s(key_id, budget)

    def spend(self, key_id: str, bucket: RateBucket, amount: float, per_s: float) -> None:
        """Count what was used of a budget that grows by per_s a second."""
        place = key_id, bucket
        with self._lock:
            now_s = self._now()
            spent_s = max(self._arrivals.get(place, now_s), now_s) + amount / per_s
            self._arrivals[place] = min(spent_s, now_s + FURTHEST_OWED_S)

    def owed_s(self, key_id: str, bucket: RateBucket) -> float:
        """How long the budget has to grow until what was spent of it is made up for."""
        with self._lock:
            now_s = self._now()
            return max(0.0, self._arrivals.get((key_id, bucket), now_s) - now_s)
