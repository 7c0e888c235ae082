"""Compression in locked, killable child processes: one a picture, forked warm, never used twice."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import BinaryIO, Self

from leanpix.domain.errors import ChildStartError, TaskFailure
from leanpix.domain.report import CompressionView
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.service.open_files import in_memory
from leanpix.worker.children.answers import Locked
from leanpix.worker.children.memory_budget import MemoryBudget
from leanpix.worker.children.prefork import PreforkedChildren
from leanpix.worker.children.run import ChildRun
from leanpix.worker.children.supervisor import ZygoteSupervisor
from leanpix.worker.children.wire import Request, pack_request
from leanpix.worker.children.zygote import ENGINE_MODULES
from leanpix.worker.sandbox.locking import LAYERS, ON, Confinement, require
from leanpix.worker.settings import MIB, WorkerSettings

ENGINE_JOB = "leanpix.worker.children.picture_job:compress_within_budget"
_CHECK_TIMEOUT_S = 30.0
# Under how many zygotes a job may have begun that then died. A child cannot harm its zygote, so the picture is not to
# blame. One that dies may take two attempts with it: its death is seen before its waiting children are gone.
_MOST_LOST = 2


class CompressorPool:
    """Runs the engine in children. Thread-safe; one run() per slot at a time keeps to the workers setting.

    job names the function that children run (module:function); preload the modules imported, and functions
    (module:function) called, before the first fork; environment what children may take the few harmless variables
    of environment.py from.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        job: str = ENGINE_JOB,
        preload: Sequence[str] = ENGINE_MODULES,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._supervisor = ZygoteSupervisor(
            (job, settings.sandbox),
            preload=preload,
            environment=environment or {},
            recycle_after=settings.recycle_after,
        )
        self._ready = PreforkedChildren(self._supervisor, settings.children_kept_ready)
        self._room = MemoryBudget(settings.memory_mb * MIB)
        self._layers: dict[str, str] = {}
        self._deaths: Counter[TaskState] = Counter()
        self._idle = threading.Condition()
        self._running = 0
        self._closing = False
        self._cancel = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the zygote and lock a first child for proof.

        Raises ChildStartError, or SandboxMissingError when LEANPIX_SANDBOX=require and a layer is missing.
        """
        try:
            self._supervisor.start()
            self._layers = self._checked_layers()
            self._ready.start()
        except BaseException:
            self.close()
            raise

    def run(
        self,
        source: bytes | BinaryIO,
        options: CompressionOptions,
        *,
        timeout_s: float,
        on_phase: Callable[[str], None] | None = None,
    ) -> CompressionView:
        """Compress in a child of its own; TaskFailure with the state that says why there is no result.

        A source that is a file needs a descriptor, which the child is given: it lies there unchanged until then.
        The engine's own failures pass through. The deadline is -8, a dead child -9, one out of memory -15,
        close() -13. A wait for other pictures' memory does not count, up to timeout_s; one that is longer is -15.
        """
        request = Request(options.aiming_at(self._settings.target_score), self._confinement())
        max_bytes = self._settings.max_result_mb * MIB
        deadline_s = time.monotonic() + timeout_s
        with self._slot(), _opened(source) as file:
            lost: set[int | None] = set()
            try:
                while True:  # again only when a zygote died: the deadline bounds it
                    with self._handed_over(file, request, deadline_s) as job:
                        if (done := job.finish(on_phase)) is not None:
                            return job.result(done, max_bytes)
                        if job.has_spoken:
                            lost.add(job.zygote_pid)
                        if len(lost) == _MOST_LOST:
                            raise job.lost()
            finally:
                self._ready.refill()  # not before: this job would share a core with the next one's fork

    def status(self) -> dict[str, str]:
        """Each sandbox layer, and the zygote, with "on" or "off: why"."""
        zygote = ON if self._supervisor.pid is not None else "off: being started"
        return {**self._layers, "zygote": zygote}

    @property
    def deaths(self) -> Mapping[TaskState, int]:
        """How many children died or were killed since the start, by the state their tasks ended in."""
        return dict(self._deaths)

    @property
    def memory(self) -> str:
        """What the pictures under way may take together, and how many wait for it, in words for people."""
        return self._room.description

    @property
    def zygote_pid(self) -> int | None:
        """The process that children are forked from."""
        return self._supervisor.pid

    def close(self, grace_s: float = 0) -> None:
        """Take no more jobs, wait for those under way, then end them with -13. May be called again."""
        with self._idle:
            if self._closing:
                return
            self._closing = True
            self._idle.wait_for(lambda: not self._running, grace_s)
        os.eventfd_write(self._cancel, 1)
        self._room.close()
        self._ready.close()
        self._supervisor.close()
        with self._idle:
            self._idle.wait_for(lambda: not self._running)
        os.close(self._cancel)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        with self._idle:
            if self._closing:
                raise TaskFailure(TaskState.CANCELLED)
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    @contextmanager
    def _handed_over(self, source: BinaryIO, request: Request, deadline_s: float) -> Iterator[ChildRun]:
        with _no_resources():
            child = self._ready.take(deadline_s)
        if child is None:
            raise TaskFailure(TaskState.CANCELLED if self._closing else TaskState.PROGRAM_FAILED)
        job = ChildRun(child, deadline_s, request.confinement.cpu_s, self._cancel, self._room)
        with child, closing(job):
            with _no_resources():
                child.give(pack_request(request), source.fileno())
            try:
                yield job
            except TaskFailure as failure:
                self._count(job, failure)
                raise

    def _count(self, job: ChildRun, failure: TaskFailure) -> None:
        if job.child_failed:
            with self._idle:
                self._deaths[failure.state] += 1
        if failure.state is TaskState.TIMED_OUT and not job.has_started:
            self._supervisor.discard()  # it has not even forked in all that time

    def _checked_layers(self) -> dict[str, str]:
        request = Request(None, self._confinement())
        try:
            with (
                _opened(b"") as nothing,
                self._handed_over(nothing, request, time.monotonic() + _CHECK_TIMEOUT_S) as job,
            ):
                answer = job.finish(None)
        except TaskFailure as failure:
            raise ChildStartError("the first child could not be locked: see the log") from failure
        layers = answer.layers if isinstance(answer, Locked) else {}
        if self._settings.sandbox == "require":
            require(layers, LAYERS)
        return layers

    def _confinement(self) -> Confinement:
        """Every job has to reach the layers that the first child reached."""
        return Confinement(
            memory_bytes=self._settings.child_memory_mb * MIB,
            cpu_s=self._settings.child_cpu_s,
            file_bytes=self._settings.max_result_mb * MIB,
            required=frozenset(name for name, state in self._layers.items() if state == ON),
        )


@contextmanager
def _opened(source: bytes | BinaryIO) -> Iterator[BinaryIO]:
    """The source as an open file, closed behind the block where it was made for it."""
    if not isinstance(source, bytes):
        yield source
        return
    with _no_resources():
        file = in_memory(source)
    with file:
        yield file


@contextmanager
def _no_resources() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TaskFailure(TaskState.NO_RESOURCES) from error
