"""The repository of batches over model rows: the same statements as the SQL one, each one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.simulation.model_accounts import revoked_keys
from tests.simulation.statements import ConstraintError, Repository, statement

from leanpix.domain.batch import MOST_ITEMS, Batch, BatchItem
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, Task


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A batch's item, and whether it has no task yet."""

    item: BatchItem
    is_waiting: bool


class ModelBatches(Repository):
    """Batches and their items."""

    __slots__ = ()

    def add(self, batch: Batch, items: Iterable[BatchItem]) -> None:
        self._add_batch(batch)
        self._add_items(batch.id, items)

    @statement
    def get(self, batch_id: str) -> Batch | None:
        found: Batch | None = self.work.get("batches", batch_id)
        return found

    @statement
    def unfinished(self) -> Sequence[Batch]:
        found = [batch for _, batch in self.work.every("batches") if batch.completed_at is None]
        return sorted(found, key=lambda batch: batch.created_at)

    @statement
    def count_unfinished(self, key_id: str) -> int:
        return sum(
            1 for _, batch in self.work.every("batches") if batch.key_id == key_id and batch.completed_at is None
        )

    @statement
    def waiting(self, batch_id: str, limit: int) -> Sequence[BatchItem]:
        return [row.item for row in self._items(batch_id) if row.is_waiting][:limit]

    @statement
    def begin(self, batch_id: str, number: int) -> None:
        row: ItemRow | None = self.work.lock("items", (batch_id, number))
        if row is not None:
            self.work.write("items", (batch_id, number), replace(row, is_waiting=False))

    @statement
    def count_tasks(self, key_id: str) -> int:
        return sum(
            1
            for _, task in self.work.every("tasks")
            if task.key_id == key_id and task.completed_at is None and task.batch_id is not None
        )

    @statement
    def of_revoked_keys(self) -> Sequence[Batch]:
        revoked = revoked_keys(self.work)
        unfinished = [batch for _, batch in self.work.every("batches") if batch.completed_at is None]
        return [batch for batch in unfinished if batch.key_id in revoked]

    def end_waiting(
        self, batch: Batch, outcome: Outcome, now: float, task_ids: Sequence[str] | None = None
    ) -> Sequence[str]:
        waiting = [item.task_id for item in self.waiting(batch.id, MOST_ITEMS)]
        found = [task_id for task_id in waiting if task_ids is None or task_id in task_ids]
        if found:
            self._add_ended(batch, outcome, now, found)
            self._begin_all(batch.id, found)
        return found

    @statement
    def stored(self, key_id: str) -> tuple[int, int]:
        unfinished = [batch for _, batch in self.work.every("batches") if batch.completed_at is None]
        of_key = sum(batch.source_bytes for batch in unfinished if batch.key_id == key_id)
        return of_key, sum(batch.source_bytes for batch in unfinished)

    @statement
    def end(self, batch_id: str, now: float) -> bool:
        # What the other tables say is looked up as the statement begins, before the row is waited for.
        waits = any(row.is_waiting for row in self._items(batch_id))
        runs = any(task.batch_id == batch_id and task.completed_at is None for _, task in self.work.every("tasks"))
        batch: Batch | None = self.work.lock("batches", batch_id)
        if batch is None or batch.completed_at is not None or waits or runs:
            return False
        self.work.write("batches", batch_id, replace(batch, completed_at=now))
        return True

    @statement
    def counts(self, batch_id: str) -> Mapping[TaskState | None, int]:
        tasks = [self.work.get("tasks", row.item.task_id) for row in self._items(batch_id)]
        return Counter(None if task is None else task.state for task in tasks)

    @statement
    def items(self, batch_id: str, offset: int, limit: int) -> Sequence[tuple[BatchItem, Task | None]]:
        found = [row.item for row in self._items(batch_id) if row.item.number >= offset][:limit]
        return [(item, self.work.get("tasks", item.task_id)) for item in found]

    @statement
    def owns(self, task_id: str) -> bool:
        return any(row.item.task_id == task_id for _, row in self.work.every("items"))

    @statement
    def ended_before(self, completed_before: float, limit: int) -> Sequence[str]:
        ended = [
            batch.id
            for _, batch in self.work.every("batches")
            if batch.completed_at is not None and batch.completed_at < completed_before
        ]
        return ended[:limit]

    @statement
    def task_ids(self, batch_id: str) -> Sequence[str]:
        return [row.item.task_id for row in self._items(batch_id)]

    def delete(self, batch_id: str) -> None:
        self._delete_tasks(batch_id)
        self._delete_items(batch_id)
        self._delete_batch(batch_id)

    @statement
    def _add_batch(self, batch: Batch) -> None:
        if self.work.lock_place("batches", batch.id) is not None:
            raise ConstraintError(f"batches has {batch.id}")
        self.work.write("batches", batch.id, replace(batch, completed_at=None))

    @statement
    def _add_items(self, batch_id: str, items: Iterable[BatchItem]) -> None:
        for item in items:
            self.work.write("items", (batch_id, item.number), ItemRow(item, is_waiting=True))

    @statement
    def _delete_tasks(self, batch_id: str) -> None:
        for task_id in [key for key, task in self.work.every("tasks") if task.batch_id == batch_id]:
            self.work.lock("tasks", task_id)
            self.work.write("tasks", task_id, None)
            self.work.write("cache_key", task_id, None)

    @statement
    def _delete_items(self, batch_id: str) -> None:
        for row in list(self._items(batch_id)):
            self.work.write("items", (batch_id, row.item.number), None)

    @statement
    def _delete_batch(self, batch_id: str) -> None:
        self.work.lock("batches", batch_id)
        self.work.write("batches", batch_id, None)

    @statement
    def _add_ended(self, batch: Batch, outcome: Outcome, now: float, task_ids: Sequence[str]) -> None:
        for row in self._items(batch.id):
            if row.is_waiting and row.item.task_id in task_ids:
                task = Task(
                    id=row.item.task_id,
                    key_id=batch.key_id,
                    state=outcome.state,
                    options=batch.options,
                    return_type=ReturnType.URL,
                    source_kind=row.item.source_kind,
                    created_at=now,
                    held=0,
                    completed_at=now,
                    message=outcome.message,
                    batch_id=batch.id,
                )
                if self.work.lock_place("tasks", task.id) is not None:
                    raise ConstraintError(f"tasks has {task.id}")
                self.work.write("tasks", task.id, task)

    @statement
    def _begin_all(self, batch_id: str, task_ids: Sequence[str]) -> None:
        for row in self._items(batch_id):
            if row.is_waiting and row.item.task_id in task_ids:
                key = (batch_id, row.item.number)
                self.work.lock("items", key)
                self.work.write("items", key, replace(row, is_waiting=False))

    def _items(self, batch_id: str) -> list[ItemRow]:
        of_batch = [row for key, row in self.work.every("items") if key[0] == batch_id]
        return sorted(of_batch, key=lambda row: row.item.number)
