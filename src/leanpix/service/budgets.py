"""What one key may use of the machine: processor seconds by the minute."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

from leanpix.domain.account import RateBucket
from leanpix.domain.errors import RateLimitedError, StoreUnavailableError
from leanpix.service.ports import RateLimits

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class CpuBudget:
    """Processor seconds per key and minute, over all workers that share the rates. 0: without a bound.

    What a picture took is known when it has ended: a key may go over its budget by what it has under way, and then
    waits until the minutes have made up for it.
    """

    rates: RateLimits
    seconds_a_minute: float

    def spend(self, key_id: str, cpu_s: float) -> None:
        """Count what a picture of the key took."""
        if self.is_bounded and cpu_s > 0:
            with suppress(StoreUnavailableError):  # a count that is lost harms nobody
                self.rates.spend(key_id, RateBucket.CPU, cpu_s, self.seconds_a_minute / _MINUTE_S)

    def wait_s(self, key_id: str) -> float:
        """Seconds until the key is within its budget again; 0.0 where it is."""
        return max(0.0, self.rates.owed_s(key_id, RateBucket.CPU) - _MINUTE_S) if self.is_bounded else 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether there is a budget."""
        return self.seconds_a_minute > 0

    def check(self, owed_s: float) -> None:
        """RateLimitedError where the budget is used up. owed_s: as the rates have it."""
        wait_s = owed_s - _MINUTE_S
        if wait_s > 0:
            budget = f"{self.seconds_a_minute:g} processor seconds a minute"
            raise RateLimitedError(
                f"HTTP 429: this key's pictures have used up its budget of {budget}; try again in "
                f"{math.ceil(wait_s)} s, or send fewer or smaller pictures",
                wait_s,
            )
