"""The service's database over model rows: the same statements as the SQL ones, each one step."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import NoResultFound
from tests.simulation.rows import Rows, Work

from leanpix.domain.account import Account, DayUsage, LedgerKind
from leanpix.domain.batch import MOST_ITEMS, Batch, BatchItem
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.submission import Submission
from leanpix.domain.task import FencingToken, Outcome, QueueEntry, Task
from leanpix.domain.webhook import Callback, DueWebhook, WebhookDelivery, WebhookSalts, WebhookState

_DAY_S = 86400
_P = ParamSpec("_P")
_R = TypeVar("_R")


class ConstraintError(sqlite3.IntegrityError):
    """The store refuses what would break a constraint."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger."""

    key_id: str
    credits: int
    created_at: float


class Repository:
    """The rows of one kind in one transaction."""

    __slots__ = ("work",)

    def __init__(self, work: Work) -> None:
        self.work = work


def statement(method: Callable[Concatenate[Any, _P], _R]) -> Callable[Concatenate[Any, _P], _R]:
    """A method that is one statement: nothing comes between its parts but waits for locks."""
    what = method.__qualname__.removeprefix("Model").lower()

    @wraps(method)
    def run(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        work: Work = self.work
        work.statement(what)
        with work.rows.mutex:
            result = method(self, *args, **kwargs)
            if work.written:
                work.end_statement(what)
        return result

    return run


class ModelTasks(Repository):
    """The task rows."""

    __slots__ = ()

    @statement
    def add(self, task: Task) -> None:
        self._insert("tasks", task.id, replace(task, processed_at=None, completed_at=None, owner=None))

    @statement
    def get(self, task_id: str) -> Task | None:
        found: Task | None = self.work.get("tasks", task_id)
        return found

    @statement
    def claim(self, task_id: str, owner: str, now: float) -> Task | None:
        task: Task | None = self.work.lock("tasks", task_id)
        if task is None or task.completed_at is not None or task.owner is not None:
            return None
        since = now if task.processed_at is None else task.processed_at
        claimed = replace(
            task, owner=owner, attempt=task.attempt + 1, beat=0, state=TaskState.PREPARING, processed_at=since
        )
        self.work.write("tasks", task_id, claimed)
        return claimed

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
        done = self._update(
            fence,
            state=outcome.state,
            message=outcome.message,
            completed_at=now,
            charged=charged,
            owner=None,
            result=outcome.result,
            report=outcome.report,
        )
        if done and outcome.made_of is not None:
            self.work.write("made_of", fence.task_id, outcome.made_of)
        return done

    @statement
    def made_of(self, token: str, completed_after: float) -> Task | None:
        made = [self.work.get("tasks", task_id) for task_id, of in self.work.every("made_of") if of == token]
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
    def ready(self, limit: int) -> list[QueueEntry]:
        unfinished = [
            task for _, task in self.work.every("tasks") if task.completed_at is None and task.fetch_host is None
        ]
        unfinished.sort(key=lambda task: (task.owner is None, task.batch_id is not None, task.created_at))
        seen: Counter[str] = Counter()
        line = []
        for task in unfinished:
            seen[task.key_id] += 1
            if task.owner is None:
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
        revoked = _revoked(self.work)
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
                self.work.write("made_of", task_id, None)

    @statement
    def count_unfinished(self, key_id: str) -> tuple[int, int]:
        unfinished = [task.key_id for _, task in self.work.every("tasks") if task.completed_at is None]
        return unfinished.count(key_id), len(unfinished)

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


def _same(task: Task, fence: FencingToken) -> bool:
    return task.owner == fence.owner and task.attempt == fence.attempt


def _revoked(work: Work) -> set[str]:
    return {account.id for _, (account, _) in work.every("accounts") if account.revoked_at is not None}


class ModelAccounts(Repository):
    """The accounts. A statement of the SQL store is a private method here: each is a step of its own."""

    __slots__ = ()

    @statement
    def add(self, account: Account, secret_hash: bytes) -> None:
        if self.work.lock_place("accounts", account.id) is not None:
            raise ConstraintError("accounts.id")
        self.work.write("accounts", account.id, (account, secret_hash))

    @statement
    def get(self, key_id: str) -> Account | None:
        found = self.work.get("accounts", key_id)
        return None if found is None else found[0]

    @statement
    def credentials(self, key_id: str) -> tuple[Account, bytes] | None:
        found: tuple[Account, bytes] | None = self.work.get("accounts", key_id)
        return found

    @statement
    def list(self, offset: int = 0, limit: int | None = None) -> list[Account]:
        found = [account for _, (account, _) in self.work.every("accounts")]
        found.sort(key=lambda account: (account.created_at, account.id))
        return found[offset:] if limit is None else found[offset : offset + limit]

    @statement
    def rehash(self, key_id: str, secret_hash: bytes) -> None:
        found = self.work.lock("accounts", key_id)
        if found is not None:
            self.work.write("accounts", key_id, (found[0], secret_hash))

    @statement
    def any(self) -> bool:
        return any(True for _ in self.work.every("accounts"))

    @statement
    def revoke(self, key_id: str, now: float) -> bool:
        found = self.work.lock("accounts", key_id)
        if found is None:
            return False
        self.work.write("accounts", key_id, (replace(found[0], revoked_at=now), found[1]))
        return True

    def topup(self, key_id: str, credit: int, now: float) -> bool:
        done = self._add_credit(key_id, credit)
        if done:
            self._enter_topup(key_id, credit, now)
        return done

    def hold(self, key_id: str, task_id: str, credit: int, now: float) -> bool:
        if not self._take(key_id, credit, to_hold=True):
            return False
        self._enter(key_id, task_id, LedgerKind.HOLD, -credit, now)
        return True

    def raise_hold(self, key_id: str, task_id: str, credit: int) -> bool:
        if not self._take(key_id, credit - self._held(task_id)):
            return False
        self._raise(task_id, credit)
        return True

    @statement
    def is_revoked(self, key_id: str) -> bool:
        found = self.work.get("accounts", key_id)
        return found is not None and found[0].revoked_at is not None

    @statement
    def covers(self, key_id: str, credit: int) -> bool:
        found = self.work.lock("accounts", key_id)
        return found is None or found[0].credits is None or found[0].credits >= credit

    def settle(self, key_id: str, task_id: str, cost: int, now: float) -> bool:
        if not self._close(key_id, task_id, cost):
            self._held(task_id)
            return False
        self._enter(key_id, task_id, LedgerKind.SETTLE, -cost, now)
        self._count_in(key_id, int(now // _DAY_S), cost)
        return True

    def release(self, key_id: str, task_id: str, now: float) -> None:
        held = self._held(task_id)
        self._take(key_id, -held)
        self._enter(key_id, task_id, LedgerKind.RELEASE, held, now)

    @statement
    def usage(self, key_id: str, first_day: int) -> Sequence[DayUsage]:
        days = [
            usage for (of_key, day), usage in self.work.every("usage_days") if of_key == key_id and day >= first_day
        ]
        return sorted(days, key=lambda usage: usage.day)

    @statement
    def forget_closed(self, closed_before: float, limit: int) -> int:
        closed = [
            task_id
            for (task_id, kind), entry in self.work.every("ledger")
            if kind is not LedgerKind.HOLD and entry.created_at < closed_before
        ][:limit]
        for task_id in closed:
            for kind in (LedgerKind.HOLD, LedgerKind.SETTLE, LedgerKind.RELEASE):
                if self.work.get("ledger", (task_id, kind)) is not None:
                    self.work.write("ledger", (task_id, kind), None)
        return len(closed)

    @statement
    def _add_credit(self, key_id: str, credit: int) -> bool:
        found = self.work.lock("accounts", key_id)
        if found is None or found[0].credits is None:
            return False
        self._balance(found, found[0].credits + credit)
        return True

    @statement
    def _enter_topup(self, key_id: str, credit: int, now: float) -> None:
        self.work.write("topups", self.work.rows.next_number(), Entry(key_id, credit, now))

    @statement
    def _take(self, key_id: str, credit: int, *, to_hold: bool = False) -> bool:
        found = self.work.lock("accounts", key_id)
        if found is None or (found[0].credits is not None and found[0].credits < credit):
            return False
        if to_hold and found[0].revoked_at is not None:
            return False
        self._balance(found, None if found[0].credits is None else found[0].credits - credit)
        return True

    @statement
    def _close(self, key_id: str, task_id: str, cost: int) -> bool:
        hold = self.work.get("ledger", (task_id, LedgerKind.HOLD))
        found = self.work.lock("accounts", key_id)
        if found is None or hold is None:
            return False
        left = None if found[0].credits is None else found[0].credits - cost - hold.credits
        if left is not None and left < 0:
            return False
        self._balance(found, left)
        return True

    @statement
    def _held(self, task_id: str) -> int:
        hold = self.work.get("ledger", (task_id, LedgerKind.HOLD))
        if hold is None:
            raise NoResultFound
        return int(-hold.credits)

    @statement
    def _enter(self, key_id: str, task_id: str, kind: LedgerKind, credit: int, now: float) -> None:
        # As the table's constraints say: one entry of a kind, and one of those that close a hold.
        closing = (LedgerKind.SETTLE, LedgerKind.RELEASE)
        for other in closing if kind in closing else (kind,):
            if self.work.lock_place("ledger", (task_id, other)) is not None:
                raise ConstraintError(f"ledger: {task_id} has {other}")
        self.work.write("ledger", (task_id, kind), Entry(key_id, credit, now))

    @statement
    def _raise(self, task_id: str, credit: int) -> None:
        hold = self.work.lock("ledger", (task_id, LedgerKind.HOLD))
        self.work.write("ledger", (task_id, LedgerKind.HOLD), replace(hold, credits=-credit))

    @statement
    def _count_in(self, key_id: str, day: int, cost: int) -> None:
        found: DayUsage | None = self.work.lock_place("usage_days", (key_id, day))
        before = found or DayUsage(day, 0, 0)
        self.work.write("usage_days", (key_id, day), DayUsage(day, before.tasks + 1, before.credits + cost))

    def _balance(self, found: tuple[Account, bytes], left: int | None) -> None:
        if left is not None and left < 0:
            raise ConstraintError("credits_never_negative")
        self.work.write("accounts", found[0].id, (replace(found[0], credits=left), found[1]))


class ModelSubmissions(Repository):
    """Creates with idempotency keys."""

    __slots__ = ()

    @statement
    def find(self, key_id: str, token: str) -> Submission | None:
        found: Submission | None = self.work.get("submissions", (key_id, token))
        return found

    def claim(self, submission: Submission) -> Submission:
        if self._insert(submission):
            return submission
        return self.find(submission.key_id, submission.token) or self.claim(submission)

    @statement
    def forget(self, created_before: float, limit: int) -> int:
        old = [
            key
            for key, one in self.work.every("submissions")
            if one.created_at < created_before and self.work.get("tasks", one.task_id) is None
        ][:limit]
        for key in old:
            if self.work.lock("submissions", key) is not None:
                self.work.write("submissions", key, None)
        return len(old)

    @statement
    def _insert(self, submission: Submission) -> bool:
        key = (submission.key_id, submission.token)
        if self.work.lock_place("submissions", key) is not None:
            return False
        self.work.write("submissions", key, submission)
        return True


class ModelNotices(Repository):
    """What has to be told."""

    __slots__ = ()

    @statement
    def add(self, ended_id: str, key_id: str, callback: Callback, now: float) -> None:
        if self.work.lock_place("notices", ended_id) is not None:
            raise ConstraintError(f"notices has {ended_id}")
        self.work.write(
            "notices", ended_id, WebhookDelivery(ended_id, key_id, callback, now, WebhookState.PENDING, 0, due_at=now)
        )

    @statement
    def due(self, now: float, furthest: float, per_host: int, limit: int) -> Sequence[DueWebhook]:
        due = [notice for _, notice in self.work.every("notices") if _is_due(notice, now, furthest)]
        due.sort(key=lambda notice: notice.due_at)
        of_host: Counter[str] = Counter()
        of_key: Counter[str] = Counter()
        shared = []
        for notice in due:
            of_host[notice.callback.host] += 1
            if of_host[notice.callback.host] <= per_host:
                shared.append((of_host[notice.callback.host], notice))
        shared.sort(key=lambda place: (place[0], place[1].due_at))
        turns = []
        for _, notice in shared:
            of_key[notice.key_id] += 1
            turns.append((of_key[notice.key_id], notice.due_at, notice))
        turns.sort(key=lambda place: place[:2])
        return [DueWebhook(one.task_id, one.key_id, one.callback.host) for _, _, one in turns[:limit]]

    @statement
    def claim(self, task_id: str, now: float, furthest: float, until: float) -> WebhookDelivery | None:
        notice: WebhookDelivery | None = self.work.lock("notices", task_id)
        if notice is None or not _is_due(notice, now, furthest):
            return None
        begun = replace(notice, attempt=notice.attempt + 1, due_at=until)
        self.work.write("notices", task_id, begun)
        return begun

    @statement
    def note(self, notice: WebhookDelivery) -> bool:
        found: WebhookDelivery | None = self.work.lock("notices", notice.task_id)
        if found is None or found.attempt != notice.attempt:
            return False
        noted = replace(found, state=notice.state, due_at=notice.due_at, tries=notice.tries)
        self.work.write("notices", notice.task_id, noted)
        return True

    @statement
    def recent(self, key_id: str, limit: int) -> Sequence[WebhookDelivery]:
        of_key = [notice for _, notice in self.work.every("notices") if notice.key_id == key_id]
        return sorted(of_key, key=lambda notice: -notice.created_at)[:limit]

    @statement
    def remove_before(self, created_before: float) -> None:
        old = [key for key, notice in self.work.every("notices") if notice.created_at < created_before]
        for key in old:
            self.work.lock("notices", key)
            self.work.write("notices", key, None)

    @statement
    def salts(self, key_id: str) -> WebhookSalts | None:
        found: WebhookSalts | None = self.work.get("salts", key_id)
        return found

    @statement
    def set_salts(self, key_id: str, salts: WebhookSalts) -> None:
        self.work.lock_place("salts", key_id)
        self.work.write("salts", key_id, salts)


def _is_due(notice: WebhookDelivery, now: float, furthest: float) -> bool:
    return notice.due_at is not None and (notice.due_at <= now or notice.due_at > furthest)


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
        revoked = _revoked(self.work)
        unfinished = [batch for _, batch in self.work.every("batches") if batch.completed_at is None]
        return [batch for batch in unfinished if batch.key_id in revoked]

    def cancel_waiting(self, batch: Batch, message: str, now: float) -> Sequence[str]:
        task_ids = [item.task_id for item in self.waiting(batch.id, MOST_ITEMS)]
        if task_ids:
            self._add_cancelled(batch, message, now)
            self._begin_all(batch.id)
        return task_ids

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
            self.work.write("made_of", task_id, None)

    @statement
    def _delete_items(self, batch_id: str) -> None:
        for row in list(self._items(batch_id)):
            self.work.write("items", (batch_id, row.item.number), None)

    @statement
    def _delete_batch(self, batch_id: str) -> None:
        self.work.lock("batches", batch_id)
        self.work.write("batches", batch_id, None)

    @statement
    def _add_cancelled(self, batch: Batch, message: str, now: float) -> None:
        for row in self._items(batch.id):
            if row.is_waiting:
                task = Task(
                    id=row.item.task_id,
                    key_id=batch.key_id,
                    state=TaskState.CANCELLED,
                    options=batch.options,
                    return_type=ReturnType.URL,
                    source_kind=row.item.source_kind,
                    created_at=now,
                    held=0,
                    completed_at=now,
                    message=message,
                    batch_id=batch.id,
                )
                if self.work.lock_place("tasks", task.id) is not None:
                    raise ConstraintError(f"tasks has {task.id}")
                self.work.write("tasks", task.id, task)

    @statement
    def _begin_all(self, batch_id: str) -> None:
        for row in self._items(batch_id):
            if row.is_waiting:
                key = (batch_id, row.item.number)
                self.work.lock("items", key)
                self.work.write("items", key, replace(row, is_waiting=False))

    def _items(self, batch_id: str) -> list[ItemRow]:
        of_batch = [row for key, row in self.work.every("items") if key[0] == batch_id]
        return sorted(of_batch, key=lambda row: row.item.number)


class ModelInstallation(Repository):
    """The one row of the installation."""

    __slots__ = ()

    @statement
    def secret_fingerprint(self) -> str | None:
        found: str | None = self.work.get("installation", 1)
        return found

    @statement
    def claim_secret(self, fingerprint: str) -> str:
        found: str | None = self.work.lock_place("installation", 1)
        if found is not None:
            return found
        self.work.write("installation", 1, fingerprint)
        return fingerprint

    @statement
    def replace_secret(self, fingerprint: str) -> None:
        self.work.lock_place("installation", 1)
        self.work.write("installation", 1, fingerprint)


class ModelTransaction(Repository):
    """The repositories of one transaction, and delivery within it. Each is made where it is asked for."""

    __slots__ = ()

    @property
    def tasks(self) -> ModelTasks:
        return ModelTasks(self.work)

    @property
    def accounts(self) -> ModelAccounts:
        return ModelAccounts(self.work)

    @property
    def submissions(self) -> ModelSubmissions:
        return ModelSubmissions(self.work)

    @property
    def notices(self) -> ModelNotices:
        return ModelNotices(self.work)

    @property
    def batches(self) -> ModelBatches:
        return ModelBatches(self.work)

    @property
    def installation(self) -> ModelInstallation:
        return ModelInstallation(self.work)

    def enqueue(self, task_id: str) -> None:
        if self.work.rows.is_shared:  # on one machine the task's own row is its delivery
            self._defer(task_id)

    def entries(self, task_id: str) -> list[tuple[str, int]]:
        """The ledger's entries of a task: kind and credits, oldest first."""
        found = [(kind, entry.credits) for (of_task, kind), entry in self.work.every("ledger") if of_task == task_id]
        return [(kind.value, credit) for kind, credit in found]

    @statement
    def _defer(self, task_id: str) -> None:
        self.work.write("jobs", self.work.rows.next_number(), Job(task_id))


@dataclass(frozen=True, slots=True)
class Job:
    """A delivery that waits, or that the worker of this name has in hand."""

    task_id: str
    worker: str | None = None


class ModelDatabase:
    """The port `Database` over model rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    @contextmanager
    def transaction(self) -> Iterator[ModelTransaction]:
        work = Work(self.rows, is_transaction=True)
        try:
            work.begin()
            yield ModelTransaction(work)
            work.commit()
        finally:
            if not (work.is_over or work.is_left):
                with self.rows.mutex:
                    self.rows.failures.let_go(work)

    @contextmanager
    def autocommit(self) -> Iterator[ModelTransaction]:
        yield ModelTransaction(Work(self.rows, is_transaction=False))

    @contextmanager
    def reading(self) -> Iterator[ModelTransaction]:
        yield ModelTransaction(Work(self.rows, is_transaction=False))
