"""Delivery on one machine: the task table itself is the queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from threading import BoundedSemaphore, Event, RLock, Semaphore

from leanpix.domain.task import QueueEntry
from leanpix.queues.signals import LocalSignals
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.service.ports import Clock, Database, Tasks

_POLL_S = 1.0
# Beside the slots: tasks whose pictures are done, and that are being stored and recorded. That is a wait for the disk.
_MOST_RECORDED = 16


class EmbeddedTaskQueue:
    """Reads waiting ids from the table whenever there is a free slot, woken by a signal or once a second.

    A look at the table tells whether there was more to be had; where there was not, the next one waits for a signal, or
    for a task that is offered by who has just accepted it: with nothing before it in the line it needs no look.
    """

    def __init__(
        self,
        database: Database,
        signals: LocalSignals,
        on_error: Callable[[BaseException], None],
        monotonic: Clock = time.monotonic,
        *,
        holder: str = "",
    ) -> None:
        self._database, self._signals, self._on_error, self._monotonic = database, signals, on_error, monotonic
        self._holder = holder
        self._stopped, self._failed = Event(), Event()
        self._in_hand = TenantSlots(1, monotonic)
        self._free: Semaphore = BoundedSemaphore(1)
        self._has_more = True
        self._lock: AbstractContextManager[object] = RLock()  # a task may be over before `offer` has let go of it
        self._begin: Callable[[str], object] = _nowhere

    def run(self, handle: Callable[[str], bool], *, concurrency: int, spare: int = 0) -> None:
        """Call `handle(task_id)` in up to `concurrency` threads, and `spare` more, until `stop`."""
        self._free = slots = BoundedSemaphore(concurrency + spare)
        self._in_hand = TenantSlots(concurrency, self._monotonic, spare)
        most = concurrency + spare + _MOST_RECORDED
        with ThreadPoolExecutor(most, thread_name_prefix="task") as threads, self._signals.offered_to(self.offer):
            self._begin = lambda task_id: threads.submit(handle, task_id).add_done_callback(
                partial(self._done, task_id)
            )
            while not self._stopped.is_set():
                if not slots.acquire(timeout=_POLL_S) or self._stopped.is_set():
                    continue
                self._rest_after_failure()
                task_id = self._next()
                if task_id is None:
                    slots.release()
                else:
                    self._begin(task_id)
                if task_id is None or not self._has_more:
                    self._wait()
            with self._lock:  # no offer is halfway when the threads are told to end
                self._begin = _nowhere

    def offer(self, entry: QueueEntry) -> bool:
        """Deliver a task that waits, where it is the next in line and a slot is free; False where it has to wait.

        Whatever else is known to wait, or was signalled and not looked for yet, comes first, by its own order.
        """
        with self._lock:
            if self._stopped.is_set() or self._failed.is_set() or self._has_more or self._signals.work.is_set():
                return False
            if entry.task_id in self._in_hand or not self._in_hand.may_take(entry.key_id):
                return False
            if not self._free.acquire(blocking=False):
                return False
            self._in_hand.take(entry.task_id, entry.key_id)
            self._begin(entry.task_id)
        return True

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopped.set()
        self._signals.work.set()

    def free(self, task_id: str) -> None:
        """The task needs its slot no more; another may have it, while this one is stored and recorded."""
        with self._lock:
            if task_id not in self._in_hand:
                return
            self._in_hand.end(task_id)
            has_more = self._has_more
        self._free.release()
        if has_more:
            self._signals.work.set()

    def _next(self) -> str | None:
        try:
            with self._database.reading() as view, self._lock:
                return self._taken(view.tasks)
        except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the worker
            self._on_error(failure)
            return None

    def _taken(self, tasks: Tasks) -> str | None:
        """The task whose turn it is, unless its key has to leave the last slot to another."""
        ready = tasks.ready(len(self._in_hand) + 2, self._holder)
        fresh = next((turn for turn in ready if turn.task_id not in self._in_hand), None)
        if fresh is None or not self._in_hand.may_take(fresh.key_id):
            self._has_more = bool(ready)  # held back, or handed back by a thread that has not ended yet
            return None
        self._has_more = len(ready) > 1
        self._in_hand.take(fresh.task_id, fresh.key_id)
        return fresh.task_id

    def _rest_after_failure(self) -> None:
        """A store that is away fails the same task again at once: once a second is often enough to try."""
        if self._failed.is_set():
            self._failed.clear()
            self._stopped.wait(_POLL_S)

    def _wait(self) -> None:
        self._signals.work.wait(_POLL_S)
        if not self._stopped.is_set():
            with self._lock:
                self._has_more = True  # as far as is known: the look that follows will tell
                self._signals.work.clear()

    def _done(self, task_id: str, done: Future[bool]) -> None:
        failure = done.exception()
        if failure is not None:
            self._failed.set()
            self._on_error(failure)
        self.free(task_id)
        if failure is not None:
            self._signals.work.set()


def _nowhere(task_id: str) -> None:
    raise RuntimeError(f"task {task_id} was delivered to a queue that does not run")
