"""Compression in locked, killable processes that are used again: one person's own pictures, at next to no cost each."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Self

from leanpix.domain.errors import ChildStartError, TaskFailure
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.worker.children.answers import Done, Failed, failure_state, is_as_reported, read_answer, shown_text
from leanpix.worker.children.environment import FIXED_ENVIRONMENT, LARGE_PAGES
from leanpix.worker.children.memory_budget import MemoryBudget
from leanpix.worker.children.wire import EXIT_NO_RESOURCES, GO, LENGTHS, MAX_ANSWER_BYTES, READY, SMALL_BYTES
from leanpix.worker.settings import MIB, WorkerSettings

_START_TIMEOUT_S = 60.0
_LEAST_READ_BYTES, _MOST_READ_BYTES = 64 * 1024, 1024 * 1024
_DYING_S = 5.0


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    socket: socket.socket
    jobs: int = 0
    is_talking: bool = False
    _received: bytearray = field(default_factory=bytearray)

    def send(self, head: bytes, data: bytes, deadline_s: float) -> None:
        """All of both; TimeoutError past the deadline, another OSError when the child is gone."""
        self.socket.settimeout(_left_s(deadline_s))
        sent = self.socket.sendmsg([head, data])
        if sent < len(head):
            self.socket.sendall(head[sent:])
        if sent < len(head) + len(data):
            self.socket.sendall(memoryview(data)[max(0, sent - len(head)) :])

    def receive(self, size: int, deadline_s: float) -> bytes:
        """Exactly so many bytes, an answer in one go where it can be; errors as of send."""
        while len(self._received) < size:
            self.socket.settimeout(_left_s(deadline_s))
            missing = size - len(self._received)
            part = self.socket.recv(min(max(_LEAST_READ_BYTES, missing), _MOST_READ_BYTES))
            if not part:
                raise ConnectionResetError
            self._received += part
        taken = bytes(memoryview(self._received)[:size])
        del self._received[:size]
        return taken

    def end(self) -> int:
        self.process.kill()
        self.socket.close()
        return self.process.wait()


class ReusedPool:
    """Runs the engine in as many children as there are callers at a time. Thread-safe.

    A thread of its own starts them and lives as long as the pool: the kernel kills a child when the thread that
    started it ends, so it cannot be any caller's.

    A picture that takes over its decoder could forge the results of the next ones, and nothing else: for strangers'
    pictures there is CompressorPool.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._room = MemoryBudget(settings.memory_mb * MIB)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._alive: set[int] = set()
        self._closing = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="reused-starter")

    def __enter__(self) -> Self:
        """Prove that children can be started; ChildStartError."""
        self._idle.append(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, source: bytes, options: CompressionOptions, *, timeout_s: float) -> Compression:
        """Compress; TaskFailure as CompressorPool.run raises it."""
        deadline_s = time.monotonic() + timeout_s
        child = self._taken()
        try:
            compression = self._talk(child, source, options.aiming_at(self._settings.target_score), deadline_s)
        except TimeoutError as late:
            self._drop(child)
            raise TaskFailure(TaskState.TIMED_OUT) from late
        except OSError as lost:
            raise self._death(child) from lost
        except TaskFailure as failure:
            self._put_back(child, is_sound=not child.is_talking and failure.state is not TaskState.PROGRAM_FAILED)
            raise
        except BaseException:
            self._drop(child)
            raise
        self._put_back(child, is_sound=True)
        return compression

    def close(self) -> None:
        """End the children; jobs under way end with -13. May be called again."""
        with self._lock:
            self._closing = True
            self._room.close()
            idle, self._idle = self._idle, []
            for pid in self._alive - {child.process.pid for child in idle}:
                os.kill(pid, 9)
        for child in idle:
            self._drop(child)
        self._starter.shutdown(wait=False)

    def _taken(self) -> _Child:
        with self._lock:
            if self._closing:
                raise TaskFailure(TaskState.CANCELLED)
            if self._idle:
                return self._idle.pop()
        return self._start()

    def _put_back(self, child: _Child, *, is_sound: bool) -> None:
        child.jobs += 1
        with self._lock:
            if is_sound and not self._closing and child.jobs < self._settings.recycle_after:
                self._idle.append(child)
                return
        self._drop(child)

    def _drop(self, child: _Child) -> int:
        with self._lock:
            self._alive.discard(child.process.pid)
        return child.end()

    def _death(self, child: _Child) -> TaskFailure:
        """Why a child has hung up."""
        try:
            code = child.process.wait(_DYING_S)
        except subprocess.TimeoutExpired:
            code = 0
        self._drop(child)
        if self._closing:
            return TaskFailure(TaskState.CANCELLED)
        return TaskFailure(TaskState.NO_RESOURCES if code == EXIT_NO_RESOURCES else TaskState.PROGRAM_FAILED)

    def _talk(self, child: _Child, source: bytes, options: CompressionOptions, deadline_s: float) -> Compression:
        child.is_talking = True
        asked = _packed(options)
        with self._room.taken(SMALL_BYTES, _left_s(deadline_s)):
            child.send(LENGTHS.pack(len(asked), len(source)) + asked, source, deadline_s)
            text_bytes, data_bytes = _lengths(child, deadline_s)
            if text_bytes:
                return self._answer(child, text_bytes, data_bytes, deadline_s)
        # No text: a larger picture, which asks for memory. What it has is given back first, or two could wait for
        # each other.
        with self._room.taken(data_bytes, _left_s(deadline_s)):
            child.send(GO, b"", deadline_s)
            return self._answer(child, *_lengths(child, deadline_s), deadline_s)

    def _answer(self, child: _Child, text_bytes: int, data_bytes: int, deadline_s: float) -> Compression:
        if text_bytes > MAX_ANSWER_BYTES or data_bytes > self._settings.max_result_mb * MIB:
            raise TaskFailure(TaskState.PROGRAM_FAILED)
        answer = read_answer(child.receive(text_bytes, deadline_s))
        data = child.receive(data_bytes, deadline_s)
        child.is_talking = False
        if isinstance(answer, Failed):
            raise TaskFailure(failure_state(answer) or TaskState.PROGRAM_FAILED, shown_text(answer))
        if not isinstance(answer, Done) or not is_as_reported(data, answer.report):
            raise TaskFailure(TaskState.PROGRAM_FAILED)
        return Compression(data, answer.report)

    def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        memory_bytes = self._settings.child_memory_mb * MIB
        words = [self._settings.sandbox, str(theirs.fileno()), str(os.getpid()), str(memory_bytes)]
        with theirs:
            try:
                starting = self._starter.submit(_spawned, words, theirs.fileno())
            except RuntimeError as closed:
                ours.close()
                raise TaskFailure(TaskState.CANCELLED) from closed
            process = starting.result()
        child = _Child(process, ours)
        with self._lock:
            self._alive.add(process.pid)
        try:
            child.receive(len(READY), time.monotonic() + _START_TIMEOUT_S)
        except OSError as failure:
            self._drop(child)
            if self._closing:
                raise TaskFailure(TaskState.CANCELLED) from failure
            raise ChildStartError("a process that compresses could not be started or locked: see stderr") from failure
        return child


def _spawned(words: list[str], descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module, a fixed argument list
        [sys.executable, "-m", "leanpix.worker.children.reused", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=_environment(),
        pass_fds=[descriptor],
        start_new_session=True,  # the terminal's Ctrl-C is for the parent alone
    )


@lru_cache(maxsize=4)
def _packed(options: CompressionOptions) -> bytes:
    """A batch has the same options for all its pictures."""
    return pickle.dumps(options)


def _lengths(child: _Child, deadline_s: float) -> tuple[int, int]:
    text_bytes, data_bytes = LENGTHS.unpack(child.receive(LENGTHS.size, deadline_s))
    return text_bytes, data_bytes


def _environment() -> dict[str, str]:
    """What is fixed, and what this interpreter does with compiled modules: without them a start takes twice as long."""
    told = {
        "PYTHONDONTWRITEBYTECODE": "1" if sys.dont_write_bytecode else "",
        "PYTHONPYCACHEPREFIX": sys.pycache_prefix,
    }
    return FIXED_ENVIRONMENT | LARGE_PAGES | {name: value for name, value in told.items() if value}


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
