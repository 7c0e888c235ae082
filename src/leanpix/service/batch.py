"""Accepting a batch, and what has become of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from leanpix.domain.account import Account
from leanpix.domain.batch import MOST_ITEMS, Batch, BatchItem
from leanpix.domain.errors import (
    CreditsExhaustedError,
    KeyRefusedError,
    NotFoundError,
    OutcomeUnknownError,
    QueueFullError,
    SourceCountError,
    StorageFullError,
)
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.domain.submission import Submission, token_of
from leanpix.domain.task import SourceKind, Task
from leanpix.domain.webhook import Callback
from leanpix.service.blob_keys import source_key
from leanpix.service.ids import random_id
from leanpix.service.keys import REFUSED
from leanpix.service.ports import Blobs, Clock, Database, NewId, Transaction
from leanpix.service.submit import (
    Address,
    Upload,
    fetch_host,
    pieces_of,
    price_asked,
    refuse_png_target,
    replayed,
    stored_form,
)

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
class BatchBounds:
    """How many batches of one key may be unfinished, and how many bytes of sources unfinished batches may keep."""

    unfinished: int
    stored_per_key: int
    stored: int


@dataclass(frozen=True, slots=True)
class BatchSize:
    """What a batch says it is before anything of it is stored: pictures, and bytes of them. Less may come, not more."""

    pictures: int
    stored_bytes: int = 0


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
    stored_bytes: int = 0

    def take_all(self, sources: Iterable[NamedSource]) -> None:
        for named in sources:
            self._take(named)
        if not self.items:
            raise SourceCountError("a batch needs at least one picture")
        self.blobs.flush()

    def drop(self) -> None:
        self.blobs.delete_all([source_key(item.task_id) for item in self.items])

    def _take(self, named: NamedSource) -> None:
        if len(self.items) >= MOST_ITEMS:
            raise SourceCountError(f"a batch takes at most {MOST_ITEMS} pictures")
        kind = SourceKind.URL if isinstance(named.source, Address) else SourceKind.UPLOAD
        item = BatchItem(len(self.items), named.name, self.new_id(), kind, fetch_host(named.source))
        content, digest = stored_form(named.source), hashlib.sha256()
        for piece in pieces_of(content):
            digest.update(piece)
            self.stored_bytes += len(piece)
        self.items.append(item)  # before it is stored: what was stored in part goes too
        self.blobs.put(source_key(item.task_id), content, waits=False)  # all together, before the batch is accepted
        self.digest.update(json.dumps([named.name, kind.value]).encode() + digest.digest())


@dataclass(frozen=True, slots=True)
class BatchDesk:
    """The use cases; now gives Unix seconds. Items become tasks by the use case `promote`."""

    database: Database
    blobs: Blobs
    bounds: BatchBounds
    retention_s: float
    now: Clock
    new_id: NewId = random_id

    def admit(self, account: Account, idempotency_key: str | None) -> None:
        """Judge the account before its request is read: QueueFullError where it has as many batches as it may."""
        with self.database.reading() as view:
            if idempotency_key is None or view.submissions.find(account.id, token_of(idempotency_key)) is None:
                self._check_unfinished(view, account)

    def submit(self, account: Account, sources: Iterable[NamedSource], terms: BatchTerms, size: BatchSize) -> str:
        """Keep a batch and return its id; all of it is kept or nothing.

        It is counted and priced by its size before the first source is asked for. SourceCountError for none or too many
        items, CapacityError where it cannot be kept, CreditsExhaustedError where the key cannot pay for all of it; each
        item's credits are held when its turn comes. Idempotency keys mean what they do for a single task.
        """
        refuse_png_target(terms.options, b"")
        if size.pictures > MOST_ITEMS:
            raise SourceCountError(f"a batch takes at most {MOST_ITEMS} pictures")
        with self.database.reading() as view:
            self._check(view, account, terms, size)
        if not self.blobs.has_room(size.stored_bytes):
            raise StorageFullError("HTTP 429: the server is short of disk space; try again later", _RETRY_S)
        intake = _Intake(self.blobs, self.new_id)
        batch = Batch(self.new_id(), account.id, terms.options, self.now(), terms.callback)
        try:
            intake.take_all(sources)
            with self.database.transaction() as change:
                kept = self._accept(change, account, replace(batch, source_bytes=intake.stored_bytes), intake, terms)
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

    def _check(self, view: Transaction, account: Account, terms: BatchTerms, size: BatchSize) -> None:
        """Refuse what the key has no room or no credits for."""
        known = view.accounts.get(account.id)
        price = size.pictures * price_asked(terms.options)
        once = terms.idempotency_key
        is_replay = once is not None and view.submissions.find(account.id, token_of(once)) is not None
        if is_replay:  # it may be the one that took the last
            return
        if known is None or known.revoked_at is not None:
            raise KeyRefusedError(REFUSED)
        if known.credits is not None and known.credits < price:
            raise CreditsExhaustedError(
                f"this batch of {size.pictures} pictures costs {price} credits or more, and the API key has "
                f"{known.credits} left; top the key up, or send fewer"
            )
        self._check_unfinished(view, account)
        of_key, of_all = view.batches.stored(account.id)
        if of_key + size.stored_bytes > self.bounds.stored_per_key:
            text = (
                f"HTTP 429: the unfinished batches of this key would keep more than {self.bounds.stored_per_key} bytes"
            )
            raise QueueFullError(f"{text}; try again when one has ended", _RETRY_S)
        if of_all + size.stored_bytes > self.bounds.stored:
            raise QueueFullError("HTTP 429: unfinished batches take all the room there is; try again later", _RETRY_S)

    def _check_unfinished(self, view: Transaction, account: Account) -> None:
        unfinished = view.batches.count_unfinished(account.id)
        if unfinished >= self.bounds.unfinished:
            raise QueueFullError(f"HTTP 429: this key has {unfinished} batches under way; try again later", _RETRY_S)

    def _accept(self, change: Transaction, account: Account, batch: Batch, intake: _Intake, terms: BatchTerms) -> str:
        if terms.idempotency_key is not None:
            submission = _submission(batch, intake, terms.idempotency_key)
            first = change.submissions.claim(submission)
            if first is not submission:
                return replayed(first, submission)
        change.accounts.covers(batch.key_id, 0)  # locks the key's row: its batches count one another
        self._check(
            change, account, replace(terms, idempotency_key=None), BatchSize(len(intake.items), batch.source_bytes)
        )
        change.batches.add(batch, intake.items)
        return batch.id


def _submission(batch: Batch, intake: _Intake, idempotency_key: str) -> Submission:
    told_to = None if batch.callback is None else batch.callback.url
    wanted = json.dumps(["batch", asdict(batch.options), told_to], sort_keys=True).encode()
    fingerprint = hashlib.sha256(wanted + intake.digest.digest()).hexdigest()
    return Submission(batch.key_id, token_of(idempotency_key), fingerprint, batch.id, batch.created_at)
