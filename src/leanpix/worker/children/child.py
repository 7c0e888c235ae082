"""A process that does jobs: close everything, wait for a job, lock, run, write; once more, or end."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

from leanpix.domain.errors import ChildStartError, SandboxMissingError, TaskFailure
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.worker.children.wire import (
    ANSWERS,
    EXIT_CRASHED,
    EXIT_DONE,
    EXIT_NO_RESOURCES,
    EXIT_NOT_LOCKED,
    GO,
    LAST_WORDS,
    MAX_REQUEST_BYTES,
    RESULT,
    SOURCE,
    Grant,
    Request,
    unpack_request,
)
from leanpix.worker.sandbox.kernel import die_with
from leanpix.worker.sandbox.locking import SandboxRules, lock

if TYPE_CHECKING:  # the parent imports this module too, and never the engine
    from leanpix.engine.resources import ResourceBudget

# Where descriptors lie in the child; 0 and 1 are /dev/null, inherited so from the zygote. A job's result and source
# take the first numbers that are free, 3 and 5.
_STDERR_FD, _ANSWERS_FD = 2, 4
_ABOVE_THEM_FD = 5  # and not higher: the limit of open files may be low
# Against one at 0 this gets a third of a processor's time that both want.
_BACKGROUND_NICE = 5
_SHOWN_PHASES = frozenset({"searching"})
"""Phases that a task's state shows: they are told as they begin, others with what is told next."""

_MOST_KEPT_BACK = 50
_NO_ROOM = frozenset({errno.ENOMEM, errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class ChildFunction(Protocol):
    """What a child runs: the engine's compress, or a test's purpose-made stand-in."""

    def __call__(
        self,
        source: bytes,
        options: CompressionOptions,
        *,
        on_phase: Callable[[str], None] | None = None,
        on_need: Callable[[ResourceBudget], None] | None = None,
    ) -> Compression:
        """Compress source, or raise TaskFailure. on_need returns once so much may be taken."""
        ...


@dataclass(frozen=True, slots=True)
class ForkContext:
    """What children have from the process they are forked from."""

    pid: int
    job: ChildFunction
    rules: SandboxRules


def run_child(descriptors: Sequence[int], context: ForkContext) -> NoReturn:
    """Do jobs in this freshly forked process and end; never returns into the zygote's code."""
    code = EXIT_CRASHED
    try:
        _keep_only(descriptors)
        die_with(context.pid, signal.SIGKILL)
        _serve(context)
        code = EXIT_DONE
    except SandboxMissingError:
        traceback.print_exc()
        code = EXIT_NOT_LOCKED
    except MemoryError:
        code = EXIT_NO_RESOURCES
    except OSError as error:
        traceback.print_exc()
        code = EXIT_NO_RESOURCES if error.errno in _NO_ROOM else EXIT_CRASHED
    except BaseException:  # noqa: BLE001 - the end of the process: told on stderr and by the exit code
        traceback.print_exc()
    finally:
        os._exit(code)


def _keep_only(descriptors: Sequence[int]) -> None:
    """Leave open the child's own descriptors, at fixed numbers, and nothing else."""
    wanted = {_STDERR_FD: descriptors[LAST_WORDS], _ANSWERS_FD: descriptors[ANSWERS]}
    # First out of the way: a descriptor may lie where another has to go.
    moved = {target: fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE_THEM_FD) for target, fd in wanted.items()}
    for target, fd in moved.items():
        os.dup2(fd, target)
    os.closerange(_STDERR_FD + 1, _ANSWERS_FD)
    os.closerange(_ANSWERS_FD + 1, os.sysconf("SC_OPEN_MAX"))


def _serve(context: ForkContext) -> None:
    """Do one job after another until the last one, or until the parent hangs up."""
    layers: dict[str, str] | None = None
    jobs = socket.socket(fileno=_ANSWERS_FD)  # now: it asks what kind of socket this is, which a locked child may not
    while (job := _received_job(jobs)) is not None:
        request, descriptors = job
        if layers is None:
            if request.in_background:
                os.nice(_BACKGROUND_NICE)  # for good: an ordinary user's process cannot take it back
            if not request.is_last:
                _let_threads_take_turns()
            layers = lock(request.confinement, context.rules)
        if request.options is None:
            _answer({"layers": layers})
        else:
            _Job(request, descriptors).do(request.options, context.job)
        if request.is_last:
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _received_job(jobs: socket.socket) -> tuple[Request, Sequence[int]] | None:
    """The request, and its descriptors; None when the parent has hung up."""
    payload, descriptors, _, _ = socket.recv_fds(jobs, MAX_REQUEST_BYTES, SOURCE + 1)
    return (unpack_request(payload), descriptors) if payload else None


def _let_threads_take_turns() -> None:
    """A thread that another one wakes does not take its place at once: libvips' threads wake each other all the time.

    130 switches a small picture became 40, and system time a third less. A policy that somebody chose is left.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        with contextlib.suppress(OSError):  # it is a matter of speed only
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class _Job:
    """One picture: what the child says of it, and when."""

    def __init__(self, request: Request, descriptors: Sequence[int]) -> None:
        self._granted, self._descriptors = request.granted, descriptors
        self._phases: list[dict[str, object]] = []  # that are still to be told

    def do(self, options: CompressionOptions, job: ChildFunction) -> None:
        source = self._descriptors[SOURCE]
        content = os.pread(source, os.fstat(source).st_size, 0)
        try:
            compression = job(content, options, on_phase=self._note_phase, on_need=self._take)
        except TaskFailure as failure:
            _answer({"state": int(failure.state), "text": str(failure), "phases": self._phases})
            return
        _write_result(self._descriptors[RESULT], compression.data)
        _answer({"report": compression.report.fields(), "phases": self._phases})

    def _note_phase(self, phase: str) -> None:
        self._phases.append({"phase": phase, "at_s": time.monotonic()})
        if phase in _SHOWN_PHASES or len(self._phases) == _MOST_KEPT_BACK:
            for one in self._phases:
                _answer(one)
            self._phases.clear()

    def _take(self, budget: ResourceBudget) -> None:
        """Ask the parent for what was not granted. It says go, or kills this process."""
        if self._granted is not None and _is_within(budget, self._granted):
            return
        _answer(
            {
                "needs": budget.memory_bytes,
                "address_bytes": budget.address_bytes,
                "cpu_s": budget.cpu_s,
                "longest_px": budget.longest_px,
            }
        )
        if os.read(_ANSWERS_FD, len(GO)) != GO:
            raise ChildStartError("the parent has hung up")


def _is_within(budget: ResourceBudget, granted: Grant) -> bool:
    return (
        budget.memory_bytes <= granted.memory_bytes
        and budget.address_bytes <= granted.address_bytes
        and budget.cpu_s <= granted.cpu_s
        and budget.longest_px <= granted.longest_px
    )


def _write_result(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _answer(content: object) -> None:
    os.write(_ANSWERS_FD, json.dumps(content, allow_nan=False).encode())
