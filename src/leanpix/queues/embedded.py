"""Delivery on one machine: the task table itself is the queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from threading import BoundedSemaphore, Event, RLock, Semaphore

from leanpix.domain.task import QueueEntry
from leanpix.queues.kept_place import KeptPlace
from leanpix.queues.signals import LocalSignals
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.service.ports import Clock, Database, Tasks

_POLL_S = 1.0
_PLACED_S = 0.01
# Beside the slots: tasks whose pictures are done, and that are being stored and recorded. That is a wait for the disk.
_MOST_RECORDED = 16


class EmbeddedTaskQueue:
    """Reads waiting ids from the table whenever there is a free slot, woken by a signal or once a second.

    A look at the table tells whether there was more to be had; where there was not, the next one waits for a signal.
    Meanwhile who is about to accept a task may have a place for it: with nothing before it in the line it needs no
    look, and is claimed where it is accepted.
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
        self._has_more = self._looks_on = True
        self._lock: AbstractContextManager[object] = RLock()
        self._begin: Callable[[str], object] = _nowhere
        self._places = 0  # kept, and not begun or given back yet

    def run(self, handle: Callable[[str], bool], *, concurrency: int, spare: int = 0) -> None:
        """Call `handle(task_id)` in up to `concurrency` threads, and `spare` more, until `stop`."""
        self._free = slots = BoundedSemaphore(concurrency + spare)
        self._in_hand = TenantSlots(concurrency, self._monotonic, spare)
        most = concurrency + spare + _MOST_RECORDED
        with ThreadPoolExecutor(most, thread_name_prefix="task") as threads, self._signals.served_by(self):
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
                if not self._looks_on:
                    self._wait()
            while self._has_places():  # no long wait: a place is kept for the time of one transaction
                time.sleep(_PLACED_S)
            self._begin = _nowhere

    def place(self, entry: QueueEntry) -> KeptPlace | None:
        """A free slot for a task that is about to be accepted, where it would be the next in line.

        Whatever else is known to wait, or was signalled and not looked for yet, comes first, by its own order.
        """
        with self._lock:
            if self._failed.is_set() or self._has_more or self._signals.work.is_set():
                return None
            if self._stopped.is_set() or not self._in_hand.may_take(entry.key_id):
                return None
            if not self._free.acquire(blocking=False):
                return None
            self._places += 1
            self._in_hand.take(entry.task_id, entry.key_id)
        return KeptPlace(partial(self.begin, entry.task_id), partial(self.give_back, entry.task_id))

    def may_begin(self, entry: QueueEntry) -> bool:
        """Whether the table has to be looked at for a task that waits: where its key may have a slot now.

        Where it may not, the next slot that becomes free is looked for.
        """
        with self._lock:
            self._has_more = True
            return self._in_hand.may_take(entry.key_id)

    def begin(self, task_id: str) -> None:
        """Deliver the task that has a place."""
        try:
            self._begin(task_id)
        finally:
            with self._lock:
                self._places -= 1

    def give_back(self, task_id: str) -> None:
        """The place is not needed: its task was not accepted."""
        with self._lock:
            self._in_hand.drop(task_id)
            self._places -= 1
        self._free.release()
        self._signals.work.set()  # something may have come that found no slot

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

    def _has_places(self) -> bool:
        with self._lock:
            return self._places > 0

    def _next(self) -> str | None:
        try:
            with self._database.reading() as view, self._lock:
                return self._taken(view.tasks)
        except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the worker
            self._on_error(failure)
            self._looks_on = False
            return None

    def _taken(self, tasks: Tasks) -> str | None:
        """The task whose turn it is, unless its key has to leave the last slot to another."""
        ready = tasks.ready(len(self._in_hand) + 2, self._holder)
        fresh = [turn for turn in ready if turn.task_id not in self._in_hand]
        if not fresh or not self._in_hand.may_take(fresh[0].key_id):
            self._has_more = bool(ready)  # held back, or handed back by a thread that has not ended yet
            self._looks_on = False
            return None
        self._has_more = len(ready) > 1
        self._in_hand.take(fresh[0].task_id, fresh[0].key_id)
        self._looks_on = len(fresh) > 1 and self._in_hand.may_take(fresh[1].key_id)
        return fresh[0].task_id

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
