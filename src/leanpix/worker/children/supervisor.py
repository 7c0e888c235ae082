"""The parent's hold on its zygote: started, watched, replaced when it dies or has served its number of jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leanpix.domain.errors import ChildStartError
from leanpix.worker.children.environment import FIXED_ENVIRONMENT, LARGE_PAGES
from leanpix.worker.children.wire import READY

_START_TIMEOUT_S = 60.0
_SEND_TIMEOUT_S = 5.0
_BACKOFF_S = 1.0
# What a child may know of the environment: where programs and libraries are, nothing that could be a secret.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Zygote:
    process: subprocess.Popen[bytes]
    control: socket.socket
    pidfd: int


class ZygoteSupervisor:
    """Keeps one zygote ready.

    A thread of its own starts each zygote and lives as long as the supervisor: the kernel kills the zygote when the
    thread that started it ends, so it cannot be any caller's.
    """

    def __init__(
        self, arguments: Sequence[str], *, preload: Sequence[str], environment: Mapping[str, str], recycle_after: int
    ) -> None:
        self._arguments, self._preload, self._recycle_after = arguments, preload, recycle_after
        self._environment = {k: v for k, v in environment.items() if k in _PASSED_ON} | FIXED_ENVIRONMENT
        self._environment |= LARGE_PAGES | {"PYTHONDONTWRITEBYTECODE": "1"}
        self._changed = threading.Condition()  # its lock is reentrant
        self._current: _Zygote | None = None
        self._alive: dict[int, _Zygote] = {}  # by pidfd: the current one, and those that finish their last jobs
        self._sent = 0
        self._has_failed = False
        self._closing = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._keep, name="zygote-supervisor", daemon=True)

    def start(self) -> None:
        """Start the first zygote and wait for it; ChildStartError when it cannot be started."""
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._current or self._has_failed)
            if self._current is None:
                raise ChildStartError("the process that children are forked from did not start: see stderr")

    def send(self, payload: bytes, descriptors: Sequence[int], deadline_s: float) -> int | None:
        """Hand one job to a zygote, waiting for one to be ready: its pid, or None before the monotonic deadline.

        A zygote that died before it took the job is replaced and the job handed to the next one.
        """
        with self._changed:
            while (zygote := self._ready_before(deadline_s)) is not None:
                try:
                    socket.send_fds(zygote.control, [payload], descriptors)
                except OSError:
                    self.discard()
                    continue
                self._count_sent(zygote)
                return zygote.process.pid
        return None

    def discard(self) -> None:
        """Kill the present zygote and all its children; the next one is started."""
        with self._changed:
            if self._current is not None:
                self._current.process.kill()
                self._current = None

    @property
    def pid(self) -> int | None:
        """The present zygote's process id; None while there is none."""
        current = self._current
        return current.process.pid if current else None

    def close(self) -> None:
        """Kill the zygotes and their children, and wait for them."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        os.eventfd_write(self._wake, 1)
        if self._thread.ident is not None:
            self._thread.join()
        os.close(self._wake)

    def _ready_before(self, deadline_s: float) -> _Zygote | None:
        self._changed.wait_for(lambda: self._current or self._closing, max(0.0, deadline_s - time.monotonic()))
        return None if self._closing else self._current

    def _count_sent(self, zygote: _Zygote) -> None:
        """Retire a zygote after its number of jobs: it ends by itself with its last child."""
        self._sent += 1
        if self._sent >= self._recycle_after:
            self._sent, self._current = 0, None
            zygote.control.shutdown(socket.SHUT_WR)
            os.eventfd_write(self._wake, 1)

    def _keep(self) -> None:
        while not self._closing:
            if self._current is None:
                self._renew()
            self._reap([self._wake, *self._alive], None if self._current else _BACKOFF_S)
        for zygote in self._alive.values():
            zygote.process.kill()
        while self._alive:
            self._reap([*self._alive], None)

    def _renew(self) -> None:
        try:
            zygote = self._spawn()
        except OSError:  # no descriptor, no memory, no process: perhaps there is one in a second
            _log.exception("no zygote could be started")
            zygote = None
        with self._changed:
            self._current, self._has_failed = zygote, zygote is None
            if zygote is not None:
                self._alive[zygote.pidfd] = zygote
            self._changed.notify_all()

    def _reap(self, waiting: list[int], timeout_s: float | None) -> None:
        """Wait for a zygote's end or a call, and clear away what has ended."""
        poll = select.poll()  # not select(): a busy server's descriptors have numbers above its 1,023
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)]
        for pidfd in self._alive.keys() & set(ready):
            self._clear(self._alive.pop(pidfd))
        if self._wake in ready:
            os.eventfd_read(self._wake)

    def _clear(self, zygote: _Zygote) -> None:
        code = zygote.process.wait()
        with self._changed:
            if self._current is zygote:
                self._current = None
            zygote.control.close()
        os.close(zygote.pidfd)
        if code and not self._closing:
            _log.warning("zygote %d ended with %d, starting another", zygote.process.pid, code)

    def _spawn(self) -> _Zygote | None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, a fixed argument list
                self._command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # the terminal's Ctrl-C is for the parent alone
            )
        ours.settimeout(_START_TIMEOUT_S)
        with contextlib.suppress(OSError):
            if ours.recv(len(READY)) == READY:
                ours.settimeout(_SEND_TIMEOUT_S)
                return _Zygote(process, ours, os.pidfd_open(process.pid))
        process.kill()
        process.wait()
        ours.close()
        return None

    def _command(self, control_fd: int) -> list[str]:
        module = [sys.executable, "-P", "-m", "leanpix.worker.children.zygote"]
        return [*module, *self._arguments, str(control_fd), str(os.getpid()), *self._preload]
