"""Reading a task: only its own key sees it, and only while it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from leanpix.domain.account import QUERY_RATE_FACTOR, Account, RateBucket
from leanpix.domain.errors import NotFoundError, RateLimitedError
from leanpix.domain.task import Task
from leanpix.service.ports import Clock, Database, RateLimits

_NOT_FOUND = "there is no such task: it may have expired, or the task_id is wrong"


@dataclass(frozen=True, slots=True)
class Query:
    """The use case `query`; now gives Unix seconds."""

    database: Database
    rates: RateLimits
    retention_s: float
    now: Clock

    def query(self, account: Account, task_id: str) -> Task:
        """The task, rate-limited; RateLimitedError, NotFoundError (one answer for unknown, expired, another's)."""
        self.count(account)
        return self.task(account, task_id)

    def count(self, account: Account) -> None:
        """Count a query; RateLimitedError."""
        rate = account.qps * QUERY_RATE_FACTOR
        wait_s = self.rates.take(account.id, RateBucket.QUERY, rate)
        if wait_s > 0:
            raise RateLimitedError(f"HTTP 429: more than {rate:g} queries a second with this key", wait_s)

    def task(self, account: Account, task_id: str) -> Task:
        """The task without counting the query; NotFoundError."""
        task = self.named(task_id)
        if task.key_id != account.id:
            raise NotFoundError(_NOT_FOUND)
        return task

    def named(self, task_id: str) -> Task:
        """The task for whoever has a signed name of it; NotFoundError."""
        with self.database.reading() as view:
            task = view.tasks.get(task_id)
        if task is None or self.expires_at(task) <= self.now():
            raise NotFoundError(_NOT_FOUND)
        return task

    def expires_at(self, task: Task) -> float:
        """When an ended task goes, in Unix seconds; never while it is under way."""
        return float("inf") if task.completed_at is None else task.completed_at + self.retention_s
