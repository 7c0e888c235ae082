"""Compression in locked, killable child processes, forked warm: one a picture, or one a tenant for a while."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO, Self

from leanpix.domain.account import LARGE_SIDE_PX
from leanpix.domain.errors import ChildStartError, TaskFailure
from leanpix.domain.report import CompressionView
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.service.open_files import in_memory
from leanpix.worker.children.answers import Done, Locked, is_as_reported
from leanpix.worker.children.descriptors import ChildDescriptors, ResultFile
from leanpix.worker.children.idle import IdleChildren, KeepRules
from leanpix.worker.children.lifecycle import Lost
from leanpix.worker.children.memory_budget import MemoryBudget
from leanpix.worker.children.run import ChildRun
from leanpix.worker.children.supervisor import ZygoteSupervisor
from leanpix.worker.children.wire import Grant, Request, pack_request
from leanpix.worker.children.zygote import ENGINE_MODULES
from leanpix.worker.machine import MemoryKills, memory_kills
from leanpix.worker.sandbox.locking import LAYERS, ON, Confinement, require
from leanpix.worker.settings import MIB, WorkerSettings

ENGINE_JOB = "leanpix.worker.children.picture_job:compress_within_budget"
_CHECK_TIMEOUT_S = 30.0
# Under how many zygotes a job may have begun that then died. A child cannot harm its zygote, so the picture is not to
# blame. One that dies may take two attempts with it: its death is seen before its waiting children are gone.
_MOST_LOST = 2
# How often a job may be killed by somebody else, such as an operator who looks for what takes so much.
_MOST_KILLED = 3
# A child that has worked on a picture of up to this much memory may be kept: what its allocator holds on to afterwards
# is a part of it, for each kept child.
_MOST_KEPT_BYTES = 512 * MIB
_MOST_KEPT_SOURCE_BYTES = 4 * MIB
# A source of up to this much most likely is a picture of up to some 0.7 MP, which takes no more than this: to be asked
# for it, and to answer, wakes two processes that have a millisecond's work (docs/decisions/0325).
_MOST_GRANTED_SOURCE_BYTES = 256 * 1024
_GRANTED = Grant(memory_bytes=112 * MIB, address_bytes=1056 * MIB, cpu_s=64, longest_px=LARGE_SIDE_PX)


class CompressorPool:
    """Runs the engine in children. Thread-safe; one run() per slot at a time keeps to the workers setting.

    job names the function that children run (module:function); preload the modules imported, and functions
    (module:function) called, before the first fork; environment what children may take the few harmless variables
    of environment.py from. kills_for_memory counts the processes that the kernel has killed for want of memory.

    A picture that takes over its decoder could forge the results of that process's next ones, and nothing else. So a
    child is used again for one tenant alone, whose pictures these all are; without a tenant it is used once.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        job: str = ENGINE_JOB,
        preload: Sequence[str] = ENGINE_MODULES,
        environment: Mapping[str, str] | None = None,
        kills_for_memory: Callable[[], int | None] = memory_kills,
    ) -> None:
        self._settings = settings
        self._supervisor = ZygoteSupervisor(
            (job, settings.sandbox),
            preload=preload,
            environment=environment or {},
            recycle_after=settings.recycle_after,
        )
        rules = KeepRules(settings.workers, settings.child_max_pictures, settings.child_max_age_s)
        self._idle_children = IdleChildren(self._supervisor, settings.children_kept_ready, rules)
        self._room = MemoryBudget(settings.memory_mb * MIB)
        self._kills = MemoryKills(kills_for_memory)
        self._layers: dict[str, str] = {}
        self._deaths: Counter[TaskState] = Counter()
        self._lock = threading.RLock()  # by itself: a condition is entered by two more calls
        self._idle = threading.Condition(self._lock)
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
            self._idle_children.start()
        except BaseException:
            self.close()
            raise

    def run(  # noqa: PLR0913 - the port's
        self,
        source: bytes | BinaryIO,
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
        """Compress in a child; TaskFailure with the state that says why there is no result.

        tenant: whose picture this is. With LEANPIX_ISOLATION=key its child may do this tenant's next picture as well.
        in_background: the child gives way to others on the processors, and does only such pictures.
        on_sides, on_spent and given_up are the port's.

        A source that is a file needs a descriptor, which the child is given: it lies there unchanged until then.
        The engine's own failures pass through. The deadline is -8, a dead child -9, one out of memory -15,
        close() -13. A wait for other pictures' memory does not count, up to timeout_s; one that is longer is -15.
        """
        tenant = tenant if self._settings.isolation == "key" else None
        if tenant is not None and in_background:
            tenant += " in background"
        deadline_s = time.monotonic() + timeout_s
        with self._slot(), _opened(source) as file:
            if tenant is not None and os.fstat(file.fileno()).st_size > _MOST_KEPT_SOURCE_BYTES:
                tenant = None  # a large one's child has grown with it, and is not kept
            request = Request(
                options.aiming_at(self._settings.target_score),
                self._confinement(serves_more=tenant is not None),
                is_last=tenant is None,
                in_background=in_background,
            )
            granted = _GRANTED if os.fstat(file.fileno()).st_size <= _MOST_GRANTED_SOURCE_BYTES else None
            lost_zygotes: set[int | None] = set()
            killed = 0
            cancelled = [self._cancel] if given_up is None else [self._cancel, given_up]
            try:
                while True:  # again only where it was lost: the deadline bounds it
                    job = request, granted
                    with self._handed_over(file, job, tenant, deadline_s, cancelled, on_spent) as (run, result):
                        done = run.finish(on_phase, on_sides)
                        if not isinstance(done, Lost):
                            return self._view(run, done, result)
                        granted = None  # the next one speaks before it decodes: if it dies, the picture is to blame
                        if done is Lost.KILLED:
                            killed += 1
                        elif run.has_spoken:
                            lost_zygotes.add(run.zygote_pid)
                        if len(lost_zygotes) == _MOST_LOST or killed == _MOST_KILLED:
                            raise run.lost()
            finally:
                self._idle_children.refill()  # not before: this job would share a core with the next one's fork

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
        self._idle_children.close()
        self._supervisor.close()
        with self._idle:
            self._idle.wait_for(lambda: not self._running)
        os.close(self._cancel)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        with self._lock:
            if self._closing:
                raise TaskFailure(TaskState.CANCELLED)
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._closing:
                    self._idle.notify_all()

    @contextmanager
    def _handed_over(  # noqa: PLR0913, PLR0917 - a job, and whom to tell of it
        self,
        source: BinaryIO,
        job: tuple[Request, Grant | None],
        tenant: str | None,
        deadline_s: float,
        cancelled: Sequence[int],
        on_spent: Callable[[float], None] | None = None,
    ) -> Iterator[tuple[ChildRun, ResultFile]]:
        """A job in a child. Where it ends well, or by a fault of the picture, a tenant's child is kept for the next.

        job: the request, and what a child that has shown how it works with an earlier one is granted.
        """
        request, granted = job
        with _RESOURCES:
            child = self._idle_children.take(tenant, deadline_s)
        if child is None:
            raise TaskFailure(TaskState.CANCELLED if self._closing else TaskState.PROGRAM_FAILED)
        run = ChildRun(
            child,
            deadline_s,
            request.confinement.picture_cpu_s,
            cancelled=cancelled,
            memory=self._room,
            was_short_of_memory=self._kills.has_more,
        )
        is_kept = False
        try:
            with _RESOURCES, closing(run), ResultFile() as result:
                if granted is not None and child.jobs and run.grant(granted):
                    request = replace(request, granted=granted)
                child.give(pack_request(request), result.descriptor, source.fileno())
                yield run, result
            is_kept = tenant is not None and run.may_serve_again(_MOST_KEPT_BYTES)
        except TaskFailure as failure:
            is_kept = tenant is not None and run.may_serve_again(_MOST_KEPT_BYTES)
            self._count(run, child, failure)
            raise
        finally:
            if on_spent is not None:
                on_spent(run.cpu_s)
            if is_kept and tenant is not None:
                child.jobs += 1
                self._idle_children.put_back(child, tenant)
            else:
                self._idle_children.let_go(child)

    def _view(self, run: ChildRun, done: Done | Locked, result: ResultFile) -> CompressionView:
        """The bytes the child has left, if they are what it says; TaskFailure otherwise."""
        if isinstance(done, Locked):
            raise run.broken("no result")
        data = result.content(self._settings.max_result_mb * MIB)
        if data is not None and not data and not done.report.result_bytes:
            raise TaskFailure(TaskState.EMPTY_RESULT)
        if data is None or not is_as_reported(data, done.report):
            raise run.broken("a result that is not what its report says")
        return CompressionView(data, done.report)

    def _count(self, run: ChildRun, child: ChildDescriptors, failure: TaskFailure) -> None:
        if run.child_failed:
            with self._idle:
                self._deaths[failure.state] += 1
        if failure.state is TaskState.TIMED_OUT and child.pid is None:
            self._supervisor.discard()  # it has not even forked in all that time

    def _checked_layers(self) -> dict[str, str]:
        request = Request(None, self._confinement(serves_more=False))
        try:
            with (
                _opened(b"") as nothing,
                self._handed_over(
                    nothing, (request, None), None, time.monotonic() + _CHECK_TIMEOUT_S, [self._cancel]
                ) as (
                    run,
                    _,
                ),
            ):
                answer = run.finish()
        except TaskFailure as failure:
            raise ChildStartError("the first child could not be locked: see the log") from failure
        layers = answer.layers if isinstance(answer, Locked) else {}
        if self._settings.sandbox == "require":
            require(layers, LAYERS)
        return layers

    def _confinement(self, *, serves_more: bool) -> Confinement:
        """Every job has to reach the layers that the first child reached."""
        return Confinement(
            memory_bytes=self._settings.child_memory_mb * MIB,
            picture_cpu_s=self._settings.child_cpu_s,
            life_s=int(self._settings.child_max_age_s) if serves_more else 0,
            file_bytes=self._settings.max_result_mb * MIB,
            required=frozenset(name for name, state in self._layers.items() if state == ON),
        )


@contextmanager
def _opened(source: bytes | BinaryIO) -> Iterator[BinaryIO]:
    """The source as an open file, closed behind the block where it was made for it."""
    if not isinstance(source, bytes):
        yield source
        return
    with _RESOURCES:
        file = in_memory(source)
    with file:
        yield file


class _Resources:
    """What runs out within the block fails the job. Entered several times a picture: a class, and not a function."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise TaskFailure(TaskState.NO_RESOURCES) from error


_RESOURCES = _Resources()
