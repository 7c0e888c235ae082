"""The process that jobs are forked from: it has imported the codecs and never used them.

Started fresh by `python -m leanpix.worker.children.zygote JOB SANDBOX CONTROL_FD PARENT_PID MODULE...`, it keeps one
thread (a fork copies only the forking one), forks a child a job, reports its end and holds nothing of any picture. When
the parent goes, so does it, and its children with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leanpix.domain.errors import ChildStartError
from leanpix.worker.children.child import ChildFunction, ForkContext, run_child
from leanpix.worker.children.wire import FORK, READY, STATUS, Ended, NotForked, Started, pack_status
from leanpix.worker.sandbox.kernel import allow_large_pages, die_with
from leanpix.worker.sandbox.locking import sandbox_rules

# Imported before anything is forked, so that no child pays for it: late, these cost each picture 55 ms.
ENGINE_MODULES = (
    "multiprocessing",
    "pyvips",
    "rawpy",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "PIL.SgiImagePlugin",
    "leanpix.engine.warm_up:warm_up",
)


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    status: socket.socket


class Zygote:
    """Forks children as the control socket asks, until it closes and the last child has ended."""

    def __init__(self, control: socket.socket, context: ForkContext) -> None:
        self._control, self._context = control, context
        self._children: dict[int, _Child] = {}  # by pidfd
        self._poll = select.poll()

    def serve(self) -> None:
        """Run until there is nobody left to fork for and no child left to wait for."""
        self._poll.register(self._control, select.POLLIN)
        accepting = True
        while accepting or self._children:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            # Requests last: they open descriptors, whose numbers may be those of events not yet looked at.
            self._kill_abandoned(ready)
            for pidfd in ready & self._children.keys():
                self._reap(pidfd)
            if self._control.fileno() in ready and not self._accept():
                self._poll.unregister(self._control)
                accepting = False

    def _kill_abandoned(self, ready: set[int]) -> None:
        """A job's status socket reports only one thing: that the parent has given the job up."""
        for pidfd, child in self._children.items():
            if child.status.fileno() in ready:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                self._poll.unregister(child.status)

    def _accept(self) -> bool:
        payload, descriptors, _, _ = socket.recv_fds(self._control, len(FORK), STATUS + 1)
        if not payload:
            return False
        status = socket.socket(fileno=descriptors[STATUS])
        try:
            self._fork(descriptors, status)
        finally:
            for descriptor in descriptors[:STATUS]:
                os.close(descriptor)
        return True

    def _fork(self, descriptors: Sequence[int], status: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:
            _tell(status, NotForked())
            status.close()
            return
        if pid == 0:
            run_child(descriptors, self._context)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = _Child(pid, status)
        self._poll.register(pidfd, select.POLLIN)
        self._poll.register(status, 0)
        _tell(status, Started(pid), pidfd)

    def _reap(self, pidfd: int) -> None:
        child = self._children.pop(pidfd)
        _, wait_status, usage = os.wait4(child.pid, 0)
        self._poll.unregister(pidfd)
        with contextlib.suppress(KeyError):  # it hung up before
            self._poll.unregister(child.status)
        os.close(pidfd)
        exit_code = os.waitstatus_to_exitcode(wait_status)
        _tell(child.status, Ended(exit_code, usage.ru_utime + usage.ru_stime))
        child.status.close()


def _tell(status: socket.socket, record: Started | NotForked | Ended, *descriptors: int) -> None:
    """Send a record, if the parent still listens for this job."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        socket.send_fds(status, [pack_status(record)], descriptors)


def prepare(name: str) -> None:
    """Import a module, or call what `module:function` names, before anything is forked."""
    module, _, function = name.partition(":")
    imported = importlib.import_module(module)
    if function:
        getattr(imported, function)()


def load_job(name: str) -> ChildFunction:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    job: ChildFunction = getattr(importlib.import_module(module), function)
    return job


def main(job_name: str, layers: bool, control_fd: int, parent_pid: int, preload: Sequence[str]) -> None:
    """Import, prove that there is one thread, put on what children inherit, say so, serve."""
    die_with(parent_pid, signal.SIGKILL)
    allow_large_pages(False)  # before the imports: in their small objects they waste 8 MB. Children switch them on
    # A service manager signals the whole group; the parent finishes its jobs first and then closes the socket.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    job = load_job(job_name)
    for name in preload:
        prepare(name)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise ChildStartError(f"{threads} threads after the imports: a fork would copy their locks")
    gc.collect()
    gc.freeze()  # no collection in a child touches, and so copies, what was imported here
    context = ForkContext(os.getpid(), job, sandbox_rules(layers=layers))
    control = socket.socket(fileno=control_fd)
    control.send(READY)
    Zygote(control, context).serve()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] != "off", int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
