"""Points in time that nested steps share: an inner limit never outlasts the outer one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from leanpix.fetching.refusal import FetchError, FetchRefusal

Clock = Callable[[], float]


class Deadline:
    """A moment on a monotonic clock (seconds), and what is being waited for until then."""

    def __init__(self, clock: Clock, moment: float, waits_for: str) -> None:
        self._clock, self._moment, self._waits_for = clock, moment, waits_for

    @classmethod
    def after(cls, clock: Clock, seconds: float, waits_for: str) -> Self:
        """A deadline that many seconds from now."""
        return cls(clock, clock() + seconds, waits_for)

    def within(self, seconds: float, waits_for: str, *, since: float | None = None) -> Deadline:
        """The earlier of this deadline and `seconds` after `since` (default: now)."""
        moment = (self._clock() if since is None else since) + seconds
        return self if moment >= self._moment else Deadline(self._clock, moment, waits_for)

    def now(self) -> float:
        """The clock's reading."""
        return self._clock()

    def remaining_s(self) -> float:
        """Seconds left, above 0. Raises FetchError (source_timeout) when there are none."""
        left = self._moment - self._clock()
        if left <= 0:
            raise self.expired()
        return left

    def expired(self) -> FetchError:
        """The error for a wait that reached this deadline."""
        return FetchError(FetchRefusal.SOURCE_TIMEOUT, f"no time left for {self._waits_for}")
