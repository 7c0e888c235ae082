"""The worker: takes deliveries, executes, shows that it is alive, and keeps house."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock, Thread

from leanpix.domain.task import FencingToken
from leanpix.service.cancel import Cancel
from leanpix.service.execute import Execute
from leanpix.service.maintain import Reaper, Sweeper
from leanpix.service.ports import Clock, TaskQueue
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.heartbeats import Heartbeats
from leanpix.worker.source_fetcher import SourceFetcher

_SWEEP_EVERY_S = 10.0
_SWEEP_ON_S = 0.1
_FILES_EVERY_S = 600.0
_REVOKED_EVERY_S = 0.4
_ALLOWED_LOOK_S = 0.5  # how late a stop may be noticed by a worker that may take nothing


@dataclass(slots=True)
class Worker:
    """One worker process's threads. `stopping` is the event that Execute looks at too.

    spare: tasks taken beside `concurrency`, of keys that have none under way. wait_until_allowed waits up to so many
    seconds until tasks may be taken, and says whether they may.
    """

    make_deliveries: Callable[[], TaskQueue]
    execute: Execute
    sources: SourceFetcher
    heartbeats: Heartbeats
    pool: CompressorPool
    concurrency: int
    spare: int
    grace_s: float
    stopping: Event
    wait_until_allowed: Callable[[float], bool] = lambda _seconds: True
    _threads: list[Thread] = field(default_factory=list)
    _deliveries: TaskQueue | None = None
    _takes_no_more: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def start(self) -> None:
        """Start the child processes and the threads."""
        self.pool.start()
        self.heartbeats.give_up += [self.execute.give_up, self.sources.fetch.give_up]
        loops: dict[str, Callable[[], object]] = {
            "deliveries": self._deliver,
            "sources": self.sources.run,
            "heartbeat": partial(self.heartbeats.run, self.stopping),
            "progress": self.execute.progress.run,
        }
        for name, target in loops.items():
            thread = Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def is_alive(self) -> bool:
        """Whether each of the threads works on; what a store that is away fails does not end one."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Take nothing new, let what runs finish within the grace, hand the rest back."""
        self._takes_no_more.set()
        self.pause()
        self.sources.stop()
        self._threads[0].join(self.grace_s)
        self.stopping.set()
        self.execute.promise_held()
        self.sources.hand_back()
        self.execute.progress.stop()
        self.pool.close()
        for thread in self._threads:
            thread.join(self.heartbeats.interval_s + 1)

    def pause(self) -> None:
        """Take nothing new before it is allowed again; what is in hand goes on."""
        with self._lock:
            if self._deliveries is not None:
                self._deliveries.stop()

    def free(self, task_id: str) -> None:
        """The task needs its slot no more, though it is not recorded yet."""
        with self._lock:
            deliveries = self._deliveries
        if deliveries is not None:
            deliveries.free(task_id)

    def _deliver(self) -> None:
        while not self._takes_no_more.is_set():
            if not self.wait_until_allowed(_ALLOWED_LOOK_S):
                continue
            with self._lock:
                self._deliveries = self.make_deliveries()
            if self._takes_no_more.is_set() or not self.wait_until_allowed(0):
                self.pause()  # it was told so while there was nothing to pause
            self._deliveries.run(self._handle, concurrency=self.concurrency, spare=self.spare)

    def _handle(self, task_id: str) -> bool:
        claimed = False

        with self.heartbeats.shown() as show:

            def on_claim(fence: FencingToken) -> None:
                nonlocal claimed
                claimed = True
                show(fence)

            self.execute(task_id, on_claim)
        return claimed


@dataclass(slots=True)
class Housekeeping:
    """Threads that reap and mend the queue, end what is of revoked keys, and sweep: a slow store delays no handing on.

    Every process may run them, they do not get in each other's way. mend_queue delivers again what was handed to
    workers that are gone; watch_disk tells of one that fills up.
    """

    reaper: Reaper
    sweeper: Sweeper
    cancel: Cancel
    mend_queue: Callable[[], object]
    watch_disk: Callable[[], object]
    interval_s: float
    monotonic: Clock
    on_error: Callable[[BaseException], None]
    _stopped: Event = field(default_factory=Event)

    def start(self) -> None:
        """Start the threads."""
        for name, target in (("reaper", self._reap), ("revocations", self._revoke), ("sweeper", self._sweep)):
            Thread(target=target, name=name, daemon=True).start()

    def stop(self) -> None:
        """End the threads at their next turn."""
        self._stopped.set()

    def _reap(self) -> None:
        while not self._stopped.wait(self.interval_s):
            _guarded(self.reaper.sweep, self.on_error)
            _guarded(self.mend_queue, self.on_error)
            _guarded(self.watch_disk, self.on_error)

    def _revoke(self) -> None:
        while not self._stopped.wait(_REVOKED_EVERY_S):
            _guarded(self.cancel.enforce_revocations, self.on_error)

    def _sweep(self) -> None:
        next_files = self.monotonic()
        pause_s = min(self.interval_s, _SWEEP_EVERY_S)  # the first time early: it finds what the last stop left
        while not self._stopped.wait(pause_s):
            _guarded(self.sweeper.sweep, self.on_error)
            pause_s = _SWEEP_ON_S if self.sweeper.has_more else _SWEEP_EVERY_S
            if self.monotonic() >= next_files:
                next_files = self.monotonic() + _FILES_EVERY_S
                _guarded(self.sweeper.sweep_files, self.on_error)


def _guarded(step: Callable[[], object], on_error: Callable[[BaseException], None]) -> None:
    try:
        step()
    except Exception as failure:  # noqa: BLE001 - a store that is briefly away must not end the thread
        on_error(failure)
