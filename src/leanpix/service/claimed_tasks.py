"""Tasks that were claimed as they were accepted, from then on until their first attempt begins in this process."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from leanpix.domain.states import TaskState
from leanpix.domain.task import QueueEntry, Task
from leanpix.service.ports import Place, Signals


@dataclass(frozen=True, slots=True)
class ClaimedTasks:
    """The tasks by their ids. Thread-safe. owner: the name under which this process claims tasks."""

    owner: str
    _tasks: dict[str, Task] = field(default_factory=dict)

    def put(self, task: Task) -> None:
        """The task has its row from now on, and its first attempt is about to begin."""
        self._tasks[task.id] = task

    def take(self, task_id: str) -> Task | None:
        """The task whose first attempt is to begin, told once; None where it has to be claimed."""
        return self._tasks.pop(task_id, None)


@dataclass(slots=True)
class Start:
    """Whether a task begins in this process as it is accepted. claims None: it does not.

    row_source: the upload, where it lies in the task's row.
    """

    signals: Signals
    claims: ClaimedTasks | None
    row_source: bytes | None = None
    _begun: tuple[Place, Task] | None = None

    def claimed(self, task: Task, now: float) -> Task:
        """The task, which is the next in line: in its first attempt, where there is a slot for it; else as it was."""
        place = None if self.claims is None else self.signals.place(QueueEntry(task.id, task.key_id))
        if self.claims is None or place is None:
            return task
        begun = replace(task, owner=self.claims.owner, attempt=1, state=TaskState.PREPARING, processed_at=now)
        self._begun = place, replace(begun, source=self.row_source)
        return begun

    def begin(self) -> bool:
        """The task has been accepted; whether it begins here."""
        if self._begun is None or self.claims is None:
            return False
        place, task = self._begun
        self.claims.put(task)
        place.begin()
        return True

    def give_back(self) -> None:
        """It has not been."""
        if self._begun is not None:
            self._begun[0].give_back()
