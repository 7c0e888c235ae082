"""The descriptors of one job: made, handed to a child, closed."""

from __future__ import annotations

import contextlib
import os
import socket
from types import TracebackType
from typing import Self

from leanpix.worker.wire import GO

_PIPE_BYTES = 64 * 1024


class JobDescriptors:
    """A source and a result as memory files, two sockets and a pipe for last words. Use as a context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            self._source = self._owned(os.memfd_create("source", os.MFD_CLOEXEC))
            self._result = self._owned(os.memfd_create("result", os.MFD_CLOEXEC))
            self.answers, self._child_answers = self._pair()
            self.status, self._zygote_status = self._pair()
            self._last_words, self._child_stderr = map(self._owned, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def sent(self) -> list[int]:
        """What goes to the zygote, in the order that wire.py names."""
        child_ends = self._child_answers.fileno(), self._child_stderr, self._zygote_status.fileno()
        return [self._source, self._result, *child_ends]

    def close_sent(self) -> None:
        """Let go of the ends that are the child's, so that its end is seen here."""
        self._child_answers.close()
        self._zygote_status.close()

    def pass_on(self, source: bytes) -> None:
        """Write the source and say so: the child is made and locked meanwhile. OSError where there is no memory."""
        rest = memoryview(source)
        while rest:
            rest = rest[os.write(self._source, rest) :]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end says why
            self.answers.send(GO)

    def result(self, max_bytes: int) -> bytes:
        """A copy of what the child has written; empty when that is more than it may be."""
        size = os.fstat(self._result).st_size
        return os.pread(self._result, size, 0) if size <= max_bytes else b""

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
