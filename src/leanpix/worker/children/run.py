"""One running child, seen from the parent: its answers, its deadline, its end."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable

from leanpix.domain.errors import TaskFailure
from leanpix.domain.report import CompressionView
from leanpix.domain.states import TaskState
from leanpix.worker.children.answers import (
    Done,
    Failed,
    Locked,
    MemoryRequest,
    Phase,
    failure_state,
    is_as_reported,
    read_answer,
    shown_text,
)
from leanpix.worker.children.deaths import cause_of, failure_of
from leanpix.worker.children.descriptors import ChildDescriptors
from leanpix.worker.children.memory_budget import MemoryBudget
from leanpix.worker.children.wire import GO, MAX_ANSWER_BYTES, Ended, NotForked, Started, unpack_status

_MAX_PHASES = 1000
# A child that has closed its answers is dying: how long its exit code is worth waiting for.
_DYING_S = 0.5
_log = logging.getLogger(__name__)


class ChildRun:
    """A job that was given to a child. finish() returns or raises once; close() leaves nothing running.

    deadline_s is monotonic; cancelled is a descriptor that is readable once the pool closes. child_failed tells a
    dead, killed or misbehaving child from a failure that the engine found in the picture; has_spoken, whether the
    child had begun.
    """

    def __init__(
        self, descriptors: ChildDescriptors, deadline_s: float, cpu_limit_s: int, cancelled: int, room: MemoryBudget
    ) -> None:
        self._descriptors, self._deadline_s, self._cpu_limit_s = descriptors, deadline_s, cpu_limit_s
        self._cancelled, self._room = cancelled, room
        self._memory = contextlib.ExitStack()
        self._has_asked = False
        self._pidfd: int | None = None
        self._phases = 0
        self.has_spoken = False
        self._overdue = TaskState.TIMED_OUT
        self.has_started = False
        self.child_failed = False
        self._poll = select.poll()
        self._poll.register(cancelled, select.POLLIN)
        for end in (descriptors.answers, descriptors.status):
            self._poll.register(end, select.POLLIN)

    def finish(self, on_phase: Callable[[str], None] | None) -> Done | Locked | None:
        """The child's last answer, or TaskFailure; None when its zygote died, and it with it."""
        while True:
            ready = self._wait()
            if self._cancelled in ready:
                raise TaskFailure(TaskState.CANCELLED)
            if self._descriptors.answers.fileno() in ready:
                answer = self._read_answer()
                if isinstance(answer, (Done, Locked)):
                    return answer
                if isinstance(answer, MemoryRequest):
                    self._admit(answer)
                if isinstance(answer, Phase) and on_phase is not None:
                    on_phase(answer.phase)
            elif self._descriptors.status.fileno() in ready:
                record = self._read_status()
                if record is None:
                    return None
                self._judge(record)

    def result(self, done: Done | Locked, max_bytes: int) -> CompressionView:
        """The bytes the child has left, if they are what it says; TaskFailure otherwise."""
        if isinstance(done, Locked):
            raise self._broken("no result")
        data = self._descriptors.result(max_bytes)
        if data is not None and not data and not done.report.result_bytes:
            raise TaskFailure(TaskState.EMPTY_RESULT)
        if data is None or not is_as_reported(data, done.report):
            raise self._broken("a result that is not what its report says")
        return CompressionView(data, done.report)

    @property
    def zygote_pid(self) -> int | None:
        """The process that the child was forked from."""
        return self._descriptors.zygote_pid

    def lost(self) -> TaskFailure:
        """The failure of a job whose zygote died under it."""
        return self._broken("no end: its zygote died")

    def close(self) -> None:
        """Kill the child, whatever it does; the zygote reaps it."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = None
        self._memory.close()

    def _wait(self) -> set[int]:
        remaining_s = self._deadline_s - time.monotonic()
        ready = {fd for fd, _ in self._poll.poll(max(0.0, remaining_s) * 1000)}
        if not ready:
            self.child_failed = True
            raise TaskFailure(self._overdue)
        return ready

    def _admit(self, asked: MemoryRequest) -> None:
        """Let the child go on once its memory is free. The wait is not the picture's time, and is bounded by it."""
        if self._has_asked:
            raise self._broken("a second demand for memory")
        self._has_asked = True
        began_s = time.monotonic()
        self._memory.enter_context(self._room.taken(asked.needs, max(0.0, self._deadline_s - began_s)))
        self._deadline_s += time.monotonic() - began_s
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end says why
            self._descriptors.answers.send(GO)

    def _read_answer(self) -> Phase | MemoryRequest | Done | Locked | None:
        """The next answer; None when the child has closed its end. TaskFailure for its failure, or for nonsense."""
        try:
            payload = self._descriptors.answers.recv(MAX_ANSWER_BYTES)  # a longer one is cut: no JSON
        except ConnectionResetError:
            payload = b""
        if not payload:
            self._expect_end()
            return None
        self.has_spoken = True
        answer = read_answer(payload)
        if isinstance(answer, Phase):
            self._phases += 1
        if answer is None or self._phases > _MAX_PHASES:
            raise self._broken("an answer that is none")
        if isinstance(answer, Failed):
            raise self._failure(answer)
        return answer

    def _expect_end(self) -> None:
        """Nothing more can come: soon the child's end, or it only pretends to die."""
        self._poll.unregister(self._descriptors.answers)
        dying_until_s = time.monotonic() + _DYING_S
        if dying_until_s < self._deadline_s:
            self._deadline_s, self._overdue = dying_until_s, TaskState.PROGRAM_FAILED

    def _failure(self, failed: Failed) -> TaskFailure:
        state = failure_state(failed)
        return self._broken(f"state {failed.state}") if state is None else TaskFailure(state, shown_text(failed))

    def _read_status(self) -> Started | NotForked | Ended | None:
        try:
            record, received, _, _ = socket.recv_fds(self._descriptors.status, 64, 1)
        except ConnectionResetError:
            return None
        status = unpack_status(record)
        if isinstance(status, Started):
            self.has_started = True
            # Without room for another descriptor it is lost; the zygote then kills when the status socket closes.
            self._pidfd = received[0] if received else None
        return status

    def _judge(self, status: Started | NotForked | Ended) -> None:
        """TaskFailure when the child is gone."""
        match status:
            case NotForked():
                raise TaskFailure(TaskState.NO_RESOURCES)
            case Ended() as end:
                raise self._death(end)
            case Started():
                return

    def _death(self, end: Ended) -> TaskFailure:
        self.child_failed = True
        words = self._descriptors.last_words()
        _log.warning("child died of %s: %s", cause_of(end), words.decode("ascii", "backslashreplace")[-2000:])
        return failure_of(end, words, self._cpu_limit_s)

    def _broken(self, what: str) -> TaskFailure:
        self.child_failed = True
        _log.warning("child gave %s", what)
        return TaskFailure(TaskState.PROGRAM_FAILED)
