"""The descriptors of one child: made, handed to its zygote, closed."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import select
import socket
from types import TracebackType
from typing import Self

from leanpix.service.open_files import UNCHANGING

_PIPE_BYTES = 64 * 1024


class ChildDescriptors:
    """A result as a memory file, two sockets and a pipe for last words. Use as a context manager.

    zygote_pid: the process that was asked to make the child, once one was.
    """

    def __init__(self) -> None:
        self.zygote_pid: int | None = None
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            self._result = self._owned(os.memfd_create("result", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
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
        """Let go of everything: a child that still waits, or works, is killed by its zygote."""
        self._stack.close()

    @property
    def sent(self) -> list[int]:
        """What goes to the zygote, in the order that wire.py names."""
        return [self._result, self._child_answers.fileno(), self._child_stderr, self._zygote_status.fileno()]

    def close_sent(self) -> None:
        """Let go of the ends that are the child's, so that its end is seen here."""
        self._child_answers.close()
        self._zygote_status.close()

    @property
    def is_held(self) -> bool:
        """Whether the other ends are held: by the child, or by the zygote that is to make it."""
        poll = select.poll()
        poll.register(self.answers, 0)
        poll.register(self.status, 0)
        return not poll.poll(0)

    def give(self, request: bytes, source: int) -> None:
        """Hand the job to the child; OSError where no more descriptors may be under way."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end says why
            socket.send_fds(self.answers, [request], [source])

    def result(self, max_bytes: int) -> memoryview | None:
        """What the child has written, as it lies there; None when that is more than it may be, or could still change.

        The memory is given back with the last view of it.
        """
        try:
            fcntl.fcntl(self._result, fcntl.F_ADD_SEALS, UNCHANGING)
        except OSError:  # the child writes to it by a mapping
            return None
        size = os.fstat(self._result).st_size
        if not size:
            return memoryview(b"")
        return memoryview(mmap.mmap(self._result, size, prot=mmap.PROT_READ)) if size <= max_bytes else None

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
