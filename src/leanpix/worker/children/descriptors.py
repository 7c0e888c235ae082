"""What a parent holds of one child and of one job: descriptors, made, handed over, closed."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import select
import signal
import socket
from types import TracebackType
from typing import Self

from leanpix.service.open_files import UNCHANGING

_PIPE_BYTES = 64 * 1024


class ChildDescriptors:
    """Two sockets and a pipe for last words: of one child, for all its life. Use as a context manager.

    zygote_pid: the process that was asked to make the child, once one was. pid, pidfd: the child's own, once it was
    made. jobs: how many it has ended.
    """

    def __init__(self) -> None:
        self.zygote_pid: int | None = None
        self.pid: int | None = None
        self.pidfd: int | None = None
        self.jobs = 0
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            self.answers, self._child_answers = self._pair()
            self.status, self._zygote_status = self._pair()
            self._last_words, self._child_stderr = map(self._owned, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child, whatever it does, and let go of everything.

        One whose start is not known yet is its zygote's to kill, which reaps it in any case.
        """
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            self.pidfd = None
        self._stack.close()

    @property
    def sent(self) -> list[int]:
        """What goes to the zygote, in the order that wire.py names."""
        return [self._child_answers.fileno(), self._child_stderr, self._zygote_status.fileno()]

    def close_sent(self) -> None:
        """Let go of the ends that are the child's, so that its end is seen here."""
        self._child_answers.close()
        self._zygote_status.close()

    def has_started(self, pid: int, pidfd: int | None) -> None:
        """The child was made. Without room for another descriptor there is no pidfd; its zygote then kills it."""
        self.pid, self.pidfd = pid, None if pidfd is None else self._owned(pidfd)

    @property
    def is_held(self) -> bool:
        """Whether the other ends are held: by the child, or by the zygote that is to make it."""
        poll = select.poll()
        poll.register(self.answers, 0)
        poll.register(self.status, 0)
        return not poll.poll(0)

    @property
    def is_quiet(self) -> bool:
        """Whether the child has said nothing that was not read: between two jobs a sound one says nothing."""
        poll = select.poll()
        poll.register(self.answers, select.POLLIN)
        return not poll.poll(0)

    def give(self, request: bytes, result: int, source: int) -> None:
        """Hand a job to the child; OSError where no more descriptors may be under way."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end says why
            socket.send_fds(self.answers, [request], [result, source])

    def last_words(self) -> bytes:
        """What the child has written on stderr so far, or its first 64 KB."""
        try:
            return os.read(self._last_words, _PIPE_BYTES)
        except BlockingIOError:
            return b""

    def _owned(self, descriptor: int) -> int:
        self._stack.callback(os.close, descriptor)
        return descriptor

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stack.enter_context(ours)
        self._stack.enter_context(theirs)
        return ours, theirs


class ResultFile:
    """A memory file that a child writes its result into. Use as a context manager."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("result", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def content(self, max_bytes: int) -> memoryview | None:
        """What the child has written, as it lies there; None when that is more than it may be, or could still change.

        The memory is given back with the last view of it.
        """
        try:
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, UNCHANGING)
        except OSError:  # the child writes to it by a mapping
            return None
        size = os.fstat(self.descriptor).st_size
        if not size:
            return memoryview(b"")
        return memoryview(mmap.mmap(self.descriptor, size, prot=mmap.PROT_READ)) if size <= max_bytes else None
