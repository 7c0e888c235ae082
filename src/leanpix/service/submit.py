"""Accepting a task: source, row, credit hold and delivery, kept together or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from leanpix.domain.account import LARGE_COST, LARGE_SIDE_PX, Account, RateBucket, price
from leanpix.domain.errors import (
    CreditsExhaustedError,
    InvalidParameterError,
    KeyRefusedError,
    KeyReusedError,
    OutcomeUnknownError,
    QueueFullError,
    RateLimitedError,
    StorageFullError,
    StoreUnavailableError,
)
from leanpix.domain.formats import PNG_SIGNATURE, OutputFormat
from leanpix.domain.request import KBYTE, CompressionOptions, ReturnType
from leanpix.domain.source_headers import SourceHeaders, parse_source_headers
from leanpix.domain.states import TaskState
from leanpix.domain.submission import Submission, fingerprint_of, token_of
from leanpix.domain.task import QueueEntry, SourceKind, Task, Unfinished
from leanpix.domain.webhook import Callback
from leanpix.service.blob_keys import source_key
from leanpix.service.budgets import CpuBudget
from leanpix.service.claimed_tasks import ClaimedTasks, Start
from leanpix.service.held_sources import HeldSources
from leanpix.service.ids import random_id
from leanpix.service.keys import REFUSED
from leanpix.service.observing import CarryTrace, untraced
from leanpix.service.ports import Blobs, Clock, Database, NewId, RateLimits, Signals, Transaction

_QUEUE_RETRY_S = 2.0
_DISK_RETRY_S = 30.0
_PIECE_BYTES = 256 * 1024
_HOST_DIGITS = 32


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """How many tasks may be unfinished at once: one key's, and everybody's."""

    per_key: int
    overall: int


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded source: its bytes, or the spool file that holds them. is_kept: it stays as long as the result."""

    content: bytes | Path
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """A source to be fetched. is_kept: what was fetched stays as long as the result. headers: what is sent for it."""

    url: str
    is_kept: bool = False
    headers: SourceHeaders = ()


