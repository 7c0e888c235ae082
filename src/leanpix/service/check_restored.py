"""Making one of a database and a file store that were restored, each from a copy of its own.

The database's copy is the older one (docs/operate-backup.md): what had ended by then has its result in the store's,
what was accepted later is unknown, and of what was open then some sources are gone, for it has ended since. Nobody can
do those: they end here, and their holds are released, before a worker spends its attempts on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leanpix.domain.batch import Batch
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, Task
from leanpix.service.blob_keys import fetched_key, source_key
from leanpix.service.execute import drop_source, record
from leanpix.service.ports import Blobs, Clock, Database, Signals

SOURCE_LOST = "the task was open when a backup was taken, and its source is not in it: send it again"
_OWNER = "check-restored"
_EVERY = 10**9


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found: open tasks that can be done, those that ended for want of a source; results there and missing.

    Pictures of batches that still wait for their turn are counted as the tasks that they will be.
    """

    open: int
    ended: int
    results: int
    results_missing: int


@dataclass(frozen=True, slots=True)
class CheckRestored:
    """The use case `check restored`, before any node works on the pair; now gives Unix seconds."""

    database: Database
    blobs: Blobs
    signals: Signals
    now: Clock

    def __call__(self, *, is_trial: bool = False) -> Restored:
        """End what cannot be done, once; what has ended is only counted. is_trial: change nothing."""
        there = frozenset(self.blobs.older_than(float("-inf")))  # one listing: a look at each would take as long again
        with self.database.reading() as view:
            tasks = [*view.tasks.running(), *self._tasks(view.tasks.get(one) for one in view.tasks.waiting())]
            ended = self._tasks(view.tasks.get(one) for one in view.tasks.ended_before(float("inf"), _EVERY))
            waiting = {
                batch: [item.task_id for item in view.batches.waiting(batch.id, _EVERY)]
                for batch in view.batches.unfinished()
            }
        lost = [task for task in tasks if not task.source_in_row and _needed(task) not in there]
        lost_items = {
            batch: [one for one in task_ids if source_key(one) not in there] for batch, task_ids in waiting.items()
        }
        results = [task.result for task in ended if task.result is not None]
        missing = sum(not result.in_row and result.blob not in there for result in results)
        if not is_trial:
            for task in lost:
                self._end(task)
            for batch, task_ids in lost_items.items():
                self._end_waiting(batch, task_ids)
        every = len(tasks) + sum(map(len, waiting.values()))
        ended_now = len(lost) + sum(map(len, lost_items.values()))
        return Restored(every - ended_now, ended_now, len(results) - missing, missing)

    @staticmethod
    def _tasks(found: Iterable[Task | None]) -> list[Task]:
        return [task for task in found if task is not None]

    def _end(self, task: Task) -> None:
        with self.database.transaction() as change:
            seized = change.tasks.seize(task.id, _OWNER)
            if seized is None:
                return
            ended = record(change, seized, Outcome(TaskState.FAILED, SOURCE_LOST), self.now())
        if ended is not None:
            self.signals.task_ended(task.id, ended)
            drop_source(self.blobs, task, ended.state)

    def _end_waiting(self, batch: Batch, task_ids: Sequence[str]) -> None:
        """Nothing is held for them yet: each would be held for, tried and released when its turn comes."""
        if not task_ids:
            return
        with self.database.transaction() as change:
            change.accounts.covers(batch.key_id, 0)  # locks the key's row, as those who begin its items do
            change.batches.end_waiting(batch, Outcome(TaskState.FAILED, SOURCE_LOST), self.now(), task_ids)


def _needed(task: Task) -> str:
    """The file that the task cannot do without: its address while that is still to be fetched, else the picture."""
    is_fetched = task.source_kind.is_address and task.fetch_host is None
    return fetched_key(task.id) if is_fetched else source_key(task.id)
