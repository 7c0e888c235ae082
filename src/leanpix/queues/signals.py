"""Waking waiters inside one process: routes that wait for a task, a worker that waits for work."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import Protocol

from leanpix.domain.task import QueueEntry, Task
from leanpix.service.ports import Place

# Of so many tasks it is known for a while that they have ended. A signal may overtake whoever accepted the task on
# the way to waiting for it, by a thread or two: far fewer tasks than these end meanwhile.
_REMEMBERED = 1024


End = asyncio.Future[Task | None]


class Line(Protocol):
    """The queue of this process, as those see it who accept tasks."""

    def place(self, entry: QueueEntry) -> Place | None:
        """A slot for a task that is about to be accepted; None where it has to wait."""

    def may_begin(self, entry: QueueEntry) -> bool:
        """Whether a task that waits may have a slot now; where it may not, one that becomes free is looked for."""


class LocalSignals:
    """Crosses from worker threads to event loops. Waiters poll as well: a signal may be lost between machines."""

    def __init__(self) -> None:
        self.work, self.addresses = Event(), Event()
        self._line: Line | None = None
        self._lock = Lock()
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, End]]] = defaultdict(list)
        self._ended: OrderedDict[str, Task | None] = OrderedDict()

    @contextmanager
    def served_by(self, line: Line) -> Iterator[None]:
        """Within the block, this line is asked for places, and told of what waits."""
        self._line = line
        try:
            yield
        finally:
            self._line = None

    def place(self, entry: QueueEntry) -> Place | None:
        """A slot for a task that is about to be accepted, where there is one for it."""
        line = self._line
        return None if line is None else line.place(entry)

    def work_added(self, entry: QueueEntry | None = None) -> None:
        """Wake a worker that has nothing to do, if it may have the task."""
        line = self._line
        if entry is None or line is None or line.may_begin(entry):
            self.work.set()

    def address_added(self) -> None:
        """Wake those who fetch sources."""
        self.addresses.set()

    def task_ended(self, task_id: str, task: Task | None = None, *, is_announced: bool = False) -> None:
        """Wake those who wait for this task, or are about to; may be called from any thread."""
        del is_announced  # there are no other nodes
        with self._lock:
            self._ended[task_id] = task or self._ended.get(task_id)
            if len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
        self._wake(task_id, task)

    def wake_all(self) -> None:
        """Wake every waiter to look again, after signals may have been lost."""
        with self._lock:
            waiting = list(self._waiting)
        for task_id in waiting:
            self._wake(task_id, None)

    def subscribe(self, task_id: str) -> End:
        """A future of the running loop, done when the task ends or did a moment ago; cancel it to stop waiting.

        Its result is the task as it ended, or None: look it up.
        """
        loop = asyncio.get_running_loop()
        future: End = loop.create_future()
        entry = (loop, future)
        with self._lock:
            if task_id in self._ended:
                # Kept for one waiter: a later one reads the row first.
                future.set_result(self._ended.pop(task_id))
                return future
            self._waiting[task_id].append(entry)
        future.add_done_callback(lambda _done: self._forget(task_id, entry))
        return future

    def _wake(self, task_id: str, task: Task | None) -> None:
        with self._lock:
            waiting = self._waiting.pop(task_id, [])
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(_resolve, future, task)
            except RuntimeError:  # the loop has closed: its waiters are gone with it
                continue

    def _forget(self, task_id: str, entry: tuple[asyncio.AbstractEventLoop, End]) -> None:
        with self._lock:
            waiting = self._waiting.get(task_id)
            if waiting is None:
                return
            if entry in waiting:
                waiting.remove(entry)
            if not waiting:
                del self._waiting[task_id]


def _resolve(future: End, task: Task | None) -> None:
    if not future.done():
        future.set_result(task)
