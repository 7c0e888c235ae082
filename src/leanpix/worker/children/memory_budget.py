"""The memory that pictures under way share: a picture waits until what it may take is free."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.worker.settings import MIB

_PATIENCE_S = 5.0
"""A picture that fits may go before larger ones that wait, until the first of them has waited for so long."""


class MemoryBudget:
    """A number of bytes, taken and given back. Thread-safe.

    One that needs more than there is gets all of it, and so runs alone. monotonic gives seconds.
    """

    def __init__(self, total_bytes: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._total, self._monotonic = total_bytes, monotonic
        self._used = 0
        self._waiting: deque[_Place] = deque()
        self._lock = threading.RLock()  # by itself: a condition is entered by two more calls
        self._changed = threading.Condition(self._lock)
        self._closing = False

    @contextmanager
    def taken(self, wanted_bytes: int, timeout_s: float) -> Iterator[None]:
        """Wait for the memory, hold it for the block.

        TaskFailure: NO_RESOURCES when it was not free in time, CANCELLED by close().
        """
        needed = min(wanted_bytes, self._total)
        self._take(needed, timeout_s)
        try:
            yield
        finally:
            self.give_back(needed)

    def take_at_once(self, wanted_bytes: int) -> bool:
        """Take so many bytes until `give_back`; False where they are not free, or others wait for theirs."""
        with self._lock:
            is_free = not self._waiting and not self._closing and self._used + wanted_bytes <= self._total
            self._used += wanted_bytes if is_free else 0
        return is_free

    def give_back(self, taken_bytes: int) -> None:
        """So many bytes are free again."""
        with self._lock:
            self._used -= taken_bytes
            if self._waiting:
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._lock:
            self._closing = True
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return len(self._waiting)

    @property
    def description(self) -> str:
        """What is reserved and who waits, as a sentence for a log line."""
        return f"{self._used // MIB} of {self._total // MIB} MB promised to pictures, {self.waiting} waiting"

    def _take(self, needed: int, timeout_s: float) -> None:
        with self._lock:
            if self.take_at_once(needed):
                return
            place = _Place(needed, self._monotonic())
            self._waiting.append(place)
            try:
                granted = self._changed.wait_for(lambda: self._closing or self._may_go(place), timeout_s)
                if self._closing or not granted:
                    raise TaskFailure(TaskState.CANCELLED if self._closing else TaskState.NO_RESOURCES)
                self._used += needed
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def _may_go(self, place: _Place) -> bool:
        if self._used + place.needed > self._total:
            return False
        first = self._waiting[0]
        return place is first or self._monotonic() - first.since_s < _PATIENCE_S


class _Place:
    """A place in the queue; compared by identity."""

    __slots__ = ("needed", "since_s")

    def __init__(self, needed: int, since_s: float) -> None:
        self.needed, self.since_s = needed, since_s
