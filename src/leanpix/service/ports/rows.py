"""The rows: tasks, creates by their idempotency keys, facts of the installation; the transactions they are seen in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from leanpix.domain.states import TaskState
from leanpix.domain.submission import Submission
from leanpix.domain.task import FencingToken, Outcome, QueueEntry, Task, Unfinished
from leanpix.service.ports.accounts import Accounts, Answer
from leanpix.service.ports.batches import Batches
from leanpix.service.ports.messages import WebhookDeliveries


class Tasks(Protocol):
    """The task rows, inside one transaction."""

    def add(self, task: Task, source: bytes | None = None) -> None:
        """Insert a new row; source: an upload that is to lie in it until the task has ended."""

    def get(self, task_id: str) -> Task | None:
        """The row, or None."""

    def source(self, task_id: str) -> bytes | None:
        """The upload that lies in the row, or None."""

    def result(self, task_id: str, blob: str) -> bytes | None:
        """The result of this key that lies in the row of an ended task, or None."""

    def claim(self, task_id: str, owner: str, now: float) -> Task | None:
        """Take a waiting task: next attempt, state PREPARING. None where it is not waiting any more.

        One whose source is held waits for its owner only. A source that lies in the row comes along.
        """

    def promise(self, task_id: str, owner: str) -> bool:
        """The source of a task that this owner held is stored: it waits for anybody, or its attempt goes on.

        False where it is not held any more.
        """

    def keep(self, task_id: str) -> bool:
        """Have a row outlive a power cut, whoever added it, once this transaction has ended; False where it is gone."""

    def forget(self, fence: FencingToken) -> bool:
        """Remove a task whose source was held by a process that is gone; False where the fence is lost."""

    def seize(self, task_id: str, owner: str) -> Task | None:
        """Take an unfinished task, whoever has it, to end it; None where it has ended.

        The attempt under way loses its fence.
        """

    def advance(self, fence: FencingToken, state: TaskState) -> bool:
        """Record a finer state; False where the fence is lost."""

    def finish(self, fence: FencingToken, outcome: Outcome, now: float, charged: int) -> bool:
        """Record how the task ended; False where the fence is lost, and then nothing is written.

        What is charged for is not recorded of a revoked key either.
        """

    def by_cache_key(self, cache_key: str, completed_after: float) -> Task | None:
        """The newest task whose result was made of the same, and that ended after the given time."""

    def fetched(self, fence: FencingToken) -> bool:
        """The source is there: nobody owns the task, which waits for a worker from now on. False: the fence is lost."""

    def raise_held(self, fence: FencingToken, held: int) -> bool:
        """Record that more credits are held for the task; False where the fence is lost."""

    def hand_back(self, fence: FencingToken, *, is_fault: bool = False) -> bool:
        """Give the task up so that another attempt can be made; False where the fence is lost.

        is_fault: the attempt counts as one that failed, not as one that was interrupted.
        """

    def beat(self, fences: Iterable[FencingToken]) -> Sequence[FencingToken]:
        """Show that these attempts are alive; those of them that are lost: their tasks have ended or are another's."""

    def running(self) -> list[Task]:
        """Every task that somebody owns."""

    def ready(self, limit: int, holder: str = "") -> list[QueueEntry]:
        """The line of tasks that wait for a worker: each key's first before any key's second, the oldest among equals.

        Those whose source has still to be fetched are not in it, and of those whose source is held the holder's only.
        """

    def to_fetch(self, per_host: int, limit: int) -> list[QueueEntry]:
        """The line of tasks whose source has to be fetched, in the same order, each with its host.

        Of each key at most per_host for one host are in it, those under way counted: however many wait for one slow
        host, the key's others and other keys' come after so few.
        """

    def of_revoked_keys(self, limit: int) -> list[Task]:
        """Some unfinished tasks whose key has been revoked."""

    def of_batch(self, batch_id: str, limit: int) -> list[Task]:
        """Some unfinished tasks of a batch."""

    def waiting(self) -> list[str]:
        """Ids of every task that nobody owns and that has not ended."""

    def ended_before(self, completed_before: float, limit: int) -> list[str]:
        """Ids of some tasks that ended before the given time, but for those of batches."""

    def delete(self, task_ids: Iterable[str]) -> None:
        """Remove rows."""

    def count_unfinished(self, key_id: str) -> Unfinished:
        """How many tasks have not ended: this key's, everybody's, and of those how many wait for anybody."""


class Submissions(Protocol):
    """Creates that carried an idempotency key, inside one transaction."""

    def find(self, key_id: str, token: str) -> Submission | None:
        """The submission under this token, or None."""

    def claim(self, submission: Submission) -> Submission:
        """The submission that has the token from now on: this one, or the earlier one that had it already.

        Of several at once exactly one gets it; the others wait until its transaction is kept or undone.
        """

    def forget(self, created_before: float, limit: int) -> int:
        """Remove old ones whose task is gone too; returns how many."""


class Installation(Protocol):
    """Facts of the installation as a whole, inside one transaction."""

    def secret_fingerprint(self) -> str | None:
        """The fingerprint of the secret that keys are hashed with, or None where none was recorded yet."""

    def claim_secret(self, fingerprint: str) -> str:
        """The recorded fingerprint: this one where there was none. Of several at once exactly one gets it."""

    def replace_secret(self, fingerprint: str) -> None:
        """Record another one."""

    def store_marker(self) -> str | None:
        """What the marker in the file store says, or None where none was recorded yet."""

    def claim_store(self, marker: str) -> str:
        """The recorded marker: this one where there was none. Of several at once exactly one gets it."""

    def replace_store(self, marker: str) -> None:
        """Record another one."""


class Transaction(Protocol):
    """One transaction: all of it is kept, or none."""

    @property
    def tasks(self) -> Tasks:
        """The task rows."""

    @property
    def accounts(self) -> Accounts:
        """The keys and their credits."""

    @property
    def submissions(self) -> Submissions:
        """What idempotency keys stand for."""

    @property
    def deliveries(self) -> WebhookDeliveries:
        """What has to be told to receivers."""

    @property
    def batches(self) -> Batches:
        """Many pictures sent at once."""

    @property
    def installation(self) -> Installation:
        """What holds for the whole installation."""

    def enqueue(self, task_id: str) -> None:
        """Have the task delivered to a worker once the transaction is kept."""

    def announce(self, task: Task) -> Answer:
        """Have other nodes told of the task's end once the transaction is kept; the answer, then: whether they were.

        Where that is no saving they are not, and `Signals.task_ended` tells them.
        """


class Database(Protocol):
    """Where rows are kept. A store that does not answer raises StoreUnavailableError, in the middle or at the end."""

    def transaction(self, *, waits: bool = True) -> AbstractContextManager[Transaction]:
        """A transaction that is kept when its block ends, and undone when it raises.

        waits False: a power cut may undo it until a later one that waits has ended.

        OutcomeUnknownError where the database was lost while it was told to keep it: it may have been kept.
        """

    def autocommit(self) -> AbstractContextManager[Transaction]:
        """Each statement is kept at once and by itself, without a wait for the disk: a power cut may undo it.

        For what is one statement, and does no harm where it is lost.
        """

    def reading(self) -> AbstractContextManager[Transaction]:
        """A view, each statement consistent in itself; nothing is written."""
