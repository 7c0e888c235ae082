"""One job in a process of its own: close everything, wait for the job, lock, run, write, end."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from leanpix.domain.errors import ChildStartError, SandboxMissingError, TaskFailure
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.worker.children.mapped import mapped
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
    Request,
    unpack_request,
)
from leanpix.worker.sandbox.kernel import die_with
from leanpix.worker.sandbox.locking import SandboxRules, lock

# Where the job's descriptors lie in the child; 0 and 1 are /dev/null, inherited so from the zygote. The source comes
# with the job, and takes the first number that is free.
_STDERR_FD, _RESULT_FD, _ANSWERS_FD = 2, 3, 4
_ABOVE_ALL_FD = 256
_NO_ROOM = frozenset({errno.ENOMEM, errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class ChildFunction(Protocol):
    """What a child runs: the engine's compress, or a test's purpose-made stand-in."""

    def __call__(
        self,
        source: bytes,
        options: CompressionOptions,
        *,
        on_phase: Callable[[str], None] | None = None,
        on_need: Callable[[int], None] | None = None,
    ) -> Compression:
        """Compress source, or raise TaskFailure. on_need returns once so many bytes of memory may be taken."""
        ...


@dataclass(frozen=True, slots=True)
class ForkContext:
    """What children have from the process they are forked from."""

    pid: int
    job: ChildFunction
    fence: SandboxRules


def run_child(descriptors: Sequence[int], nursery: ForkContext) -> NoReturn:
    """Wait for a job in this freshly forked process, do it and end; never returns into the zygote's code."""
    code = EXIT_CRASHED
    try:
        _keep_only(descriptors)
        die_with(nursery.pid, signal.SIGKILL)
        code = _locked_job(*_received_job(), nursery)
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
    """Leave open the job's own descriptors, at fixed numbers, and nothing else."""
    wanted = {
        _STDERR_FD: descriptors[LAST_WORDS],
        _RESULT_FD: descriptors[RESULT],
        _ANSWERS_FD: descriptors[ANSWERS],
    }
    # First out of the way: a descriptor may lie where another has to go.
    moved = {target: fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE_ALL_FD) for target, fd in wanted.items()}
    for target, fd in moved.items():
        os.dup2(fd, target)
    os.closerange(max(wanted) + 1, os.sysconf("SC_OPEN_MAX"))


def _received_job() -> tuple[Request, int]:
    """The request, and the descriptor of its source. Whoever gives a child up before that kills it."""
    answers = socket.socket(fileno=_ANSWERS_FD)
    payload, descriptors, _, _ = socket.recv_fds(answers, MAX_REQUEST_BYTES, 1)
    answers.detach()
    return unpack_request(payload), descriptors[0]


def _locked_job(request: Request, source_fd: int, nursery: ForkContext) -> int:
    layers = lock(request.confinement, nursery.fence)
    if request.options is None:
        _answer({"layers": layers})
        return EXIT_DONE
    try:
        compression = nursery.job(mapped(source_fd), request.options, on_phase=_tell_phase, on_need=_wait_for_memory)
    except TaskFailure as failure:
        _answer({"state": int(failure.state), "text": str(failure)})
        return EXIT_DONE
    _write_result(compression.data)
    _answer({"report": compression.report.fields()})
    return EXIT_DONE


def _tell_phase(phase: str) -> None:
    _answer({"phase": phase})


def _wait_for_memory(needed_bytes: int) -> None:
    """Ask the parent, which has one word to say: go. A parent that is gone or has given up kills this process."""
    _answer({"needs": needed_bytes})
    if os.read(_ANSWERS_FD, len(GO)) != GO:
        raise ChildStartError("the parent has hung up")


def _write_result(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(_RESULT_FD, rest) :]


def _answer(content: object) -> None:
    os.write(_ANSWERS_FD, json.dumps(content, allow_nan=False).encode())
