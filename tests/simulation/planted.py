"""Faults on purpose, one at a time: what the simulation has to find, or it is worth nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.simulation import model_tasks, node
from tests.simulation.blobs import ModelBlobs
from tests.simulation.installation import Weather
from tests.simulation.model_accounts import ModelAccounts
from tests.simulation.model_batches import ModelBatches
from tests.simulation.model_notices import ModelNotices
from tests.simulation.model_tasks import ModelTasks
from tests.simulation.repositories import ModelDatabase, ModelSubmissions
from tests.simulation.statements import statement

from leanpix.domain.account import LedgerKind
from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.states import TaskState
from leanpix.domain.task import FencingToken, Outcome, QueueEntry, StoredResult, Task, Unfinished
from leanpix.service import cancel, execute
from leanpix.service.execute import Execute
from leanpix.service.held_sources import HeldSources
from leanpix.service.maintain import Reaper, Sweeper

Plant = Callable[[pytest.MonkeyPatch], None]
PLANTED: dict[str, Plant] = {}


def planted(plant: Plant) -> Plant:
    """Have a fault of the function's name."""
    PLANTED[plant.__name__.replace("_", " ")] = plant
    return plant


@planted
def the_fence_is_removed(patch: pytest.MonkeyPatch) -> None:
    """Whoever had a task once may write to it."""
    patch.setattr(model_tasks, "_same", lambda _task, _fence: True)


@planted
def holds_are_settled_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """The charge is kept by itself, before the end of the task is."""
    _alone(patch, ModelAccounts, "settle", "accounts")


@planted
def notices_are_kept_before_the_end(patch: pytest.MonkeyPatch) -> None:
    """A receiver may be told of an end that does not come about."""
    _alone(patch, ModelNotices, "add", "notices")


@planted
def the_sweeper_comes_before_its_time(patch: pytest.MonkeyPatch) -> None:
    """Results are removed after a tenth of their time."""
    sweep = Sweeper._remove_expired

    def early(self: Sweeper) -> int:
        self.retention_s /= 10
        try:
            return sweep(self)
        finally:
            self.retention_s *= 10

    patch.setattr(Sweeper, "_remove_expired", early)


@planted
def files_are_swept_before_their_time(patch: pytest.MonkeyPatch) -> None:
    """Files go as if nobody ever waited."""
    patch.setattr(node, "LONGEST_WAIT_S", -2 * node.RETENTION_S)


@planted
def an_ended_task_is_begun_again(patch: pytest.MonkeyPatch) -> None:
    """A delivery that comes twice is worked on, and charged, twice."""

    def claim(self: ModelTasks, task_id: str, owner: str, now: float) -> Task | None:
        task: Task | None = self.work.lock("tasks", task_id)
        if task is None or task.owner is not None:
            return None
        again = replace(
            task, owner=owner, attempt=task.attempt + 1, state=TaskState.PREPARING, completed_at=None, processed_at=now
        )
        self.work.write("tasks", task_id, again)
        return replace(again, source=self.work.get("row_sources", task_id))

    patch.setattr(ModelTasks, "claim", statement(claim))


@planted
def idempotency_keys_are_looked_up_only(patch: pytest.MonkeyPatch) -> None:
    """Nothing keeps two of them apart that come at once."""

    def claim(self: ModelSubmissions, submission: Any) -> Any:
        return self.find(submission.key_id, submission.token) or submission

    patch.setattr(ModelSubmissions, "claim", claim)


@planted
def lost_replies_count_as_refusals(patch: pytest.MonkeyPatch) -> None:
    """A source is removed though its task was kept: what the simulation found first."""
    patch.setattr(Weather, "_lost", lambda _self, _what: StoreUnavailableError())


@planted
def attempts_share_the_name_of_their_result(patch: pytest.MonkeyPatch) -> None:
    """A late attempt takes the winner's result with it."""
    publish = Execute._publish

    def published(self: Execute, task: Task, done: Any) -> StoredResult:
        return publish(self, replace(task, attempt=1), done)

    patch.setattr(Execute, "_publish", published)


@planted
def a_source_in_a_row_goes_with_the_first_attempt(patch: pytest.MonkeyPatch) -> None:
    """A task that is handed on has nothing to be made of."""
    hand_back = ModelTasks.hand_back

    def handed_back(self: ModelTasks, fence: FencingToken, *, is_fault: bool = False) -> bool:
        is_ours: bool = hand_back(self, fence, is_fault=is_fault)
        if is_ours:
            self.work.write("row_sources", fence.task_id, None)
        return is_ours

    patch.setattr(ModelTasks, "hand_back", handed_back)


@planted
def a_result_lies_in_the_row_before_its_end_is_kept(patch: pytest.MonkeyPatch) -> None:
    """Whoever loses the task has left its result there."""
    finish = ModelTasks.finish

    def finished(self: ModelTasks, fence: FencingToken, outcome: Outcome, now: float, charged: int) -> bool:
        if outcome.content is not None:
            self.work.rows.apply({("row_results", fence.task_id): outcome.content}, durable=False)
        return bool(finish(self, fence, outcome, now, charged))

    patch.setattr(ModelTasks, "finish", finished)


