"""What happens to a task: it is handed out, its source is fetched, its picture compressed and reviewed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO, Protocol

from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.request import CompressionOptions
from leanpix.domain.source_headers import SourceHeaders
from leanpix.domain.task import QueueEntry, StoredResult, Task


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


class Place(Protocol):
    """A slot that is kept for a task which is about to be accepted; one of the two is called, once."""

    def begin(self) -> None:
        """Deliver the task: it was accepted, and claimed for this process."""

    def give_back(self) -> None:
        """There is no such task."""


class Signals(Protocol):
    """Wakes whoever waits for a task, or for work; a lost signal only costs the wait until the next poll."""

    def task_ended(self, task_id: str, task: Task | None = None, *, is_announced: bool = False) -> None:
        """Wake those who wait for this task; they need not look it up where it is given as it ended.

        is_announced: other nodes were told already, with the transaction that recorded the end.
        """

    def place(self, entry: QueueEntry) -> Place | None:
        """A slot of this process for a task that is about to be accepted, where it would be the next in line."""

    def work_added(self, entry: QueueEntry | None = None) -> None:
        """Wake a worker that has nothing to do. entry: the task that waits, where it is one alone."""

    def address_added(self) -> None:
        """Wake those who fetch sources."""


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


class Compressor(Protocol):
    """Runs the engine where it can be killed."""

    def run(  # noqa: PLR0913 - one call a picture; each is optional but for the first three
        self,
        source: BinaryIO,
        options: CompressionOptions,
        *,
        timeout_s: float,
        tenant: str | None = None,
        in_background: bool = False,
        on_phase: Callable[[str, float], None] | None = None,
        on_sides: Callable[[int], None] | None = None,
        on_spent: Callable[[float], None] | None = None,
        given_up: int | None = None,
    ) -> CompressionView:
        """Compress an open file that has a descriptor; TaskFailure with the state that fits when there is no result.

        tenant: whose picture this is. A process that has seen one tenant's pictures never sees another's; without one
        it sees this picture alone. in_background: others' pictures come first on the processors. on_phase is told each
        phase and when it began, in monotonic seconds; those that a task's state does not show, in the end. on_sides is
        told the longest side in px of source and result, by the header, before a pixel is decoded, but for pictures
        that have none over LARGE_SIDE_PX, whose price is no question; what it raises ends the job.
        on_spent is told the processor seconds that the job took, however it ended. given_up: a descriptor that is
        readable once nobody wants the result any more; the job then ends with CANCELLED.
        """

    def status(self) -> Mapping[str, str]:
        """What protects the processes, layer by layer: `on`, or `off: why`."""


class Review(Protocol):
    """Whether results may be published, by the operator's own policy."""

    def __call__(self, task: Task, source: BinaryIO, done: Compression | CompressionView, stored: StoredResult) -> None:
        """TaskFailure where the result may not be published."""
