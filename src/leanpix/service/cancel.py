"""Ending tasks that nobody wants any more: their owner cancelled them, or their key was revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leanpix.domain.account import Account
from leanpix.domain.batch import Batch
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, Task
from leanpix.service.batch import BatchDesk
from leanpix.service.execute import KEY_REVOKED, drop_source, record
from leanpix.service.observing import Ended, ObserveEnd, unobserved
from leanpix.service.ports import Blobs, Clock, Database, Signals, Transaction
from leanpix.service.query import Query

CANCELLED = "cancelled by its owner"
# A transaction holds the database's only write lock on one machine: it is kept short.
_AT_ONCE = 50
_OWNER = "cancel"


@dataclass(frozen=True, slots=True)
class Cancel:
    """The use cases `cancel` and `enforce revocations`; now gives Unix seconds.

    What waits ends at once. What runs ends at once too: its attempt loses its fence, so that it can charge nothing and
    publish nothing, and its worker stops it at its next sign of life. Credits held are given back.
    """

    database: Database
    blobs: Blobs
    signals: Signals
    query: Query
    batches: BatchDesk
    now: Clock
    observe: ObserveEnd = unobserved

    def task(self, account: Account, task_id: str) -> Task:
        """End the task; as it is now. One that has ended stays as it ended: a request may be sent again.

        RateLimitedError; NotFoundError for an unknown, expired or another key's.
        """
        task = self.query.query(account, task_id)
        if not task.state.is_final:
            self._end([task], CANCELLED)
        return self.query.task(account, task_id)

    def batch(self, account: Account, batch_id: str) -> Batch:
        """End all of the batch that has not ended, and with it the batch; as it is now.

        RateLimitedError, NotFoundError.
        """
        self.query.count(account)
        self._end_batch(self.batches.status(account, batch_id).batch, CANCELLED)
        return self.batches.status(account, batch_id).batch

    def enforce_revocations(self) -> int:
        """End the unfinished tasks and batches of revoked keys; returns how many tasks."""
        ended = 0
        while True:
            with self.database.reading() as view:
                tasks = view.tasks.of_revoked_keys(_AT_ONCE)
                batches = view.batches.of_revoked_keys()
            for batch in batches:
                ended += self._end_batch(batch, KEY_REVOKED)
            ended += self._end(tasks, KEY_REVOKED)
            if not tasks:
                return ended

    def _end_batch(self, batch: Batch, message: str) -> int:
        if batch.completed_at is not None:
            return 0
        with self.database.transaction() as change:
            change.accounts.covers(batch.key_id, 0)  # locks the key's row, as those who begin its items do
            waiting = change.batches.end_waiting(batch, Outcome(TaskState.CANCELLED, message), self.now())
        self.blobs.delete_all([f"sources/{task_id}" for task_id in waiting])
        ended = len(waiting)
        while True:
            with self.database.reading() as view:
                tasks = view.tasks.of_batch(batch.id, _AT_ONCE)
            if not tasks:
                break
            ended += self._end(tasks, message)
        with self.database.transaction() as change:
            if change.batches.end(batch.id, self.now()) and batch.callback is not None:
                change.deliveries.add(batch.id, batch.key_id, batch.callback, self.now())
        return ended

    def _end(self, tasks: Iterable[Task], message: str) -> int:
        with self.database.transaction() as change:
            ended = [one for task in tasks if (one := self._ended(change, task, message)) is not None]
        for task in ended:
            self.signals.task_ended(task.id, task)
            drop_source(self.blobs, task, task.state)
            self.observe(Ended(task, task.state))
        return len(ended)

    def _ended(self, change: Transaction, task: Task, message: str) -> Task | None:
        seized = change.tasks.seize(task.id, _OWNER)
        return None if seized is None else record(change, seized, Outcome(TaskState.CANCELLED, message), self.now())
