"""A real database with accounts and tasks in it, and clocks that tests set."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from sqlalchemy import text
from tests.simulation.repositories import ModelTransaction

from leanpix.domain.account import Account
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Report
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import Outcome, SourceKind, StoredResult, Task
from leanpix.domain.webhook import Callback
from leanpix.service.ports import Transaction
from leanpix.stores.sql.database import SqlDatabase, sqlite_database


@dataclass
class SettableClock:
    """A clock that stands still until it is moved."""

    moment: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.moment

    def move(self, seconds: float) -> None:
        self.moment += seconds


class Book:
    """Shortcuts over a database, or over a SQLite one at the given path."""

    def __init__(self, place: Path | SqlDatabase) -> None:
        self.database = sqlite_database(place) if isinstance(place, Path) else place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def account(self, key_id: str = "key", credit: int | None = 10) -> Account:
        account = Account(key_id, key_id, 1e6, credit, is_admin=False, created_at=1.0)
        with self.database.transaction() as change:
            change.accounts.add(account, bytes(32))
        return account

    def task(
        self, key_id: str = "key", *, created_at: float = 1.0, held: int = 1, callback: Callback | None = None
    ) -> str:
        """A queued task with its hold."""
        with self.database.transaction() as change:
            return self.new_task(change, key_id, created_at=created_at, held=held, callback=callback)

    def new_task(
        self,
        change: Transaction,
        key_id: str = "key",
        *,
        created_at: float = 1.0,
        held: int = 1,
        callback: Callback | None = None,
        task_id: str | None = None,
    ) -> str:
        """The same within a transaction."""
        task_id = task_id or str(uuid.uuid4())
        options = CompressionOptions(quality=80)
        task = Task(task_id, key_id, TaskState.QUEUED, options, ReturnType.URL, SourceKind.UPLOAD, created_at, held)
        assert change.accounts.hold(key_id, task_id, held, created_at)
        change.tasks.add(replace(task, callback=callback))
        return task_id

    def held_task(self, holder: str, *, created_at: float = 1.0) -> str:
        """A task that nobody was told of, and whose source lies with this process."""
        options = CompressionOptions(quality=80)
        task_id = str(uuid.uuid4())
        task = Task(task_id, "key", TaskState.QUEUED, options, ReturnType.URL, SourceKind.HELD, created_at, 1)
        self._add_held(replace(task, owner=holder))
        return task_id

    def begun_task(self, holder: str) -> Task:
        """The same, claimed as it was accepted."""
        options = CompressionOptions(quality=80)
        task_id = str(uuid.uuid4())
        task = Task(task_id, "key", TaskState.PREPARING, options, ReturnType.URL, SourceKind.HELD, 1.0, 1)
        begun = replace(task, owner=holder, attempt=1, processed_at=2.0)
        self._add_held(begun)
        return begun

    def _add_held(self, task: Task) -> None:
        with self.database.transaction(waits=False) as change:
            assert change.accounts.hold(task.key_id, task.id, task.held, task.created_at)
            change.tasks.add(task)

    def claimed(self, task_id: str, owner: str = "me") -> Task:
        with self.database.transaction() as change:
            task = change.tasks.claim(task_id, owner, 2.0)
        assert task is not None
        return task

    def get(self, task_id: str) -> Task:
        with self.database.reading() as view:
            task = view.tasks.get(task_id)
        assert task is not None
        return task

    def credit(self, key_id: str = "key") -> int | None:
        with self.database.reading() as view:
            account = view.accounts.get(key_id)
        assert account is not None
        return account.credits

    def entries(self, task_id: str) -> list[tuple[str, int]]:
        """The ledger's entries of a task: kind and credits, oldest first."""
        with self.database.reading() as view:
            if isinstance(view, ModelTransaction):
                return view.entries(task_id)
            query = text("SELECT kind, credits FROM ledger WHERE task_id = :task_id ORDER BY id")
            return [(row.kind, row.credits) for row in view.connection.execute(query, {"task_id": task_id})]


def success(task: Task, side_px: int = 100) -> Outcome:
    """A good end whose source had this side."""
    report = Report(
        source_format=SourceFormat.JPG,
        source_bytes=1000,
        source_width_px=side_px,
        source_height_px=10,
        format=OutputFormat.JPG,
        result_bytes=500,
        width_px=side_px,
        height_px=10,
        encoder="none",
    )
    result = StoredResult(f"results/{task.id}/{task.attempt}.jpg", OutputFormat.JPG, 500)
    return Outcome(TaskState.SUCCEEDED, "success", result, report)
