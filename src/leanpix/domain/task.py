"""The life of a task: the row that is the truth about it, and who may write to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Report
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.webhook import Callback

MAX_FAULTS = 3
"""Attempts that may end because a store did not answer: then the task is given up."""

MAX_ATTEMPTS = 12
"""Attempts in all. A server that dies or stops takes its tasks' attempts with it, and that is no fault of theirs: they
are made again. The bound is for a picture that takes its server down with it each time."""


class SourceKind(StrEnum):
    """Where a task's source comes from: the bytes of an upload, or an address to fetch.

    A held one is an upload that lies with the process that accepted it: nobody has been told of its task yet. Kept ones
    stay, once the task has succeeded, for as long as its result: other results can be made of them.
    """

    UPLOAD = "upload"
    HELD = "held"
    URL = "url"
    KEPT_UPLOAD = "kept"
    KEPT_URL = "kept_url"

    @property
    def is_kept(self) -> bool:
        """Whether the source stays as long as the result."""
        return self in {SourceKind.KEPT_UPLOAD, SourceKind.KEPT_URL}

    @property
    def is_address(self) -> bool:
        """Whether the source has to be fetched."""
        return self in {SourceKind.URL, SourceKind.KEPT_URL}


class FencingToken(NamedTuple):
    """The right to write to a task: only the owner of its current attempt has it. Kept by it in dictionaries."""

    task_id: str
    owner: str
    attempt: int


class Unfinished(NamedTuple):
    """How many tasks have not ended: one key's, everybody's, and of those how many wait for a worker."""

    mine: int
    everybodys: int
    waiting: int


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A waiting task's place in the line: whose it is counts when slots are shared out.

    host: where its source has still to be fetched from; None in the line of those that wait for a worker.
    """

    task_id: str
    key_id: str
    host: str | None = None


@dataclass(frozen=True, slots=True)
class StoredResult:
    """Where a task's result lies: the blob's key, its format (of a set the first picture's) and its size in bytes.

    in_row: a small one lies in the task's row under that key, and not in the file store.
    """

    blob: str
    format: OutputFormat
    size_bytes: int
    in_row: bool = False

    @property
    def suffix(self) -> str:
        """How its name ends: as its format is called, or as a ZIP's of a set."""
        return self.blob.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Task:
    """One compression, as its row says. Times are Unix seconds; held and charged are credits.

    beat counts the owner's signs of life: a reaper judges by whether it moves, never by a wall clock. trace is the
    request's place in a trace, as a `traceparent`. fetch_host: the host that the source has still to be fetched from;
    None once the source is there. faults counts the attempts that ended because a store did not answer. ignored: names
    of the request's fields that are no parameters and look like misspelt ones. source_in_row: a small upload
    lies in the row itself until the task has ended, and not in the file store; source: that upload, of a task
    that has just been claimed.
    """

    id: str
    key_id: str
    state: TaskState
    options: CompressionOptions
    return_type: ReturnType
    source_kind: SourceKind
    created_at: float
    held: int
    processed_at: float | None = None
    completed_at: float | None = None
    owner: str | None = None
    attempt: int = 0
    beat: int = 0
    charged: int = 0
    message: str | None = None
    result: StoredResult | None = None
    report: Report | None = None
    callback: Callback | None = None
    batch_id: str | None = None
    trace: str | None = None
    fetch_host: str | None = None
    faults: int = 0
    ignored: tuple[str, ...] = ()
    source_in_row: bool = False
    source: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def fence(self) -> FencingToken:
        """The fence of the current attempt; ValueError where nobody owns the task."""
        if self.owner is None:
            raise ValueError(f"task {self.id} has no owner")
        return FencingToken(self.id, self.owner, self.attempt)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended: its final state, what to tell the caller, and, on success, the result and its report.

    cache_key stands for source, options and engine, where the result may answer for the same again. content: the result
    itself, where it is to lie in the row.
    """

    state: TaskState
    message: str
    result: StoredResult | None = None
    report: Report | None = None
    cache_key: str | None = None
    content: bytes | None = field(default=None, repr=False)
