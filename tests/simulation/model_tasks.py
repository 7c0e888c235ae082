"""The repository of tasks over model rows: the same statements as the SQL one, each one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tests.simulation.model_accounts import revoked_keys
from tests.simulation.statements import ConstraintError, Repository, statement

from leanpix.domain.states import TaskState
from leanpix.domain.task import FencingToken, Outcome, QueueEntry, SourceKind, Task, Unfinished


class ModelTasks(Repository):
    """The task rows."""

    __slots__ = ()

    @statement
    def add(self, task: Task, source: bytes | None = None) -> None:
        row = replace(task, completed_at=None, source_in_row=source is not None)
        self._insert("tasks", task.id, row)
        if source is not None:
            self.work.write("row_sources", task.id, source)

    @statement
    def get(self, task_id: str) -> Task | None:
        found: Task | None = self.work.get("tasks", task_id)
        return found

    @statement
    def source(self, task_id: str) -> bytes | None:
        found: bytes | None = self.work.get("row_sources", task_id)
        return found

    @statement
    def result(self, task_id: str, blob: str) -> bytes | None:
        task: Task | None = self.work.get("tasks", task_id)
        found: bytes | None = self.work.get("row_results", task_id)
        return found if task is not None and task.result is not None and task.result.blob == blob else None

    @statement
    def claim(self, task_id: str, owner: str, now: float) -> Task | None:
        task: Task | None = self.work.lock("tasks", task_id)
        if task is None or task.completed_at is not None or not _waits_for(owner, task):
            return None
        since = now if task.processed_at is None else task.processed_at
        claimed = replace(
            task, owner=owner, attempt=task.attempt + 1, beat=0, state=TaskState.PREPARING, processed_at=since
        )
        self.work.write("tasks", task_id, claimed)
        return replace(claimed, source=self.work.get("row_sources", task_id))

    @statement
    def promise(self, task_id: str, owner: str) -> bool:
        task: Task | None = self.work.lock("tasks", task_id)
        if task is None or task.completed_at is not None or task.source_kind is not SourceKind.HELD:
            return False
        if task.owner != owner:
            return False
        stored = replace(task, source_kind=SourceKind.UPLOAD, owner=owner if task.attempt else None)
        self.work.write("tasks", task_id, stored)
        return True

    def keep(self, task_id: str) -> bool:
        return self._keep(task_id) or self.get(task_id) is not None

    @statement
    def _keep(self, task_id: str) -> bool:
        task: Task | None = self.work.lock("tasks", task_id)
        if task is None or task.completed_at is not None:
            return False
        self.work.write("tasks", task_id, task)
        return True

    @statement
    def forget(self, fence: FencingToken) -> bool:
        task = self._owned(fence)
        if task is None or task.source_kind is not SourceKind.HELD:
            return False
        self.work.write("tasks", task.id, None)
        return True

    @statement
    def seize(self, task_id: str, owner: str) -> Task | None:
        task: Task | None = self.work.lock("tasks", task_id)
        if task is None or task.completed_at is not None:
            return None
        seized = replace(task, owner=owner, attempt=task.attempt + 1, beat=0)
        self.work.write("tasks", task_id, seized)
        return seized

    @statement
    def advance(self, fence: FencingToken, state: TaskState) -> bool:
        return self._update(fence, state=state)

    @statement
    def finish(self, fence: FencingToken, outcome: Outcome, now: float, charged: int) -> bool:
        task = self._owned(fence)
        if task is None or (charged and self.work.get("accounts", task.key_id)[0].revoked_at is not None):
            return False
        done = self._update(
            fence,
            source_kind=SourceKind.UPLOAD if task.source_kind is SourceKind.HELD else task.source_kind,
            state=outcome.state,
            message=outcome.message,
            completed_at=now,
            charged=charged,
            owner=None,
            result=outcome.result,
            report=outcome.report,
            source_in_row=False,
        )
        if done and task.source_in_row:
            self.work.write("row_sources", fence.task_id, None)
        if done and outcome.content is not None:
            self.work.write("row_results", fence.task_id, outcome.content)
        if done and outcome.cache_key is not None:
            self.work.write("cache_key", fence.task_id, outcome.cache_key)
        return done

    @statement
    def by_cache_key(self, cache_key: str, completed_after: float) -> Task | None:
        made = [self.work.get("tasks", task_id) for task_id, of in self.work.every("cache_key") if of == cache_key]
        ended = [task for task in made if task is not None and (task.completed_at or 0) > completed_after]
        return max(ended, key=lambda task: task.completed_at, default=None)

    @statement
    def fetched(self, fence: FencingToken) -> bool:
        return self._update(fence, state=TaskState.WAITING, owner=None, fetch_host=None)

    @statement
    def raise_held(self, fence: FencingToken, held: int) -> bool:
        return self._update(fence, held=held)

    @statement
    def hand_back(self, fence: FencingToken, *, is_fault: bool = False) -> bool:
        task = self._owned(fence)
        if task is None:
            return False
        given_up = replace(task, state=TaskState.WAITING, owner=None, faults=task.faults + is_fault)
        self.work.write("tasks", task.id, given_up)
        return True

    def beat(self, fences: Iterable[FencingToken]) -> Sequence[FencingToken]:
        return [fence for fence in fences if not self._beat(fence)]

    @statement
    def running(self) -> list[Task]:
        return [task for _, task in self.work.every("tasks") if task.completed_at is None and task.owner is not None]

    @statement
    def ready(self, limit: int, holder: str = "") -> list[QueueEntry]:
        unfinished = [
            task for _, task in self.work.every("tasks") if task.completed_at is None and task.fetch_host is None
        ]
        unfinished.sort(key=lambda task: (_waits_for(holder, task), task.batch_id is not None, task.created_at))
        seen: Counter[str] = Counter()
        line = []
        for task in unfinished:
            seen[task.key_id] += _waits_for(holder, task) or task.attempt > 0
            if _waits_for(holder, task):
                line.append((seen[task.key_id], task.created_at, task))
        line.sort(key=lambda place: place[:2])
        return [QueueEntry(task.id, task.key_id) for _, _, task in line[:limit]]

    @statement
    def to_fetch(self, per_host: int, limit: int) -> list[QueueEntry]:
        unfinished = [
            task for _, task in self.work.every("tasks") if task.completed_at is None and task.fetch_host is not None
        ]
        unfinished.sort(key=lambda task: (task.owner is None, task.batch_id is not None, task.created_at))
        of_host: Counter[tuple[str, str]] = Counter()
        of_key: Counter[str] = Counter()
        line = []
        for task in unfinished:
            of_host[task.key_id, task.fetch_host] += 1
            if of_host[task.key_id, task.fetch_host] > per_host:
                continue
            of_key[task.key_id] += 1
            if task.owner is None:
                line.append((of_key[task.key_id], task.created_at, task))
        line.sort(key=lambda place: place[:2])
        return [QueueEntry(task.id, task.key_id, task.fetch_host) for _, _, task in line[:limit]]

    @statement
    def of_revoked_keys(self, limit: int) -> list[Task]:
        revoked = revoked_keys(self.work)
        unfinished = [task for _, task in self.work.every("tasks") if task.completed_at is None]
        return [task for task in unfinished if task.key_id in revoked][:limit]

    @statement
    def of_batch(self, batch_id: str, limit: int) -> list[Task]:
        unfinished = [task for _, task in self.work.every("tasks") if task.completed_at is None]
        return [task for task in unfinished if task.batch_id == batch_id][:limit]

    @statement
    def waiting(self) -> list[str]:
        return [key for key, task in self.work.every("tasks") if task.completed_at is None and task.owner is None]

    @statement
    def ended_before(self, completed_before: float, limit: int) -> list[str]:
        ended = (
            task.id
            for _, task in self.work.every("tasks")
            if task.completed_at is not None and task.completed_at < completed_before and task.batch_id is None
        )
        return [task_id for task_id, _ in zip(ended, range(limit), strict=False)]

    @statement
    def delete(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            if self.work.lock("tasks", task_id) is not None:
                self.work.write("tasks", task_id, None)
                self.work.write("cache_key", task_id, None)
                self.work.write("row_results", task_id, None)

    @statement
    def count_unfinished(self, key_id: str) -> Unfinished:
        unfinished = [task for _, task in self.work.every("tasks") if task.completed_at is None]
        waiting = [task for task in unfinished if task.owner is None and task.fetch_host is None]
        return Unfinished([task.key_id for task in unfinished].count(key_id), len(unfinished), len(waiting))

    @statement
    def _beat(self, fence: FencingToken) -> bool:
        task = self._owned(fence)
        if task is not None:
            self.work.write("tasks", task.id, replace(task, beat=task.beat + 1))
        return task is not None

    def _insert(self, table: str, key: object, value: object) -> None:
        if self.work.lock_place(table, key) is not None:
            raise ConstraintError(f"{table} has {key!r} already")
        self.work.write(table, key, value)

    def _owned(self, fence: FencingToken) -> Task | None:
        task: Task | None = self.work.lock("tasks", fence.task_id)
        is_ours = task is not None and task.completed_at is None
        return task if task is not None and is_ours and _same(task, fence) else None

    def _update(self, fence: FencingToken, **values: Any) -> bool:
        task = self._owned(fence)
        if task is None:
            return False
        self.work.write("tasks", task.id, replace(task, **values))
        return True


def _waits_for(owner: str, task: Task) -> bool:
    return task.owner is None or (task.owner == owner and not task.attempt)


def _same(task: Task, fence: FencingToken) -> bool:
    return task.owner == fence.owner and task.attempt == fence.attempt
