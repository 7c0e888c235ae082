"""Whose task a worker takes when it hears that something waits, where many machines share one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock

from leanpix.domain.task import QueueEntry
from leanpix.queues.tenant_slots import TenantSlots
from leanpix.service.ports import Database

_WIDEST_WINDOW = 256
# How late a slot that was kept for another key, and is not any more, may be noticed.
_LOOK_AGAIN_S = 0.1


@dataclass(slots=True)
class FairScheduler:
    """The slots of one worker, each used by a thread of its own.

    handle tells whether the task was still there to be taken; choose takes one of several that are as good.
    """

    database: Database
    handle: Callable[[str], bool]
    shares: TenantSlots
    choose: Callable[[Sequence[QueueEntry]], QueueEntry]
    stopped: Event
    _lock: Lock = field(default_factory=Lock)

    def deliver(self, task_id: str, first: QueueEntry | None = None) -> None:
        """Handle the tasks whose turn it is until the given one is not waiting any more, whoever took it.

        first: which was the first in line a moment ago. Mostly it is the given one, and then there is no need to look.
        """
        window, is_told_on = 1, False
        is_first = first is not None and first.task_id == task_id and not self.stopped.is_set()
        line: Sequence[QueueEntry] = [first] if first is not None and is_first else self._line(task_id, window)
        while line:
            turn = self._taken(line)
            if turn is None:
                if not is_told_on:  # this slot is kept for other keys, and an idle worker may have one that is not
                    self._tell_on(task_id)
                    is_told_on = True
                self.stopped.wait(_LOOK_AGAIN_S)
            won = turn is not None and self.handled(turn)
            if turn is not None and turn.task_id == task_id:
                return
            # Whoever loses a race for the first in line looks further down it, so that many do not queue here.
            window = 1 if won else min(2 * window, _WIDEST_WINDOW)
            line = self._line(task_id, window)

    def take(self, turn: QueueEntry) -> bool:
        """Whether the next in line, which is about to be accepted, may have a slot; it has it from then on."""
        with self._lock:
            if self.stopped.is_set() or not self.shares.may_take(turn.key_id):
                return False
            self.shares.take(turn.task_id, turn.key_id)
            return True

    def drop(self, turn: QueueEntry) -> None:
        """The slot is not needed: there is no such task."""
        with self._lock:
            self.shares.drop(turn.task_id)

    def handled(self, turn: QueueEntry) -> bool:
        """Handle the task that has a slot, and free that; whether the task was still there to be taken."""
        won = False
        try:
            won = self.handle(turn.task_id)
        finally:
            with self._lock:
                (self.shares.end if won else self.shares.drop)(turn.task_id)
        return won

    def _tell_on(self, task_id: str) -> None:
        """Have the task delivered once more: a delivery that waits in a slot is one that no other worker hears of."""
        with self.database.autocommit() as change:
            change.enqueue(task_id)

    def _line(self, task_id: str, window: int) -> Sequence[QueueEntry]:
        """The next `window` in line; none when the job's own task is not waiting any more."""
        if self.stopped.is_set():  # the job is written again for a task that still waits
            return []
        with self.database.reading() as view:
            line = view.tasks.ready(window)
            if any(turn.task_id == task_id for turn in line):
                return line
            task = view.tasks.get(task_id)
        is_waiting = task is not None and task.owner is None and task.fetch_host is None and not task.state.is_final
        return line if is_waiting else []

    def _taken(self, line: Sequence[QueueEntry]) -> QueueEntry | None:
        """One of the line that may have this slot, which is its from now on."""
        with self._lock:
            free = [t for t in line if t.task_id not in self.shares and self.shares.may_take(t.key_id)]
            if not free:
                return None
            turn = self.choose(free)
            self.shares.take(turn.task_id, turn.key_id)
            return turn
