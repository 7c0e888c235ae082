"""Accepting a batch, and what has become of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from leanpix.domain.account import Account
from leanpix.domain.batch import MOST_ITEMS, Batch, BatchItem
from leanpix.domain.errors import NotFoundError, OutcomeUnknownError, QueueFullError, SourceCountError, StorageFullError
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.domain.submission import Submission, token_of
from leanpix.domain.task import SourceKind, Task
from leanpix.domain.webhook import Callback
from leanpix.service.ids import random_id
from leanpix.service.ports import Blobs, Clock, Database, NewId, Transaction
from leanpix.service.submit import Address, Upload, refuse_png_target, replayed, source_key, stored_form

_RETRY_S = 30.0
_PAGE = 100


@dataclass(frozen=True, slots=True)
class NamedSource:
    """One picture of a batch, and its name for people."""

    name: str
    source: Upload | Address


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """What all items of a batch have in common."""

    options: CompressionOptions
    callback: Callback | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch and how many of its items are in each state; None: waiting for room in the queue."""

    batch: Batch
    counts: Mapping[TaskState | None, int]


@dataclass(slots=True)
class _Intake:
    """Sources on their way into the store, and what they are together."""

    blobs: Blobs
    new_id: NewId
    items: list[BatchItem] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take_all(self, sources: Iterable[NamedSource]) -> None:
        for named in sources:
            self._take(named)
        if not self.items:
            raise SourceCountError("a batch needs at least one picture")

    def drop(self) -> None:
        for item in self.items:
            self.blobs.delete(source_key(item.task_id))

    def _take(self, named: NamedSource) -> None:
        if len(self.items) >= MOST_ITEMS:
            raise SourceCountError(f"a batch takes at most {MOST_ITEMS} pictures")
        kind = SourceKind.URL if isinstance(named.source, Address) else SourceKind.UPLOAD
        item = BatchItem(len(self.items), named.name, self.new_id(), kind)
        content = stored_form(named.source)
        self.items.append(item)  # before it is stored: what was stored in part goes too
        self.blobs.put(source_key(item.task_id), content)
        content = content if isinstance(content, bytes) else content.read_bytes()
        self.digest.update(json.dumps([named.name, kind.value]).encode() + hashlib.sha256(content).digest())


@dataclass(frozen=True, slots=True)
class BatchDesk:
    """The use cases; now gives Unix seconds. Items become tasks by the use case `promote`."""

    database: Database
    blobs: Blobs
    most_unfinished: int
    retention_s: float
    now: Clock
    new_id: NewId = random_id

    def submit(self, account: Account, sources: Iterable[NamedSource], terms: BatchTerms) -> str:
        """Keep a batch and return its id; all of it is kept or nothing.

        SourceCountError for none or too many items, CapacityError where it cannot be kept. Idempotency keys mean what
        they do for a single task.
        """
        refuse_png_target(terms.options, b"")
        if not self.blobs.has_room():
            raise StorageFullError("HTTP 429: the server is short of disk space; try again later", _RETRY_S)
        intake = _Intake(self.blobs, self.new_id)
        batch = Batch(self.new_id(), account.id, terms.options, self.now(), terms.callback)
        try:
            intake.take_all(sources)
            with self.database.transaction() as change:
                kept = self._accept(change, batch, intake, terms)
        except OutcomeUnknownError:
            # Where the batch was kept its sources are needed; where that cannot be told, the file sweeper will know.
            if not self._is_kept(batch):
                raise
            kept = batch.id
        except BaseException:
            intake.drop()
            raise
        if kept != batch.id:
            intake.drop()
        return kept

    def status(self, account: Account, batch_id: str) -> BatchStatus:
        """The batch as it is; NotFoundError for an unknown, expired or another key's."""
        with self.database.reading() as view:
            batch = view.batches.get(batch_id)
            counts = {} if batch is None else view.batches.counts(batch_id)
        if batch is None or batch.key_id != account.id or self.expires_at(batch) <= self.now():
            raise NotFoundError("there is no such batch: it may have expired, or the batch_id is wrong")
        return BatchStatus(batch, counts)

    def items(self, batch: Batch, offset: int, limit: int) -> Sequence[tuple[BatchItem, Task | None]]:
        """Some of its items, each with its task where it has one."""
        with self.database.reading() as view:
            return view.batches.items(batch.id, offset, limit)

    def every_item(self, batch: Batch) -> Iterator[tuple[BatchItem, Task | None]]:
        """All of them, read in pages."""
        offset = 0
        while page := self.items(batch, offset, _PAGE):
            yield from page
            offset += len(page)

    def expires_at(self, batch: Batch) -> float:
        """When an ended batch goes, in Unix seconds; never while it is under way."""
        return float("inf") if batch.completed_at is None else batch.completed_at + self.retention_s

    def _is_kept(self, batch: Batch) -> bool:
        with self.database.reading() as view:
            return view.batches.get(batch.id) is not None

    def _accept(self, change: Transaction, batch: Batch, intake: _Intake, terms: BatchTerms) -> str:
        if terms.idempotency_key is not None:
            submission = _submission(batch, intake, terms.idempotency_key)
            first = change.submissions.claim(submission)
            if first is not submission:
                return replayed(first, submission)
        change.accounts.covers(batch.key_id, 0)  # locks the key's row: its batches count one another
        unfinished = change.batches.count_unfinished(batch.key_id)
        if unfinished >= self.most_unfinished:
            raise QueueFullError(f"HTTP 429: this key has {unfinished} batches under way; try again later", _RETRY_S)
        change.batches.add(batch, intake.items)
        return batch.id


def _submission(batch: Batch, intake: _Intake, idempotency_key: str) -> Submission:
    told_to = None if batch.callback is None else batch.callback.url
    wanted = json.dumps(["batch", asdict(batch.options), told_to], sort_keys=True).encode()
    fingerprint = hashlib.sha256(wanted + intake.digest.digest()).hexdigest()
    return Submission(batch.key_id, token_of(idempotency_key), fingerprint, batch.id, batch.created_at)