@dataclass(frozen=True, slots=True)
class Submit:
    """The use case `submit`; now gives Unix seconds.

    held: the sources of tasks that were not promised, if any are. claimed: tasks that begin in this process as they are
    accepted, if any do.
    Uploads of up to row_source_bytes() go into their tasks' rows in place of the file store. It gives 0 while that is
    away: then no result could be kept either.
    """

    database: Database
    rates: RateLimits
    blobs: Blobs
    signals: Signals
    bounds: QueueBounds
    now: Clock
    carried: CarryTrace = untraced
    new_id: NewId = random_id
    cpu: CpuBudget | None = None
    held: HeldSources | None = None
    claimed: ClaimedTasks | None = None
    row_source_bytes: Callable[[], int] = lambda: 0

    def admits_at_once(self, account: Account) -> bool:
        """Whether `admit` waits for no database."""
        return account.credits is None and not self.rates.waits

    def admit(self, account: Account, idempotency_key: str | None = None) -> None:
        """Judge the account before its request is read: CreditsExhaustedError, RateLimitedError.

        A request that was accepted before needs no credits: it may be the one that took the last.
        """
        if account.credits is not None:
            self._check_credits(account.id, idempotency_key)
        wait_s, owed_s = self._taken(account)
        if wait_s > 0:
            raise RateLimitedError(f"HTTP 429: more than {account.qps:g} requests a second with this key", wait_s)
        if self.cpu is not None:
            self.cpu.check(owed_s)

    def submit(  # noqa: PLR0913 - each is a part of one request, and checked by itself
        self,
        account: Account,
        source: Upload | Address,
        options: CompressionOptions,
        return_type: ReturnType,
        idempotency_key: str | None = None,
        *,
        callback: Callback | None = None,
        ignored: tuple[str, ...] = (),
        is_awaited: bool = False,
    ) -> str:
        """Keep the task and return its id; CapacityError or CreditsExhaustedError where it cannot be kept.

        is_awaited: the caller waits for the task's end, and tells nobody its id before `promise`. The task need not
        outlive this process then, nor a database that dies, and the caller calls `let_go` in the end.

        Under an idempotency key that came with the same request before, the earlier task's id; KeyReusedError where
        it came with another. A request that was refused leaves its key free.
        """
        refuse_png_target(options, _head(source))
        task = self._task(account, source, options, return_type)
        task = replace(task, callback=callback, trace=self.carried(), ignored=ignored)
        submission = None if idempotency_key is None else _submission(task, source, idempotency_key)
        earlier = None if submission is None else self._earlier(submission)
        if earlier is not None:
            return earlier
        if not self.blobs.has_room():
            raise StorageFullError("HTTP 429: the server is short of disk space; try again later", _DISK_RETRY_S)
        is_promised = not is_awaited or submission is not None
        if not is_promised and isinstance(source, Upload) and not source.is_kept:
            held_id = self._hold(account, task, source)
            if held_id is not None:
                return held_id
        return self._keep(account, task, source, submission, is_promised=is_promised)

    def promise(self, task_id: str) -> None:
        """Have a task outlive this process and its database, before its id is told.

        StoreUnavailableError where it cannot: then nothing may be told.
        """
        if self.held is not None:
            self.held.promise(self.database, self.blobs, task_id)
            return
        with self.database.transaction() as change:
            is_kept = change.tasks.keep(task_id)
        if not is_kept:  # the database died, and with it what it had not been asked to wait for
            raise StoreUnavailableError

    def let_go(self, task_id: str) -> None:
        """Nobody waits for the task any more: its source is not needed, or lies in the store."""
        if self.held is not None:
            self.held.drop(task_id)

    def _hold(self, account: Account, task: Task, source: Upload) -> str | None:
        """Accept a task that is not promised; its id, or None where its source cannot be held."""
        if self.held is None or not self.held.hold(task.id, source.content):
            return None
        start = Start(self.signals, self.claimed)
        task = replace(task, source_kind=SourceKind.HELD, owner=self.held.owner)
        task = start.claimed(task, self.now())
        try:
            with self.database.transaction(waits=False) as change:
                self._accept(change, account, task, None)
        except BaseException:
            self.held.drop(task.id)
            start.give_back()
            raise
        if not start.begin():
            self.held.accepted(task.id)
            self.signals.work_added(QueueEntry(task.id, task.key_id))
        return task.id

    def _keep(
        self,
        account: Account,
        task: Task,
        source: Upload | Address,
        submission: Submission | None,
        *,
        is_promised: bool,
    ) -> str:
        """Store the source, and accept the task; its id, or an earlier one's."""
        row_source = self._row_source(source)
        self._check_before_storing(account, row_source)
        task = replace(task, source_in_row=row_source is not None)
        may_begin = not is_promised and self.held is None and task.fetch_host is None
        start = Start(self.signals, self.claimed if may_begin else None, row_source)
        try:
            self._store_source(task, source)
            with self.database.transaction(waits=is_promised or self.held is not None) as change:
                task_id = self._accept(change, account, task, submission, start)
        except OutcomeUnknownError:
            # Where the task was kept its source is needed; where that cannot be told, the sweeper of files will know.
            if not self._is_kept(task):
                start.give_back()
                raise
            task_id = task.id
        except BaseException:
            start.give_back()
            self._drop_source(task)
            raise
        if task_id != task.id:
            self._drop_source(task)
        if start.begin():
            return task_id
        if task.fetch_host is None:
            self.signals.work_added(QueueEntry(task.id, task.key_id))
        else:
            self.signals.address_added()
        return task_id

    def _row_source(self, source: Upload | Address) -> bytes | None:
        """The upload, where it is to lie in its task's row: a store takes longer for it than its picture does."""
        if not isinstance(source, Upload) or source.is_kept or not isinstance(source.content, bytes):
            return None
        return source.content if len(source.content) <= self.row_source_bytes() else None

    def _check_before_storing(self, account: Account, row_source: bytes | None) -> None:
        """QueueFullError before a source is stored for nothing; what counts is asked where the task is kept."""
        if row_source is None:
            with self.database.reading() as view:
                self._refuse_full(view.tasks.count_unfinished(account.id))

    def _store_source(self, task: Task, source: Upload | Address) -> None:
        if not task.source_in_row:
            self.blobs.put(source_key(task.id), stored_form(source))

    def _drop_source(self, task: Task) -> None:
        if not task.source_in_row:
            self.blobs.discard(source_key(task.id))

    def _is_kept(self, task: Task) -> bool:
        with self.database.reading() as view:
            return view.tasks.get(task.id) is not None

    def _earlier(self, submission: Submission) -> str | None:
        """The task that this submission made when it came before, or None."""
        with self.database.reading() as view:
            found = view.submissions.find(submission.key_id, submission.token)
        return None if found is None else replayed(found, submission)

    def _task(
        self, account: Account, source: Upload | Address, options: CompressionOptions, return_type: ReturnType
    ) -> Task:
        return Task(
            id=self.new_id(),
            key_id=account.id,
            state=TaskState.QUEUED,
            options=options,
            return_type=return_type,
            source_kind=_kind(source),
            created_at=self.now(),
            held=price_asked(options),
            fetch_host=fetch_host(source),
        )

    def _accept(
        self,
        change: Transaction,
        account: Account,
        task: Task,
        submission: Submission | None,
        start: Start | None = None,
    ) -> str:
        # Before the hold: of several at once the first may have taken the last credit.
        if submission is not None and (first := change.submissions.claim(submission)) is not submission:
            return replayed(first, submission)
        # Before all else: the hold locks the account's row, so that a key's requests count one another's tasks.
        is_held = change.accounts.hold_or_undo(account.id, task.id, task.held, task.created_at)
        unfinished = change.tasks.count_unfinished(account.id)  # one wait for both
        if not is_held:
            if change.accounts.is_revoked(account.id):
                raise KeyRefusedError(REFUSED)
            raise CreditsExhaustedError(no_credits(task.held))
        self._refuse_full(unfinished)
        if start is not None and not unfinished.waiting:  # with something before it in the line it waits there
            task = start.claimed(task, self.now())
        change.tasks.add(task, None if start is None else start.row_source)
        if task.fetch_host is None and task.owner is None:
            change.enqueue(task.id)
        return task.id

    def _taken(self, account: Account) -> tuple[float, float]:
        """How long the request has to wait, and what the key owes of its processor seconds."""
        rate = account.id, RateBucket.CREATE, account.qps
        if self.cpu is None or not self.cpu.is_bounded:
            return self.rates.take(*rate), 0.0
        return self.rates.take_and_owed(*rate, RateBucket.CPU)

    def _check_credits(self, key_id: str, idempotency_key: str | None) -> None:
        with self.database.reading() as view:
            account = view.accounts.get(key_id)
            if account is None or account.credits is None or account.credits >= 1:
                return
            known = idempotency_key is not None and view.submissions.find(key_id, token_of(idempotency_key))
        if not known:
            raise CreditsExhaustedError(no_credits(1))

    def _refuse_full(self, unfinished: Unfinished) -> None:
        mine, everybodys, _ = unfinished
        if mine >= self.bounds.per_key:
            raise QueueFullError(f"HTTP 429: this key has {mine} tasks under way; try again later", _QUEUE_RETRY_S)
        if everybodys >= self.bounds.overall:
            raise QueueFullError("HTTP 429: the queue is full; try again later", _QUEUE_RETRY_S)


