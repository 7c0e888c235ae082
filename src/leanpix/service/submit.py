"""Accepting a task: source, row, credit hold and delivery, kept together or not at all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from leanpix.domain.account import LARGE_SIDE_PX, Account, RateBucket, cost
from leanpix.domain.errors import (
    CreditsExhaustedError,
    InvalidParameterError,
    QueueFullError,
    RateLimitedError,
    StorageFullError,
)
from leanpix.domain.formats import PNG_SIGNATURE, OutputFormat
from leanpix.domain.request import KBYTE, CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, Task
from leanpix.service.ports import Blobs, Clock, Database, RateLimits, Signals, Transaction

_QUEUE_RETRY_S = 2.0
_DISK_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """How many tasks may be unfinished at once: one key's, and everybody's."""

    per_key: int
    overall: int


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded source: its bytes, or the spool file that holds them."""

    content: bytes | Path


@dataclass(frozen=True, slots=True)
class Address:
    """A source to be fetched."""

    url: str


@dataclass(frozen=True, slots=True)
class Submit:
    """The use case `submit`; now gives Unix seconds."""

    database: Database
    rates: RateLimits
    blobs: Blobs
    signals: Signals
    bounds: QueueBounds
    now: Clock

    def admit(self, account: Account) -> None:
        """Judge the account before its request is read: CreditsExhaustedError, RateLimitedError."""
        if account.credits is not None:
            self._check_credits(account.id)
        wait_s = self.rates.take(account.id, RateBucket.CREATE, account.qps)
        if wait_s > 0:
            raise RateLimitedError(f"HTTP 429: more than {account.qps:g} requests a second with this key", wait_s)

    def submit(
        self, account: Account, source: Upload | Address, options: CompressionOptions, return_type: ReturnType
    ) -> str:
        """Keep the task and return its id; CapacityError or CreditsExhaustedError where it cannot be kept."""
        refuse_png_target(options, _head(source))
        if not self.blobs.has_room():
            raise StorageFullError("HTTP 429: the server is short of disk space; try again later", _DISK_RETRY_S)
        with self.database.reading() as view:
            self._check_queue(view, account)
        task = self._task(account, source, options, return_type)
        try:
            self.blobs.put(source_key(task.id), source.url.encode() if isinstance(source, Address) else source.content)
            with self.database.writing() as change:
                self._accept(change, account, task)
        except BaseException:
            self.blobs.delete_under(source_key(task.id))
            raise
        self.signals.work_added()
        return task.id

    def _task(
        self, account: Account, source: Upload | Address, options: CompressionOptions, return_type: ReturnType
    ) -> Task:
        kind = SourceKind.URL if isinstance(source, Address) else SourceKind.UPLOAD
        held = cost(max(options.width_px or 1, options.height_px or 1, 1))
        return Task(str(uuid.uuid4()), account.id, TaskState.QUEUED, options, return_type, kind, self.now(), held)

    def _accept(self, change: Transaction, account: Account, task: Task) -> None:
        # The hold comes first: it locks the account's row, so that a key's requests count one another's tasks.
        if not change.accounts.hold(account.id, task.id, task.held, task.created_at):
            raise CreditsExhaustedError(_no_credits(task.held))
        self._check_queue(change, account)
        change.tasks.add(task)
        change.enqueue(task.id)

    def _check_credits(self, key_id: str) -> None:
        with self.database.reading() as view:
            account = view.accounts.get(key_id)
        if account is not None and account.credits is not None and account.credits < 1:
            raise CreditsExhaustedError(_no_credits(1))

    def _check_queue(self, view: Transaction, account: Account) -> None:
        mine, everybodys = view.tasks.count_unfinished(account.id)
        if mine >= self.bounds.per_key:
            raise QueueFullError(f"HTTP 429: this key has {mine} tasks under way; try again later", _QUEUE_RETRY_S)
        if everybodys >= self.bounds.overall:
            raise QueueFullError("HTTP 429: the queue is full; try again later", _QUEUE_RETRY_S)


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
    is_png = options.format is OutputFormat.PNG or (options.format is None and head.startswith(PNG_SIGNATURE))
    if options.max_bytes is not None and is_png:
        allowed = "PNG output does not support a target size: send format=jpg or format=webp, or leave kbyte out"
        raise InvalidParameterError("kbyte", options.max_bytes // KBYTE, allowed)


def _stored(source: Upload | Address) -> bytes | Path:
    # An address may carry a token, so it is kept like a picture and goes with the task, not in the database.
    return source.url.encode() if isinstance(source, Address) else source.content


def source_key(task_id: str) -> str:
    """Where a task's source lies until the task has ended."""
    return f"sources/{task_id}"


def _no_credits(needed: int) -> str:
    many = f"this request needs {needed} (a side over {LARGE_SIDE_PX} px)" if needed > 1 else "none are left"
    return f"the API key has no credits for this: {many}; top the key up"
