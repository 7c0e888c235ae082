"""What the use cases need of the outside: each port has an adapter for one machine and one for many, and a fake.

Everything here is synchronous: use cases run in worker threads, never on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from leanpix.domain.account import Account, DayUsage, RateBucket
from leanpix.domain.batch import Batch, BatchItem
from leanpix.domain.export_target import ExportTarget
from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.request import CompressionOptions
from leanpix.domain.room import Room
from leanpix.domain.source_headers import SourceHeaders
from leanpix.domain.states import TaskState
from leanpix.domain.submission import Submission
from leanpix.domain.task import FencingToken, Outcome, QueueEntry, StoredResult, Task
from leanpix.domain.webhook import Callback, DueWebhook, WebhookAnswer, WebhookDelivery, WebhookSalts


class Tasks(Protocol):
    """The task rows, inside one transaction."""

    def add(self, task: Task, source: bytes | None = None) -> None:
        """Insert a new row; source: an upload that is to lie in it until the task has ended."""

    def get(self, task_id: str) -> Task | None:
        """The row, or None."""

    def source(self, task_id: str) -> bytes | None:
        """The upload that lies in the row, or None."""

    def claim(self, task_id: str, owner: str, now: float) -> Task | None:
        """Take a waiting task: next attempt, state PREPARING. None where it is not waiting any more.

        One whose source is held waits for its owner only.
        """

    def promise(self, task_id: str, owner: str) -> bool:
        """The source of a task that this owner held is stored: it waits for anybody, or its attempt goes on.

        False where it is not held any more.
        """

    def forget(self, fence: FencingToken) -> bool:
        """Remove a task whose source was held by a process that is gone; False where the fence is lost."""

    def seize(self, task_id: str, owner: str) -> Task | None:
        """Take an unfinished task, whoever has it, to end it; None where it has ended.

        The attempt under way loses its fence.
        """

    def advance(self, fence: FencingToken, state: TaskState) -> bool:
        """Record a finer state; False where the fence is lost."""

    def finish(self, fence: FencingToken, outcome: Outcome, now: float, charged: int) -> bool:
        """Record how the task ended; False where the fence is lost, and then nothing is written."""

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

    def count_unfinished(self, key_id: str) -> tuple[int, int]:
        """How many tasks have not ended: this key's, and everybody's."""


class Accounts(Protocol):
    """Keys and their credits, inside one transaction."""

    def add(self, account: Account, secret_hash: bytes) -> None:
        """Insert a key; only the hash of its secret is kept."""

    def get(self, key_id: str) -> Account | None:
        """The account, or None."""

    def credentials(self, key_id: str) -> tuple[Account, bytes] | None:
        """The account and the stored hash of the key's secret, or None."""

    def list(self, offset: int = 0, limit: int | None = None) -> list[Account]:
        """Accounts, oldest first: all of them, or a page."""

    def rehash(self, key_id: str, secret_hash: bytes) -> None:
        """Let another secret open the account."""

    def any(self) -> bool:
        """Whether there is any account at all."""

    def revoke(self, key_id: str, now: float) -> bool:
        """Refuse the key from now on; False where there is no such key."""

    def topup(self, key_id: str, credit: int, now: float) -> bool:
        """Add credits to a limited key; False where there is no such limited key."""

    def hold(self, key_id: str, task_id: str, credit: int, now: float) -> bool:
        """Set credits aside for a task; False where there are too few, or the key has been revoked."""

    def raise_hold(self, key_id: str, task_id: str, credit: int) -> bool:
        """Have so many credits set aside for a task in place of fewer; False where there are too few."""

    def is_revoked(self, key_id: str) -> bool:
        """Whether the key has been revoked."""

    def covers(self, key_id: str, credit: int) -> bool:
        """Whether so much can be taken; the balance stays as it is until the transaction ends."""

    def settle(self, key_id: str, task_id: str, cost: int, now: float) -> bool:
        """Turn a task's hold into a charge of `cost`; False where the balance does not cover a larger cost.

        Settling or releasing a task twice is an error of ours and violates a constraint of the store.
        """

    def release(self, key_id: str, task_id: str, now: float) -> None:
        """Give a task's hold back."""

    def usage(self, key_id: str, first_day: int) -> Sequence[DayUsage]:
        """What was charged on each day from that one on, oldest first; days without a charge are left out.

        Days count from the Unix epoch, in UTC. They are summed up as tasks are settled, and outlive the ledger's rows.
        """

    def forget_closed(self, closed_before: float, limit: int) -> int:
        """Remove the ledger's rows of tasks that were settled or released before then; returns how many tasks."""


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