@planted
def holds_of_failed_tasks_stay(patch: pytest.MonkeyPatch) -> None:
    """A failure costs what was held."""
    patch.setattr(ModelAccounts, "release", lambda *_arguments: None)


@planted
def the_line_is_by_age_alone(patch: pytest.MonkeyPatch) -> None:
    """A key with a long line makes all others wait."""

    def ready(self: ModelTasks, limit: int) -> list[QueueEntry]:
        unfinished = [task for _, task in self.work.every("tasks") if task.completed_at is None]
        waiting = [task for task in unfinished if task.owner is None and task.fetch_host is None]
        waiting.sort(key=lambda task: task.created_at)
        return [QueueEntry(task.id, task.key_id) for task in waiting[:limit]]

    patch.setattr(ModelTasks, "ready", statement(ready))


@planted
def batches_end_while_items_run(patch: pytest.MonkeyPatch) -> None:
    """A batch has ended once its last item has begun."""

    def end(self: ModelBatches, batch_id: str, now: float) -> bool:
        batch = self.work.lock("batches", batch_id)
        if batch is None or batch.completed_at is not None or any(row.is_waiting for row in self._items(batch_id)):
            return False
        self.work.write("batches", batch_id, replace(batch, completed_at=now))
        return True

    patch.setattr(ModelBatches, "end", statement(end))


@planted
def feeders_do_not_wait_for_each_other(patch: pytest.MonkeyPatch) -> None:
    """Two processes begin the same item."""
    patch.setattr(ModelAccounts, "covers", lambda *_arguments: True)


@planted
def the_bound_of_a_key_is_looked_at_before_only(patch: pytest.MonkeyPatch) -> None:
    """Requests that come at once do not count one another."""
    count = ModelTasks.count_unfinished

    def outside_only(self: ModelTasks, key_id: str) -> Unfinished:
        found = count(self, key_id)
        return found._replace(mine=0, everybodys=0) if self.work.is_transaction else found

    patch.setattr(ModelTasks, "count_unfinished", outside_only)


@planted
def an_attempt_that_lost_its_answer_is_another_ones(patch: pytest.MonkeyPatch) -> None:
    """A commit whose answer was lost counts as a lost fence, so that the result of a task that succeeded is removed."""

    def record(self: Execute, task: Task, outcome: Any) -> Any:
        with self.database.transaction() as change:
            ended = execute.record(change, task, outcome, self.now())
        return None if ended is None else execute._Recorded(ended, is_announced=False)

    patch.setattr(Execute, "_record", record)


@planted
def everything_costs_one(patch: pytest.MonkeyPatch) -> None:
    """Large pictures cost what small ones do."""
    patch.setattr(execute, "price", lambda _side_px, results: results)


@planted
def what_is_cancelled_is_not_given_back(patch: pytest.MonkeyPatch) -> None:
    """A task that its owner cancelled keeps its hold."""

    def recorded(change: Any, task: Task, outcome: Any, now: float) -> Task | None:
        ended = execute.record(change, task, outcome, now)
        change.work.written.pop(("ledger", (task.id, LedgerKind.RELEASE)), None)
        return ended

    patch.setattr(cancel, "record", recorded)


@planted
def batches_do_not_wait_for_the_disk(patch: pytest.MonkeyPatch) -> None:
    """A power cut takes sources of a batch that was accepted."""
    patch.setattr(ModelBlobs, "flush", lambda _self: None)


@planted
def revoked_keys_go_on(patch: pytest.MonkeyPatch) -> None:
    """A batch of a revoked key is begun further."""
    take = ModelAccounts._take

    def anyhow(self: ModelAccounts, key_id: str, credit: int, *, to_hold: bool = False) -> bool:
        del to_hold
        return bool(take(self, key_id, credit))

    patch.setattr(ModelAccounts, "_take", anyhow)


@planted
def what_is_held_is_told_without_a_promise(patch: pytest.MonkeyPatch) -> None:
    """The id of a task is the answer, and its source lies with the process only."""
    patch.setattr(HeldSources, "promise", lambda *_arguments: None)


@planted
def holds_of_tasks_that_nobody_was_told_of_stay(patch: pytest.MonkeyPatch) -> None:
    """A process dies while somebody waits, and the row goes without its hold."""

    def forgotten(self: Reaper, task: Task) -> None:
        with self.database.transaction() as change:
            change.tasks.forget(task.fence)

    patch.setattr(Reaper, "_forget", forgotten)


def _alone(patch: pytest.MonkeyPatch, repository: type, name: str, within: str) -> None:
    """Have a call kept in a transaction of its own, where the database allows two at once."""
    inside = getattr(repository, name)

    def alone(self: Any, *arguments: Any) -> Any:
        rows = self.work.rows
        if not rows.is_shared or ("accounts", arguments[0]) in self.work.written:
            return inside(self, *arguments)
        with ModelDatabase(rows).transaction() as change:
            return inside(getattr(change, within), *arguments)

    patch.setattr(repository, name, alone)
