"""The service's database over model rows: transactions with all repositories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulation.model_accounts import ModelAccounts
from tests.simulation.model_batches import ModelBatches
from tests.simulation.model_notices import ModelNotices
from tests.simulation.model_tasks import ModelTasks
from tests.simulation.rows import Rows, Work
from tests.simulation.statements import Repository, statement

from leanpix.domain.submission import Submission
from leanpix.domain.task import Task


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


class ModelInstallation(Repository):
    """The rows of the installation: its secret's and its store's."""

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

    @statement
    def store_marker(self) -> str | None:
        found: str | None = self.work.get("installation", 2)
        return found

    @statement
    def claim_store(self, marker: str) -> str:
        found: str | None = self.work.lock_place("installation", 2)
        if found is not None:
            return found
        self.work.write("installation", 2, marker)
        return marker

    @statement
    def replace_store(self, marker: str) -> None:
        self.work.lock_place("installation", 2)
        self.work.write("installation", 2, marker)


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
    def deliveries(self) -> ModelNotices:
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

    def announce(self, task: Task) -> bool:
        """Nobody waits by signal here."""
        del task
        return False

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
    def transaction(self, *, waits: bool = True) -> Iterator[ModelTransaction]:
        work = Work(self.rows, is_transaction=True, waits=waits)
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