def _kind(source: Upload | Address) -> SourceKind:
    if isinstance(source, Address):
        return SourceKind.KEPT_URL if source.is_kept else SourceKind.URL
    return SourceKind.KEPT_UPLOAD if source.is_kept else SourceKind.UPLOAD


def _head(source: Upload | Address) -> bytes:
    if isinstance(source, Address):
        return b""
    if isinstance(source.content, bytes):
        return source.content[: len(PNG_SIGNATURE)]
    with source.content.open("rb") as file:
        return file.read(len(PNG_SIGNATURE))


def refuse_png_target(options: CompressionOptions, head: bytes) -> None:
    """InvalidParameterError where a target size is asked of PNG output, by request or because the source is PNG.

    head: the source's first bytes, at least 8 where there are as many.
    """
    form = OutputFormat.of(head) if not options.names_format else options.format
    if options.max_bytes is not None and form is not None and not form.facts.has_target_size:
        allowed = "PNG output does not support a target size: send format=jpg or format=webp, or leave kbyte out"
        raise InvalidParameterError("kbyte", options.max_bytes // KBYTE, allowed)


def _submission(task: Task, source: Upload | Address, idempotency_key: str) -> Submission:
    told_to = None if task.callback is None else task.callback.url
    fingerprint = fingerprint_of(pieces_of(stored_form(source)), task.options, task.return_type, told_to)
    return Submission(task.key_id, token_of(idempotency_key), fingerprint, task.id, task.created_at)


def replayed(earlier: Submission, again: Submission) -> str:
    """What the earlier submission made; KeyReusedError where it was another request."""
    if earlier.fingerprint != again.fingerprint:
        raise KeyReusedError(
            "Idempotency-Key: this key came with another request before (other options or another source): "
            "send a new key with a new request"
        )
    return earlier.task_id


def stored_form(source: Upload | Address) -> bytes | Path:
    """A source as it is kept."""
    # An address may carry a token, so it is kept like a picture and goes with the task, not in the database.
    if not isinstance(source, Address):
        return source.content
    if not source.headers:
        return source.url.encode()
    return json.dumps({"url": source.url, "headers": dict(source.headers)}).encode()


def stored_address(stored: bytes) -> Address:
    """The address of which this is the stored form."""
    if not stored.startswith(b"{"):
        return Address(stored.decode())
    found = json.loads(stored)
    return Address(found["url"], headers=parse_source_headers(json.dumps(found["headers"])))


def pieces_of(content: bytes | Path) -> Iterator[bytes]:
    """A source's bytes, a piece at a time."""
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def fetch_host(source: Upload | Address) -> str | None:
    """What stands for the host that a source has to be fetched from; None for an upload.

    A digest: rows tell hosts apart and name none, as an address may be nobody else's business.
    """
    if not isinstance(source, Address):
        return None
    try:
        host = (urlsplit(source.url).hostname or "").lower()
    except ValueError:  # no URL: fetching it says so
        host = ""
    return hashlib.sha256(host.encode()).hexdigest()[:_HOST_DIGITS]


def price_asked(options: CompressionOptions) -> int:
    """The credits to hold before the source is known."""
    longest_px = max(options.width_px or 1, options.height_px or 1, *options.widths, 1)
    return price(longest_px, options.most_results)


def no_credits(needed: int) -> str:
    """What a key without enough credits is told."""
    why = f"a side over {LARGE_SIDE_PX} px" if needed == LARGE_COST else f"one a result, two over {LARGE_SIDE_PX} px"
    many = f"this request needs {needed} ({why})" if needed > 1 else "none are left"
    return f"the API key has no credits for this: {many}; top the key up"
