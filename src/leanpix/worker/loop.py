"""The worker: takes deliveries, executes, shows that it is alive, and keeps house."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock, Thread

from leanpix.domain.task import FencingToken
from leanpix.service.execute import Execute
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.service.ports import Clock, Database, TaskQueue
from leanpix.worker.children.pool import CompressorPool

_SWEEP_EVERY_S = 10.0
_FILES_EVERY_S = 600.0


@dataclass(slots=True)
class Worker:
    """One worker process's threads. `stopping` is the event that Execute looks at too."""

    database: Database
    deliveries: TaskQueue
    execute: Execute
    pool: CompressorPool
    concurrency: int
    heartbeat_s: float
    grace_s: float
    stopping: Event
    on_error: Callable[[BaseException], None]
    _alive: set[FencingToken] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the child processes and the threads."""
        self.pool.start()
        loops = {"deliveries": self._deliver, "heartbeat": self._beat, "progress": self.execute.progress.run}
        for name, target in loops.items():
            thread = Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Take nothing new, let what runs finish within the grace, hand the rest back."""
        self.deliveries.stop()
        self._threads[0].join(self.grace_s)
        self.stopping.set()
        self.execute.progress.stop()
        self.pool.close()
        for thread in self._threads:
            thread.join(self.heartbeat_s + 1)

    def _deliver(self) -> None:
        self.deliveries.run(self._handle, concurrency=self.concurrency)

    def _handle(self, task_id: str) -> bool:
        held: list[FencingToken] = []
        try:
            self.execute(task_id, lambda fence: self._hold(fence, held))
        finally:
            with self._lock:
                self._alive.difference_update(held)
        return bool(held)

    def _hold(self, fence: FencingToken, held: list[FencingToken]) -> None:
        held.append(fence)
        with self._lock:
            self._alive.add(fence)

    def _beat(self) -> None:
        while not self.stopping.wait(self.heartbeat_s):
            with self._lock:
                alive = list(self._alive)
            if alive:
                _guarded(partial(self._show, alive), self.on_error)

    def _show(self, alive: list[FencingToken]) -> None:
        with self.database.autocommit() as change:
            change.tasks.beat(alive)


@dataclass(slots=True)
class Housekeeping:
    """Two threads, one that reaps and mends the queue, one that sweeps, so that a slow store delays no handing on.

    Every process may run them, they do not get in each other's way. mend_queue delivers again what was handed to
    workers that are gone; watch_disk tells of one that fills up.
    """

    reaper: Reaper
    sweeper: Sweeper
    mend_queue: Callable[[], object]
    watch_disk: Callable[[], object]
    interval_s: float
    monotonic: Clock
    on_error: Callable[[BaseException], None]
    _stopped: Event = field(default_factory=Event)

    def start(self) -> None:
        """Start the threads."""
        for name, target in (("reaper", self._reap), ("sweeper", self._sweep)):
            Thread(target=target, name=name, daemon=True).start()

    def stop(self) -> None:
        """End the threads at their next turn."""
        self._stopped.set()

    def _reap(self) -> None:
        while not self._stopped.wait(self.interval_s):
            _guarded(self.reaper.sweep, self.on_error)
            _guarded(self.mend_queue, self.on_error)
            _guarded(self.watch_disk, self.on_error)

    def _sweep(self) -> None:
        next_files = self.monotonic()
        pause_s = min(self.interval_s, _SWEEP_EVERY_S)  # the first time early: it finds what the last stop left
        while not self._stopped.wait(pause_s):
            pause_s = _SWEEP_EVERY_S
            _guarded(self.sweeper.sweep, self.on_error)
            if self.monotonic() >= next_files:
                next_files = self.monotonic() + _FILES_EVERY_S
                _guarded(self.sweeper.sweep_files, self.on_error)


def _guarded(step: Callable[[], object], on_error: Callable[[BaseException], None]) -> None:
    try:
        step()
    except Exception as failure:  # noqa: BLE001 - a store that is briefly away must not end the thread
        on_error(failure)
