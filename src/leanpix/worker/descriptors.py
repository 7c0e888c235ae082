"""The descriptors of one job: made, handed to a child, closed."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from types import TracebackType
from typing import Self

_PIPE_BYTES = 64 * 1024
# What of a source may lie in its socket, as far as the system allows (400 KB where it is left as it comes): the more,
# the fewer changes between who writes and who reads.
_SOURCE_BUFFER_BYTES = 8 * 1024 * 1024


class JobDescriptors:
    """A result as a memory file, three sockets and a pipe for last words. Use as a context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            self._source, self._child_source = self._pair(socket.SOCK_STREAM)
            self._source.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOURCE_BUFFER_BYTES)
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
        return [self._child_source.fileno(), self._result, *child_ends]

    def close_sent(self) -> None:
        """Let go of the ends that are the child's, so that its end is seen here."""
        self._child_source.close()
        self._child_answers.close()
        self._zygote_status.close()

    def send_source(self, source: bytes, deadline_s: float) -> None:
        """Pass the source on while the child reads it, until the monotonic deadline.

        A child that is gone, or reads too late, is found by who waits for its answer.
        """
        self._source.settimeout(max(deadline_s - time.monotonic(), 0.001))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            self._source.sendall(source)
        self._source.close()

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

    def _pair(self, kind: socket.SocketKind = socket.SOCK_SEQPACKET) -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        self._stack.enter_context(ours)
        self._stack.enter_context(theirs)
        return ours, theirs
