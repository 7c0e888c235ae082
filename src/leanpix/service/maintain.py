"""Keeping house: tasks whose worker died, tasks that nobody takes, results past their hour, files nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from leanpix.domain.states import TaskState
from leanpix.domain.task import MAX_ATTEMPTS, FencingToken, Outcome, SourceKind, Task
from leanpix.service.blob_keys import fetched_key, source_key
from leanpix.service.execute import record
from leanpix.service.observing import Ended, ObserveEnd, ObserveTask, unobserved
from leanpix.service.pairing import MARKER_KEY
from leanpix.service.ports import Blobs, Clock, Database, Signals

# Rows of one statement: a transaction holds the database's only write lock on one machine, and is kept short.
_AT_ONCE = 500
# What one sweep may take: the next one follows at once where more is left.
_SWEEP_S = 5.0


@dataclass(slots=True)
class Reaper:
    """Hands on the tasks of dead workers.

    A worker's sign of life is a counter in the row. It is judged by whether it moved while this process watched, on
    the monotonic clock, so that neither a jump of the wall clock nor a difference between hosts can kill a task.
    Between two looks at most half the stale time counts: after an outage of the database, in which no sign of life
    could arrive, every worker has the other half to give one. taken_over is told each task that this process took.
    """

    database: Database
    signals: Signals
    stale_s: float
    now: Clock
    monotonic: Clock
    observe: ObserveEnd = unobserved
    taken_over: ObserveTask = unobserved
    _still: dict[FencingToken, tuple[int, float]] = field(default_factory=dict)
    _looked_at: float | None = None

    def sweep(self) -> int:
        """Hand on, or end, every task whose counter has stood still too long; returns how many."""
        with self.database.reading() as view:
            running = view.tasks.running()
        passed_s = self._since_last_look()
        previous, self._still = self._still, {}
        for task in running:
            beat, still_s = previous.get(task.fence, (task.beat, -passed_s))
            self._still[task.fence] = (task.beat, still_s + passed_s if beat == task.beat else 0.0)
        stale = [task for task in running if self._still[task.fence][1] >= self.stale_s]
        for task in stale:
            self._hand_on(task)
        return len(stale)

    def _since_last_look(self) -> float:
        moment = self.monotonic()
        previous, self._looked_at = self._looked_at, moment
        return 0.0 if previous is None else min(moment - previous, self.stale_s / 2)

    def _hand_on(self, task: Task) -> None:
        if task.source_kind is SourceKind.HELD:
            self._forget(task)
            return
        with self.database.transaction() as change:
            if task.attempt >= MAX_ATTEMPTS:
                ended = record(change, task, Outcome(TaskState.CANCELLED, TaskState.CANCELLED.text), self.now())
                is_ours = ended is not None
            else:
                ended = None
                is_ours = change.tasks.hand_back(task.fence)  # of several processes one is the first
                if is_ours and task.fetch_host is None:
                    change.enqueue(task.id)
        if is_ours:
            self.taken_over(task)
        if ended is not None:
            self.signals.task_ended(task.id, ended)
            self.observe(Ended(task, ended.state))
        self.signals.work_added()
        self.signals.address_added()

    def _forget(self, task: Task) -> None:
        """Its source went with its process: whoever waited was promised nothing, and is charged nothing."""
        with self.database.transaction() as change:
            if change.tasks.forget(task.fence):
                change.accounts.release(task.key_id, task.id, self.now())


@dataclass(slots=True)
class Sweeper:
    """Removes what is past its time; now gives Unix seconds, monotonic seconds that no clock jump moves.

    How long a task has waited is what this process has watched it wait: a wall clock set forward ends no task.
    Results are kept by the wall clock, as their links are: it is the only one that outlives a restart.
    """

    database: Database
    blobs: Blobs
    signals: Signals
    retention_s: float
    longest_wait_s: float
    idempotency_s: float
    now: Clock
    monotonic: Clock
    observe: ObserveEnd = unobserved
    ledger_s: float = float("inf")
    has_more: bool = False
    _waiting_since: dict[str, float] = field(default_factory=dict)

    def sweep(self) -> int:
        """End tasks that waited too long, remove what is past its time and its files; returns how many tasks.

        As much is removed as there is, in bounded steps, for up to some seconds; `has_more` says whether that was all.
        """
        swept = self._end_forgotten()
        until_s, self.has_more = self.monotonic() + _SWEEP_S, True
        while self.has_more and self.monotonic() <= until_s:
            removed = self._remove_expired()
            forgotten = self._forget_old()
            batches = self._remove_batches()
            swept += removed + batches
            self.has_more = _AT_ONCE in (removed, forgotten) or batches > 0
        return swept

    def _forget_old(self) -> int:
        """Remove idempotency keys and closed rows of the ledger past their time; how many of the more numerous."""
        with self.database.autocommit() as change:
            submissions = change.submissions.forget(self.now() - self.idempotency_s, _AT_ONCE)
            closed = change.accounts.forget_closed(self.now() - self.ledger_s, _AT_ONCE)
        return max(submissions, closed)

    def sweep_files(self) -> int:
        """Remove files that no task can still need: leftovers of interrupted requests and lost attempts."""
        oldest_useful_s = self.longest_wait_s + 2 * self.retention_s
        with self.database.reading() as view:
            old = self.blobs.older_than(oldest_useful_s)
            leftovers = [key for key in old if key != MARKER_KEY and not view.batches.owns(_task_of(key))]
        for key in leftovers:
            self.blobs.delete(key)
        return len(leftovers)

    def _end_forgotten(self) -> int:
        with self.database.reading() as view:
            waiting = view.tasks.waiting()
        moment, previous = self.monotonic(), self._waiting_since
        self._waiting_since = {task_id: previous.get(task_id, moment) for task_id in waiting}
        oldest = moment - self.longest_wait_s
        forgotten = [task_id for task_id, since in self._waiting_since.items() if since <= oldest]
        for task_id in forgotten:
            self._end_waiting(task_id)
        return len(forgotten)

    def _end_waiting(self, task_id: str) -> None:
        with self.database.transaction() as change:
            claimed = change.tasks.claim(task_id, "sweeper", self.now())
            if claimed is None:  # a worker was quicker
                return
            text = f"the task waited more than {self.longest_wait_s:g} s for a worker"
            ended = record(change, claimed, Outcome(TaskState.TIMED_OUT, text), self.now())
        if not claimed.source_in_row:
            self.blobs.delete(source_key(task_id))
        if ended is not None:
            self.signals.task_ended(task_id, ended)
            self.observe(Ended(claimed, ended.state))

    def _remove_expired(self) -> int:
        with self.database.reading() as view:
            expired = view.tasks.ended_before(self.now() - self.retention_s, _AT_ONCE)
        self._remove_files(expired)
        if expired:
            with self.database.transaction() as change:
                change.tasks.delete(expired)
        return len(expired)

    def _remove_batches(self) -> int:
        """Remove one batch whose time is over; returns 1, or 0 where there is none."""
        with self.database.reading() as view:
            expired = view.batches.ended_before(self.now() - self.retention_s, 1)
            task_ids = [task_id for batch_id in expired for task_id in view.batches.task_ids(batch_id)]
        self._remove_files(task_ids)
        for batch_id in expired:
            with self.database.transaction() as change:
                change.batches.delete(batch_id)
        return len(expired)

    def _remove_files(self, task_ids: Sequence[str]) -> None:
        """Everything that lies there for these tasks, before their rows: what is left by a failure is found again."""
        keys = [(f"results/{task_id}", source_key(task_id), fetched_key(task_id)) for task_id in task_ids]
        self.blobs.delete_all([key for each in keys for key in each])


def _task_of(blob: str) -> str:
    """The id of the task that a file is the source or a result of."""
    return blob.split("/")[1] if "/" in blob else ""