class WebhookDeliveries(Protocol):
    """What has to be told to receivers, and the salts of their secrets, inside one transaction."""

    def add(self, ended_id: str, key_id: str, callback: Callback, now: float) -> None:
        """Have the end of a task or a batch told."""

    def due(self, now: float, furthest: float, per_host: int, limit: int) -> Sequence[DueWebhook]:
        """Webhook deliveries whose time has come: at most per_host of a host, and keys by turns.

        One that is due after `furthest` was written by a clock that has been set back since: it is due now.
        """

    def claim(self, task_id: str, now: float, furthest: float, until: float) -> WebhookDelivery | None:
        """Begin a try that counts as lost at `until`; None where somebody else has begun one, or it is over."""

    def note(self, notice: WebhookDelivery) -> bool:
        """Record how a try went; False where another one was begun since, and then nothing is written."""

    def recent(self, key_id: str, limit: int) -> Sequence[WebhookDelivery]:
        """A key's notices, the newest first."""

    def remove_before(self, created_before: float) -> None:
        """Forget the notices of tasks that ended before the given time."""

    def salts(self, key_id: str) -> WebhookSalts | None:
        """What the key's secrets are derived with, or None where it has not made one yet."""

    def set_salts(self, key_id: str, salts: WebhookSalts) -> None:
        """Replace them."""


class Batches(Protocol):
    """Batches and their items, inside one transaction."""

    def add(self, batch: Batch, items: Iterable[BatchItem]) -> None:
        """Insert a batch whose items all wait."""

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None."""

    def unfinished(self) -> Sequence[Batch]:
        """Every batch that has not ended, oldest first."""

    def count_unfinished(self, key_id: str) -> int:
        """How many batches of the key have not ended."""

    def waiting(self, batch_id: str, limit: int) -> Sequence[BatchItem]:
        """The next items that have no task yet."""

    def begin(self, batch_id: str, number: int) -> None:
        """The item has a task from now on."""

    def count_tasks(self, key_id: str) -> int:
        """How many unfinished tasks of the key are items of batches."""

    def of_revoked_keys(self) -> Sequence[Batch]:
        """Every unfinished batch whose key has been revoked."""

    def end_waiting(
        self, batch: Batch, outcome: Outcome, now: float, task_ids: Sequence[str] | None = None
    ) -> Sequence[str]:
        """Make ended tasks, by this outcome and without a charge, of items that still wait; the tasks' ids.

        task_ids: only of items whose tasks will have these ids.
        """

    def stored(self, key_id: str) -> tuple[int, int]:
        """Bytes of sources that unfinished batches came with: this key's, and everybody's."""

    def end(self, batch_id: str, now: float) -> bool:
        """Record that the batch has ended, where none of its items waits or is under way, and it has not yet."""

    def counts(self, batch_id: str) -> Mapping[TaskState | None, int]:
        """How many items are in each state; None: without a task yet."""

    def items(self, batch_id: str, offset: int, limit: int) -> Sequence[tuple[BatchItem, Task | None]]:
        """Some of the items by their numbers, each with its task where it has one."""

    def owns(self, task_id: str) -> bool:
        """Whether the task, there already or not, belongs to a batch that is still kept."""

    def ended_before(self, completed_before: float, limit: int) -> Sequence[str]:
        """Ids of batches that ended before the given time."""

    def task_ids(self, batch_id: str) -> Sequence[str]:
        """The ids of all its items' tasks."""

    def delete(self, batch_id: str) -> None:
        """Remove the batch, its items and their tasks."""


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
    def notices(self) -> WebhookDeliveries:
        """What has to be told to receivers."""

    @property
    def batches(self) -> Batches:
        """Many pictures sent at once."""

    @property
    def installation(self) -> Installation:
        """What holds for the whole installation."""

    def enqueue(self, task_id: str) -> None:
        """Have the task delivered to a worker once the transaction is kept."""


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


class RateLimits(Protocol):
    """Exact rates and budgets per key, over every process."""

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        """Use one request of the key's rate: 0.0 when allowed, else the seconds until it would be."""

    def spend(self, key_id: str, bucket: RateBucket, amount: float, per_s: float) -> None:
        """Count what was used of a budget that grows by per_s a second, whether or not there was so much."""

    def owed_s(self, key_id: str, bucket: RateBucket) -> float:
        """How long the budget has to grow until what was spent of it is made up for; 0.0 where nothing is owed."""


