"""Signs of life of this process's attempts, for those who would hand their tasks on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock

from leanpix.domain.task import FencingToken
from leanpix.service.ports import Database


@dataclass(slots=True)
class Heartbeats:
    """Shows each attempt under way to be alive, every interval; give_up is told those that are lost.

    waiting: what is to be shown beside them: tasks that wait for this process.
    """

    database: Database
    interval_s: float
    on_error: Callable[[BaseException], None]
    give_up: list[Callable[[FencingToken], None]] = field(default_factory=list)
    waiting: Callable[[], Iterable[FencingToken]] = tuple
    _alive: set[FencingToken] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def shown(self) -> Iterator[Callable[[FencingToken], None]]:
        """Within the block, every attempt that is told to what this gives is shown to be alive."""
        held: list[FencingToken] = []

        def show(fence: FencingToken) -> None:
            held.append(fence)
            with self._lock:
                self._alive.add(fence)

        try:
            yield show
        finally:
            with self._lock:
                self._alive.difference_update(held)

    def run(self, stopping: Event) -> None:
        """Show them until told to stop."""
        while not stopping.wait(self.interval_s):
            try:
                self._beat()
            except Exception as failure:  # noqa: BLE001 - a database that is briefly away must not end the thread
                self.on_error(failure)

    def _beat(self) -> None:
        with self._lock:
            alive = [*self._alive, *self.waiting()]
        if not alive:
            return
        with self.database.autocommit() as change:
            lost = change.tasks.beat(alive)
        for fence in lost:
            for give_up in self.give_up:
                give_up(fence)
