"""Many pictures sent at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from leanpix.domain.batch import Batch, BatchItem
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, Task


class Batches(Protocol):
    """Batches and their items, inside one transaction."""

    def add(self, batch: Batch, items: Iterable[BatchItem]) -> None:
        """Insert a batch whose items all wait."""

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None."""

    def unfinished(self) -> Sequence[Batch]:
        """Every batch that has not ended, oldest first."""

    def count_unfinished(self, key_id: str) -> int:
        """How many batches of the key have not ended."""

    def waiting(self, batch_id: str, limit: int) -> Sequence[BatchItem]:
        """The next items that have no task yet."""

    def begin(self, batch_id: str, number: int) -> None:
        """The item has a task from now on."""

    def count_tasks(self, key_id: str) -> int:
        """How many unfinished tasks of the key are items of batches."""

    def of_revoked_keys(self) -> Sequence[Batch]:
        """Every unfinished batch whose key has been revoked."""

    def end_waiting(
        self, batch: Batch, outcome: Outcome, now: float, task_ids: Sequence[str] | None = None
    ) -> Sequence[str]:
        """Make ended tasks, by this outcome and without a charge, of items that still wait; the tasks' ids.

        task_ids: only of items whose tasks will have these ids.
        """

    def stored(self, key_id: str) -> tuple[int, int]:
        """Bytes of sources that unfinished batches came with: this key's, and everybody's."""

    def end(self, batch_id: str, now: float) -> bool:
        """Record that the batch has ended, where none of its items waits or is under way, and it has not yet."""

    def counts(self, batch_id: str) -> Mapping[TaskState | None, int]:
        """How many items are in each state; None: without a task yet."""

    def items(self, batch_id: str, offset: int, limit: int) -> Sequence[tuple[BatchItem, Task | None]]:
        """Some of the items by their numbers, each with its task where it has one."""

    def owns(self, task_id: str) -> bool:
        """Whether the task, there already or not, belongs to a batch that is still kept."""

    def ended_before(self, completed_before: float, limit: int) -> Sequence[str]:
        """Ids of batches that ended before the given time."""

    def task_ids(self, batch_id: str) -> Sequence[str]:
        """The ids of all its items' tasks."""

    def delete(self, batch_id: str) -> None:
        """Remove the batch, its items and their tasks."""
