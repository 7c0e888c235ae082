"""Making tasks of batches' items, as there is room for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from leanpix.domain.batch import Batch, BatchItem
from leanpix.domain.errors import LeanpixError
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, Task
from leanpix.service.blob_keys import source_key
from leanpix.service.budgets import CpuBudget
from leanpix.service.execute import not_held
from leanpix.service.observing import Ended, ObserveEnd, unobserved
from leanpix.service.ports import Blobs, Clock, Database, Signals, Transaction
from leanpix.service.submit import QueueBounds, no_credits, price_asked

# What a key sends beside its batches finds three quarters of its own room free, and what others send half of all.
_SHARE_OF_KEY, _SHARE_OF_ALL = 4, 2
# A transaction holds the database's only write lock on one machine: it is kept short.
_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class PromoteBatchItems:
    """The use case `promote`; now gives Unix seconds. Any number of processes may run it over one database.

    An item that waited longer than longest_s ends as timed out.
    """

    database: Database
    blobs: Blobs
    signals: Signals
    bounds: QueueBounds
    longest_s: float
    now: Clock
    on_error: Callable[[BaseException], None]
    observe: ObserveEnd = unobserved
    cpu: CpuBudget | None = None

    def __call__(self) -> int:
        """One round over every unfinished batch; returns how many items have begun or ended."""
        with self.database.reading() as view:
            unfinished = view.batches.unfinished()
        return sum(self._further(batch) for batch in unfinished)

    def _further(self, batch: Batch) -> int:
        """Begin what there is room for, and end the batch where nothing of it is left."""
        with self.database.transaction() as change:
            # The key's row first, as everywhere: processes that promote items of one key wait for each other here.
            change.accounts.covers(batch.key_id, 0)
            items = change.batches.waiting(batch.id, self._room(change, batch))
            ended = [one for item in items if (one := self._begin(change, batch, item)) is not None]
            if not items and change.batches.end(batch.id, self.now()) and batch.callback is not None:
                change.deliveries.add(batch.id, batch.key_id, batch.callback, self.now())
        self._let_go(ended)
        if len(items) > len(ended):
            self.signals.work_added()
            self.signals.address_added()
        return len(items)

    def _room(self, change: Transaction, batch: Batch) -> int:
        if self.cpu is not None and self.cpu.wait_s(batch.key_id) > 0:
            return 0
        everybodys = change.tasks.count_unfinished(batch.key_id).everybodys
        of_key = max(1, self.bounds.per_key // _SHARE_OF_KEY) - change.batches.count_tasks(batch.key_id)
        of_all = max(1, self.bounds.overall // _SHARE_OF_ALL) - everybodys
        return max(0, min(of_key, of_all, _AT_ONCE))

    def _begin(self, change: Transaction, batch: Batch, item: BatchItem) -> Ended | None:
        """Make the item's task; its end, where the key has no credits left or the batch's time is over."""
        now, held = self.now(), price_asked(batch.options)
        change.batches.begin(batch.id, item.number)
        is_late = now > batch.created_at + self.longest_s
        holds = not is_late and change.accounts.hold(batch.key_id, item.task_id, held, now)
        task = Task(
            id=item.task_id,
            key_id=batch.key_id,
            state=TaskState.QUEUED,
            options=batch.options,
            return_type=ReturnType.URL,
            source_kind=item.source_kind,
            created_at=now,
            held=held if holds else 0,
            batch_id=batch.id,
            fetch_host=item.fetch_host,
        )
        change.tasks.add(task)
        if holds:
            if task.fetch_host is None:
                change.enqueue(task.id)
            return None
        outcome = self._late() if is_late else not_held(change, batch.key_id, no_credits(held))
        claimed = change.tasks.claim(task.id, "promote", now)
        if claimed is not None:
            change.tasks.finish(claimed.fence, outcome, now, 0)
        return Ended(task, outcome.state)

    def _late(self) -> Outcome:
        return Outcome(TaskState.TIMED_OUT, f"the batch waited more than {self.longest_s:g} s for this picture's turn")

    def _let_go(self, ended: Iterable[Ended]) -> None:
        for one in ended:
            self.observe(one)
            try:
                self.blobs.delete(source_key(one.task.id))
            except LeanpixError as failure:  # it goes with the batch
                self.on_error(failure)
