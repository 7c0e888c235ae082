"""What must be true of every history: looked at with each commit, file removed and message sent, and at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.simulation.blobs import ModelBlobs
from tests.simulation.outside import ENDS, LARGE_PX, result_of
from tests.simulation.plan import MAX_SKEW_S, Plan
from tests.simulation.rows import Change, Rows
from tests.simulation.scheduler import Scheduler

from leanpix.domain.account import LedgerKind, price
from leanpix.domain.batch import Batch
from leanpix.domain.states import TaskState
from leanpix.domain.task import MAX_ATTEMPTS, SourceKind, Task
from leanpix.domain.webhook import WebhookState
from leanpix.service.submit import QueueBounds

# Ends that are the service's own misfortune, or the key's: legal for any picture where something goes wrong.
_MISFORTUNE = {TaskState.CANCELLED, TaskState.FAILED, TaskState.PUBLISH_FAILED, TaskState.TIMED_OUT}
_LOST_SOURCE = "the stored source is gone"
_SWEEPERS = {"sweeper", "promote", "cancel"}


_MOST_RAISED = 2
"""Credits that a set of the plan needs more once it is known to be large."""


class Auditor:
    """Keeps its own account of what happened. violations: what was not so, in words."""

    def __init__(self, scheduler: Scheduler, plan: Plan, rows: Rows, bounds: QueueBounds, retention_s: float) -> None:
        self._scheduler, self._plan, self._rows, self._bounds = scheduler, plan, rows, bounds
        self._retention_s = retention_s
        self.blobs: ModelBlobs | None = None
        self.violations: list[str] = []
        self.sources: dict[str, bytes] = {}
        self.ended_at: dict[str, float] = {}
        self.ends: dict[str, Task] = {}
        self.told: Counter[str] = Counter()
        self.promised: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.unwanted: set[str] = set()  # tasks, batches and keys that somebody has had cancelled
        self._balance: dict[str, int | None] = {}
        self._poor_until: dict[tuple[str, int], float] = {}  # a key, and how many credits it did not have
        self._claimed_at: dict[str, float] = {}
        self._wanted: set[str] = set()  # notices
        self._overtaken: Counter[str] = Counter()
        self._most_overtaken = 3 + plan.slots * len(plan.skews_s)
        self._told_ends: dict[str, TaskState] = {}
        self._by_token: dict[tuple[str, str], str] = {}
        rows.watch = self._committed

    def broken(self, text: str) -> None:
        """Record a violation."""
        self.violations.append(text)
        self._scheduler.is_halted = True
        self._scheduler.note(f"VIOLATION: {text}")

    def stored(self, key: str, content: bytes) -> None:
        """A blob was put."""
        kind, _, task_id = key.partition("/")
        if kind == "sources":
            self.sources[task_id] = content

    def removed(self, key: str) -> None:
        """A blob was removed."""
        kind, task_id = key.split("/")[:2]
        task = self._rows.tables["tasks"].get(task_id)
        waits = any(row.is_waiting and row.item.task_id == task_id for row in self._rows.tables["items"].values())
        if kind == "sources" and (waits or (task is not None and not task.state.is_final)):
            self.broken(f"the source of {task_id} was removed while it was needed")
        is_result = task is not None and task.result is not None and task.result.blob == key
        if is_result and self._is_early(task_id):
            self.broken(f"the result {key} was removed before its time")

    def posted(self, message_id: str, _body: bytes) -> None:
        """A receiver was told."""
        ended_id = message_id.removeprefix("msg_")
        if ended_id not in self.ended_at:
            self.broken(f"the end of {ended_id} was told before it was kept")
        self.told[ended_id] += 1

    def accepted(self, task_id: str, key_id: str, token: str | None, what: str) -> None:
        """A client was told that its task or batch is kept."""
        kept = task_id in self._rows.tables["tasks"] or task_id in self._rows.tables["batches"]
        if not kept and task_id not in self.ended_at:
            self.broken(f"{what} {task_id} was promised and is not there")
        self.promised[task_id], self.keys[task_id] = what, key_id
        if token is not None:
            first = self._by_token.setdefault((key_id, token), task_id)
            if first != task_id:
                self.broken(f"one idempotency key made {first} and {task_id}")

    def answered(self, task: Task) -> None:
        """A client that waited was told how its task ended: that outlives whatever comes."""
        self.accepted(task.id, task.key_id, None, "task")
        self._told_ends[task.id] = task.state

    def power_was_cut(self) -> None:
        """What nobody had been promised may be undone, and its hold with it; what was told may not."""
        tasks = self._rows.tables["tasks"]
        for key_id, (account, _) in self._rows.tables["accounts"].items():
            self._balance[key_id] = account.credits
        for task_id, state in self._told_ends.items():
            row = tasks.get(task_id)
            if (row is None and not self.may_be_gone(task_id)) or (row is not None and row.state is not state):
                self.broken(f"{task_id} was answered with {state.name}, and a power cut undid it")
        for task_id, what in self.promised.items():
            if what == "task" and task_id not in tasks and not self.may_be_gone(task_id):
                self.broken(f"{task_id} was promised, and a power cut undid it")

    def may_be_gone(self, task_id: str) -> bool:
        """Whether the task may have been removed by now."""
        return task_id in self.ended_at and not self._is_early(task_id)

    def look_at_end(self) -> None:
        """What must be true once everything has had its time and nothing goes wrong any more."""
        tables = self._rows.tables
        for task in tables["tasks"].values():
            if not task.state.is_final:
                self.broken(f"{task.id} has not ended: {task.state.name}, attempt {task.attempt}")
        for batch in tables["batches"].values():
            if batch.completed_at is None:
                self.broken(f"batch {batch.id} has not ended")
        for task_id, what in self.promised.items():
            if task_id not in self.ended_at:
                self.broken(f"{what} {task_id} was promised and never ended")
        self._look_at_notices()
        self._look_at_money()

    def look_at_remains(self) -> None:
        """What must be true once everything is past its time and swept."""
        for table in ("tasks", "batches", "items", "jobs", "cache_key", "row_sources", "row_results"):
            left = self._rows.tables[table]
            if left:
                self.broken(f"rows of {table} were left: {sorted(map(str, left))}")
        assert self.blobs is not None
        if self.blobs.content:
            self.broken(f"files that nobody knows were left: {sorted(self.blobs.content)}")

    def _look_at_notices(self) -> None:
        for ended_id in sorted(self._wanted):
            notice = self._rows.tables["notices"].get(ended_id)
            if not self.told[ended_id]:
                self.broken(f"the end of {ended_id} was never told")
            if notice is not None and notice.state is not WebhookState.DELIVERED:
                self.broken(f"the notice of {ended_id} is {notice.state} at the end")

    def _look_at_money(self) -> None:
        ledger = self._rows.tables["ledger"]
        for (task_id, kind), entry in ledger.items():
            closed = {other for other in LedgerKind if (task_id, other) in ledger}
            if kind is LedgerKind.HOLD and not closed & {LedgerKind.SETTLE, LedgerKind.RELEASE}:
                self.broken(f"a hold of {-entry.credits} was left for {task_id}")

    def _committed(self, changes: Sequence[Change]) -> None:
        ended: list[Task] = []
        for change in changes:
            match change.table:
                case "tasks":
                    self._task_changed(change, ended)
                case "ledger" | "topups":
                    self._entered(change)
                case "batches":
                    self._batch_changed(change)
                case "accounts" if change.before is None:
                    self._balance[change.key] = change.after[0].credits
                case "notices" | "row_sources" | "row_results":
                    self._beside_task_changed(change)
        for change in changes:
            if change.table == "accounts":
                self._look_at_balance(change)
        for task in ended:
            self._look_at_end_of(task)

    def _beside_task_changed(self, change: Change) -> None:
        if change.table == "notices":
            self._wanted |= {change.key} if change.before is None else set()
            return
        if change.table == "row_results":
            self._look_at_row_result(change)
            return
        if change.after is not None:
            self.sources[change.key] = change.after
            return
        task = self._rows.tables["tasks"].get(change.key)
        if task is not None and not task.state.is_final:
            self.broken(f"the source of {change.key} was removed from its row while it was needed")

    def _look_at_row_result(self, change: Change) -> None:
        task = self._rows.tables["tasks"].get(change.key)
        if change.after is not None and (task is None or task.state is not TaskState.SUCCEEDED):
            self.broken(f"the row of {change.key} has a result, and the task has not succeeded")

    def _look_at_balance(self, change: Change) -> None:
        left, known = change.after[0].credits, self._balance[change.key]
        if left != known:
            self.broken(f"the balance of {change.key} is {left}, not {known}")
        before = None if change.before is None else change.before[0].credits
        for lacking in () if before is None else range(before + 1, _MOST_RAISED + 1):
            self._poor_until[change.key, lacking] = self._scheduler.now

    def _task_changed(self, change: Change, ended: list[Task]) -> None:
        before, after = change.before, change.after
        if after is None:
            self._look_at_removed(before)
            return
        if before is None:
            self._look_at_new(after)
        elif before.state.is_final:
            self.broken(f"{after.id} had ended and was changed: {before.state.name} to {after.state.name}")
        elif after.owner not in {None, *_SWEEPERS} and before.owner is None and after.fetch_host is None:
            self._look_at_turn(before)
        if after.attempt > MAX_ATTEMPTS and after.message is None and after.owner not in _SWEEPERS:
            self.broken(f"{after.id} has attempt {after.attempt}")
        if after.owner is not None and (before is None or before.attempt != after.attempt):
            self._claimed_at[after.id] = self._scheduler.now
        if after.state.is_final and (before is None or not before.state.is_final):
            ended.append(after)

    def _look_at_removed(self, task: Task) -> None:
        was_promised = task.source_kind is not SourceKind.HELD or task.id in self.promised
        if not task.state.is_final and was_promised:
            self.broken(f"{task.id} was removed before it had ended")
        elif task.state.is_final and self._is_early(task.batch_id or task.id):
            self.broken(f"{task.id} was removed before its time")

    def _look_at_new(self, task: Task) -> None:
        if not task.state.is_final and self._rows.tables["accounts"][task.key_id][0].revoked_at is not None:
            self.broken(f"{task.id} was accepted from a key that has been revoked")
        self._look_at_bounds(task)

    def _entered(self, change: Change) -> None:
        if change.after is None:
            self._look_at_forgotten(change)
            return
        if change.before is not None and change.key[1] is not LedgerKind.HOLD:
            self.broken(f"the ledger's entry {change.key} was changed")
            return
        credit = change.after.credits - (0 if change.before is None else change.before.credits)
        balance = self._balance[change.after.key_id]
        if change.table == "ledger" and change.key[1] is LedgerKind.SETTLE:  # a charge takes the place of its hold
            credit -= self._rows.tables["ledger"][change.key[0], LedgerKind.HOLD].credits
        if balance is not None:
            self._balance[change.after.key_id] = balance + credit

    def _look_at_forgotten(self, change: Change) -> None:
        task = self._rows.tables["tasks"].get(change.key[0])
        if task is not None and not task.state.is_final:
            self.broken(f"the ledger forgot {change.key} of a task that has not ended")

    def _batch_changed(self, change: Change) -> None:
        before, after = change.before, change.after
        if after is None:
            if self._is_early(before.id):
                self.broken(f"batch {before.id} was removed before its time")
        elif before is not None and before.completed_at is not None:
            self.broken(f"batch {after.id} had ended and was changed")
        elif after.completed_at is not None:
            self._look_at_end_of_batch(after)

    def _look_at_bounds(self, task: Task) -> None:
        unfinished = [
            other
            for other in self._rows.tables["tasks"].values()
            if other.key_id == task.key_id and other.completed_at is None
        ]
        of_batches = sum(1 for other in unfinished if other.batch_id is not None)
        most = self._bounds.per_key
        if task.batch_id is None and len(unfinished) > most:
            self.broken(f"{task.key_id} has {len(unfinished)} unfinished tasks")
        if of_batches > max(1, most // 4):
            self.broken(f"{task.key_id} has {of_batches} unfinished tasks of batches")

    def _look_at_turn(self, claimed: Task) -> None:
        """A key that has nothing running must not wait while another key, which has, goes on."""
        running: Counter[str] = Counter()
        waiting: dict[str, Task] = {}
        for task in self._rows.tables["tasks"].values():
            waits_for_its_holder = task.owner is not None and not task.attempt
            if task.completed_at is not None or task.fetch_host is not None or waits_for_its_holder:
                continue
            if task.owner is not None:
                running[task.key_id] += 1
            elif task.key_id not in waiting:
                waiting[task.key_id] = task
        self._overtaken[claimed.key_id] = 0
        if running[claimed.key_id] < 2:  # it has this one only
            return
        for key_id, task in waiting.items():
            if not running[key_id] and key_id != claimed.key_id:
                self._overtaken[key_id] += 1
                if self._overtaken[key_id] > self._most_overtaken:
                    self.broken(f"{key_id} waits with {task.id} while {claimed.key_id} has its turns")

    def _look_at_end_of(self, task: Task) -> None:
        self.ended_at[task.id] = self._scheduler.now
        self.ends[task.id] = task
        ledger = self._rows.tables["ledger"]
        hold = ledger.get((task.id, LedgerKind.HOLD))
        settled, released = (ledger.get((task.id, kind)) for kind in (LedgerKind.SETTLE, LedgerKind.RELEASE))
        closings = [entry for entry in (settled, released) if entry is not None]
        if len(closings) != (0 if hold is None else 1):
            self.broken(f"{task.id} ended with {len(closings)} closings of its hold")
        spent = 0 if settled is None else -settled.credits
        if spent != task.charged or (spent > 0) != (task.state is TaskState.SUCCEEDED):
            self.broken(f"{task.id} ended {task.state.name}, told {task.charged}, charged {spent}")
        if task.callback is not None and task.id not in self._rows.tables["notices"]:
            self.broken(f"{task.id} ended and its notice was not kept with it")
        self._look_at_outcome(task, spent)

    def _look_at_outcome(self, task: Task, spent: int) -> None:
        source = self._picture_of(task)
        state = task.state
        if task.message == _LOST_SOURCE:
            self.broken(f"{task.id} has lost its source")
        rightly = state is ENDS[source.split()[0]]
        poor = state is TaskState.NOT_MEETING_REQUIREMENTS and self._is_poor(task)
        is_unwanted = not self.unwanted.isdisjoint({task.id, task.batch_id, task.key_id})
        cancelled = state is TaskState.CANCELLED and is_unwanted
        if not rightly and not poor and not cancelled and (self._plan.is_calm or state not in _MISFORTUNE):
            self.broken(f"{task.id} of {source!r} ended {state.name}: {task.message}")
        if state is TaskState.SUCCEEDED:
            side = LARGE_PX if source.startswith(b"large") else 1
            if spent != price(side, task.options.most_results):
                self.broken(f"{task.id} of {source!r} cost {spent}")
            assert self.blobs is not None
            blob = "" if task.result is None else task.result.blob
            suffix = "zip" if task.options.widths else "jpg"
            if not blob.endswith(f"/{task.id}-{task.attempt}.{suffix}"):  # as links to it are named
                self.broken(f"{task.id} ended with {blob} in its attempt {task.attempt}")
            in_row = task.result is not None and task.result.in_row
            content = self._rows.tables["row_results"].get(task.id) if in_row else self.blobs.content.get(blob)
            if content != result_of(source):
                self.broken(f"{task.id} of {source!r} ended with {content!r}")

    def _is_poor(self, task: Task) -> bool:
        """Whether the key cannot, or may not, pay for the picture, or could not while it was worked on."""
        account = self._rows.tables["accounts"][task.key_id][0]
        left = account.credits
        raised = task.options.most_results  # from a small picture's price to a large one's
        was_poor = self._poor_until.get((task.key_id, raised), 0.0) >= self._claimed_at.get(task.id, task.created_at)
        is_poor = left is not None and left < price(LARGE_PX, raised)
        return was_poor or account.revoked_at is not None or is_poor

    def _look_at_end_of_batch(self, batch: Batch) -> None:
        self.ended_at[batch.id] = self._scheduler.now
        tasks = self._rows.tables["tasks"]
        for (of_batch, _), row in self._rows.tables["items"].items():
            task = tasks.get(row.item.task_id)
            if of_batch == batch.id and (task is None or not task.state.is_final):
                self.broken(f"batch {batch.id} ended before its item {row.item.number}")
        if batch.callback is not None and batch.id not in self._rows.tables["notices"]:
            self.broken(f"batch {batch.id} ended and its notice was not kept with it")

    def _picture_of(self, task: Task) -> bytes:
        source = self.sources.get(task.id, b"")
        if task.source_kind.is_address:
            return urlsplit(source.decode()).path.removeprefix("/").replace("-", " ").encode()
        return source

    def _is_early(self, ended_id: str) -> bool:
        ended_at = self.ended_at.get(ended_id)
        return ended_at is None or self._scheduler.now < ended_at + self._retention_s - 2 * MAX_SKEW_S