class Blobs(Protocol):
    """Where sources and results lie. Keys are paths of letters, digits, `-`, `.` and `/`.

    A store that does not answer raises StoreUnavailableError; a local disk that refuses, OSError.
    """

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        """Store content, replacing what was there; whole or not at all. A file may be taken over rather than copied.

        waits False: a power cut may undo it until `flush` has returned.
        """

    def flush(self) -> None:
        """Wait until all that was put without waiting would outlive a power cut."""

    def get(self, key: str) -> bytes | None:
        """The content, or None."""

    def open(self, key: str) -> BinaryIO | None:
        """The content as an open file that has a descriptor, to be closed by the caller; or None.

        It stays readable and as it is, whatever happens to the blob.
        """

    def stream(self, key: str) -> BlobStream | None:
        """The content in chunks, or None."""

    def delete(self, key: str) -> None:
        """Remove a blob; none there is no error."""

    def discard(self, key: str) -> None:
        """Remove a blob that nobody needs, at once or within a second or so; the store may be away."""

    def delete_under(self, prefix: str) -> None:
        """Remove every blob whose key is the prefix, or lies in that folder; none there is no error."""

    def delete_all(self, prefixes: Sequence[str]) -> None:
        """The same for many prefixes, as fast as the store can."""

    def older_than(self, age_s: float) -> Iterable[str]:
        """Keys of blobs last written more than age_s seconds ago."""

    def has_room(self, more_bytes: int = 0) -> bool:
        """Whether more can be stored, so many bytes beside what lies there already."""

    def room(self) -> Room | None:
        """How much room there is, or None where the store has no end that could be asked for."""

    def glance(self, key: str) -> bytes | None:
        """The content, or None, asked once and without patience; StoreRefusedError where no patience would help."""

    def close(self) -> None:
        """Remove what is still to be discarded."""

    @property
    def presigns(self) -> bool:
        """Whether `presign` gives URLs at all; asking costs nothing."""

    def presign(self, key: str, expires_s: float) -> str | None:
        """A URL that reads the blob without a key, or None where this store cannot."""


class BlobStream(Protocol):
    """A blob's content as it is read: in chunks, once. Close it to stop early."""

    @property
    def size_bytes(self) -> int:
        """The whole content's length."""

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, in order."""

    def close(self) -> None:
        """Read no further; may be called again."""


class ResultExporter(Protocol):
    """Stores of those who ask for results to be put there."""

    def put(self, shelf: ExportTarget, content: bytes, media_type: str) -> str:
        """Store the content; its URL there.

        InvalidParameterError for a place that is not allowed, CallerError where the store does not take it,
        CapacityError where it does not answer.
        """


class Sink(Protocol):
    """Takes bytes as they come."""

    def write(self, piece: bytes, /) -> int:
        """Write at the end; OSError where it takes no more."""


class Fetcher(Protocol):
    """Fetches sources by URL."""

    def fetch(self, url: str, into: Sink, headers: SourceHeaders = ()) -> None:
        """Write the picture's bytes as they come; TaskFailure with DOWNLOAD_FAILED or SOURCE_TOO_LARGE.

        headers: sent to the address's own scheme, host and port, and to no other that a redirect names.
        What the sink raises passes through.
        """


class Poster(Protocol):
    """Delivers messages to URLs that strangers gave."""

    def admits(self, url: str) -> bool:
        """Whether the URL as it is written may be posted to; nothing is looked up, so it may still be refused."""

    def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> WebhookAnswer:
        """Deliver the body; what was answered. LeanpixError where there is no answer."""


class Compressor(Protocol):
    """Runs the engine where it can be killed."""

    def run(  # noqa: PLR0913 - one call a picture; each is optional but for the first three
        self,
        source: BinaryIO,
        options: CompressionOptions,
        *,
        timeout_s: float,
        tenant: str | None = None,
        on_phase: Callable[[str], None] | None = None,
        on_sides: Callable[[int], None] | None = None,
        on_spent: Callable[[float], None] | None = None,
        given_up: int | None = None,
    ) -> CompressionView:
        """Compress an open file that has a descriptor; TaskFailure with the state that fits when there is no result.

        tenant: whose picture this is. A process that has seen one tenant's pictures never sees another's; without one
        it sees this picture alone. on_sides is told the longest side in px of source and result, by the header, before
        a pixel is decoded; what it raises ends the job. on_spent is told the processor seconds that the job took,
        however it ended. given_up: a descriptor that is readable once nobody wants the result any more; the job then
        ends with CANCELLED.
        """

    def status(self) -> Mapping[str, str]:
        """What protects the processes, layer by layer: `on`, or `off: why`."""


class Review(Protocol):
    """Whether results may be published, by the operator's own policy."""

    def __call__(self, task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
        """TaskFailure where the result may not be published."""


class Signals(Protocol):
    """Wakes whoever waits for a task, or for work; a lost signal only costs the wait until the next poll."""

    def task_ended(self, task_id: str, task: Task | None = None) -> None:
        """Wake those who wait for this task; they need not look it up where it is given as it ended."""

    def work_added(self) -> None:
        """Wake a worker that has nothing to do."""

    def address_added(self) -> None:
        """Wake those who fetch sources."""


class TaskQueue(Protocol):
    """Hands ids of waiting tasks to a worker."""

    def run(self, handle: Callable[[str], bool], *, concurrency: int, spare: int = 0) -> None:
        """Call `handle(task_id)` in up to `concurrency` threads until `stop`; returns when all have ended.

        In `spare` threads more, those tasks whose key has nothing else in hand.

        handle tells whether the task was still there to be taken. Keys take turns: a backlog of one delays no other.
        """

    def free(self, task_id: str) -> None:
        """A task that was delivered needs its slot no more, though handling it may go on for a moment."""

    def stop(self) -> None:
        """Deliver nothing more."""


Clock = Callable[[], float]
NewId = Callable[[], str]
"""Makes the ids of tasks and batches: never the same twice."""
