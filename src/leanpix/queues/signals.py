"""Waking waiters inside one process: routes that wait for a task, a worker that waits for work."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from threading import Event, Lock


class LocalSignals:
    """Crosses from worker threads to event loops. A signal that nobody waits for is gone; waiters poll as well."""

    def __init__(self) -> None:
        self.work = Event()
        self._lock = Lock()
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = defaultdict(list)

    def work_added(self) -> None:
        """Wake a worker that has nothing to do."""
        self.work.set()

    def task_ended(self, task_id: str) -> None:
        """Wake those who wait for this task; may be called from any thread."""
        with self._lock:
            waiting = self._waiting.pop(task_id, [])
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(_resolve, future)
            except RuntimeError:  # the loop has closed: its waiters are gone with it
                continue

    def wake_all(self) -> None:
        """Wake every waiter to look again, after signals may have been lost."""
        with self._lock:
            waiting = list(self._waiting)
        for task_id in waiting:
            self.task_ended(task_id)

    def subscribe(self, task_id: str) -> asyncio.Future[None]:
        """A future of the running loop that is done when the task ends; cancel it to stop waiting."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        entry = (loop, future)
        with self._lock:
            self._waiting[task_id].append(entry)
        future.add_done_callback(lambda _done: self._forget(task_id, entry))
        return future

    def _forget(self, task_id: str, entry: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]) -> None:
        with self._lock:
            waiting = self._waiting.get(task_id)
            if waiting is None:
                return
            if entry in waiting:
                waiting.remove(entry)
            if not waiting:
                del self._waiting[task_id]


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
