"""Slots of one worker of many for tasks that its own process accepts: they begin at once, without a delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock, Semaphore

from leanpix.domain.task import QueueEntry
from leanpix.queues.fair_scheduler import FairScheduler
from leanpix.queues.kept_place import KeptPlace


@dataclass(slots=True)
class SharedPlaces:
    """Places beside the slots that ask for jobs, as many together as there are slots. Thread-safe.

    free: one for each slot; whoever asks for a job has one until the job is done. start runs a call in a thread.
    """

    turns: FairScheduler
    free: Semaphore
    start: Callable[[Callable[[], None]], object]
    on_error: Callable[[BaseException], None]
    _kept: int = 0  # and not begun or given back yet
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_kept(self) -> bool:
        """Whether a place is kept: for no longer than a transaction takes."""
        with self._lock:
            return self._kept > 0

    def place(self, entry: QueueEntry) -> KeptPlace | None:
        """A free slot for the next in line, which is about to be accepted; None where there is none."""
        if not self.free.acquire(blocking=False):
            return None
        with self._lock:
            self._kept += 1
        if not self.turns.take(entry):
            self._free()
            return None
        return KeptPlace(partial(self.begin, entry), partial(self.give_back, entry))

    def may_begin(self, entry: QueueEntry) -> bool:
        """False: what waits is heard of by its job."""
        del entry
        return False

    def begin(self, entry: QueueEntry) -> None:
        """Handle the task that has a place."""
        self.start(partial(self._handle, entry))
        with self._lock:
            self._kept -= 1

    def give_back(self, entry: QueueEntry) -> None:
        """The place is not needed: its task was not accepted."""
        self.turns.drop(entry)
        self._free()

    def _free(self) -> None:
        with self._lock:
            self._kept -= 1
        self.free.release()

    def _handle(self, entry: QueueEntry) -> None:
        try:
            self.turns.handled(entry)
        except Exception as failure:  # noqa: BLE001 - it is told; the task has ended, or the reaper hands it on
            self.on_error(failure)
        finally:
            self.free.release()
