"""One running child, seen from the parent: its answers, its deadline, its end."""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.worker.children.answers import (
    Answer,
    Done,
    Failed,
    Locked,
    MemoryRequest,
    Phase,
    failure_state,
    read_answer,
    shown_text,
)
from leanpix.worker.children.deaths import cause_of, failure_of
from leanpix.worker.children.descriptors import ChildDescriptors
from leanpix.worker.children.lifecycle import JobEvent, JobState, Lost, after
from leanpix.worker.children.memory_budget import MemoryBudget
from leanpix.worker.children.rlimits import apply_rlimits, cpu_time_s
from leanpix.worker.children.wire import GO, MAX_ANSWER_BYTES, Ended, Grant, NotForked, Started, unpack_status

_MAX_PHASES = 1000
# A child that has closed its answers is dying: how long its exit code is worth waiting for.
_DYING_S = 0.5
_EVENTS = {Phase: JobEvent.PHASE, MemoryRequest: JobEvent.MEMORY}
_log = logging.getLogger(__name__)


class ChildRun:
    """A job that was given to a child. finish() returns or raises once; close() ends the job's hold on memory.

    deadline_s is monotonic. cancelled are descriptors, each readable once the job is not wanted any more. child_failed
    tells a dead, killed or misbehaving child from a failure that the engine found in the picture. was_short_of_memory
    tells whether the kernel has killed for want of memory since the last look.
    """

    def __init__(  # noqa: PLR0913 - what a run is given; nothing of it belongs together more than the rest
        self,
        child: ChildDescriptors,
        deadline_s: float,
        cpu_limit_s: int,
        *,
        cancelled: Sequence[int],
        memory: MemoryBudget,
        was_short_of_memory: Callable[[], bool],
    ) -> None:
        self.state = JobState.GIVEN
        self.child_failed = False
        self.memory_bytes = 0
        self._child, self._deadline_s = child, deadline_s
        self._most_cpu_s = self._cpu_limit_s = self._stopped_at_s = cpu_limit_s
        self._cancelled, self._memory = frozenset(cancelled), memory
        self._was_short_of_memory = was_short_of_memory
        self._cpu_before_s = 0.0 if child.pid is None else cpu_time_s(child.pid)
        self._cpu_at_end_s: float | None = None
        self._reserved = contextlib.ExitStack()
        self._phases = 0
        self._told_at_s = time.monotonic()
        self._overdue = TaskState.TIMED_OUT
        self._poll = select.poll()
        for end in (*cancelled, child.answers.fileno(), child.status.fileno()):
            self._poll.register(end, select.POLLIN)

    def grant(self, granted: Grant) -> bool:
        """Set aside what the job may take without asking, before it is given; False where it has to ask."""
        if self._child.pid is None or not self._memory.take_at_once(granted.memory_bytes):
            return False
        self._reserved.callback(self._memory.give_back, granted.memory_bytes)
        self._hold_to(self._child.pid, granted.address_bytes, granted.cpu_s)
        return True

    def finish(
        self, on_phase: Callable[[str, float], None] | None = None, on_sides: Callable[[int], None] | None = None
    ) -> Done | Locked | Lost:
        """The child's last answer; Lost where another child is to be asked; TaskFailure, or what a listener raises.

        on_phase is told each phase and when it began, in monotonic seconds: some of them with the last answer only.
        """
        while True:
            ready = self._wait()
            if self._cancelled & ready:
                raise TaskFailure(TaskState.CANCELLED)
            if self._child.answers.fileno() in ready:
                answer = self._read_answer()
                self._tell_phases(answer, on_phase)
                if isinstance(answer, Failed):
                    raise self._failure(answer)
                if isinstance(answer, (Done, Locked)):
                    return answer
                if isinstance(answer, MemoryRequest):
                    self._tell_sides(answer, on_sides)
                    if not self._admit(answer):
                        return Lost.ZYGOTE_DIED
            elif self._child.status.fileno() in ready:
                lost = self._lost_by(self._read_status())
                if lost is not None:
                    return lost

    @property
    def has_spoken(self) -> bool:
        """Whether the child had begun."""
        return self.state is not JobState.GIVEN

    def may_serve_again(self, most_bytes: int) -> bool:
        """Whether the child has behaved, and its picture took no more than most_bytes of memory."""
        return self.state is JobState.ANSWERED and not self.child_failed and self.memory_bytes <= most_bytes

    @property
    def zygote_pid(self) -> int | None:
        """The process that the child was forked from."""
        return self._child.zygote_pid

    def lost(self) -> TaskFailure:
        """The failure of a job that was killed, or whose zygote died under it, more than once."""
        return self.broken("no end: it or its zygote was killed")

    def broken(self, what: str) -> TaskFailure:
        """The failure of a job whose child misbehaved."""
        self.child_failed = True
        _log.warning("child gave %s", what)
        return TaskFailure(TaskState.PROGRAM_FAILED)

    def close(self) -> None:
        """Give the memory back."""
        self._reserved.close()

    @property
    def cpu_s(self) -> float:
        """The processor seconds that this job has taken, by the kernel's count and not by the child's."""
        at_end_s = self._cpu_at_end_s
        if at_end_s is None and self._child.pid is not None:
            at_end_s = cpu_time_s(self._child.pid) or self._cpu_s_at_its_end()
        return max(0.0, (at_end_s or 0.0) - self._cpu_before_s)

    @property
    def _was_dead_before(self) -> bool:
        """A kept child that has said nothing of this job: most likely it had no time to decode its picture."""
        return self._child.jobs > 0 and self.state in (JobState.GIVEN, JobState.DYING) and not self._has_heard

    @property
    def _has_heard(self) -> bool:
        return self._phases > 0 or self.memory_bytes > 0

    def _wait(self) -> set[int]:
        remaining_s = self._deadline_s - time.monotonic()
        ready = {fd for fd, _ in self._poll.poll(max(0.0, remaining_s) * 1000)}
        if not ready:
            self.child_failed = True
            raise TaskFailure(self._overdue)
        return ready

    def _tell_sides(self, asked: MemoryRequest, on_sides: Callable[[int], None] | None) -> None:
        """What it takes to settle the price is not the picture's time."""
        if on_sides is not None:
            began_s = time.monotonic()
            on_sides(asked.longest_px)
            self._deadline_s += time.monotonic() - began_s

    def _lost_by(self, status: Started | NotForked | Ended | None) -> Lost | None:
        """What an end that says nothing of the picture was; None where the child has started. TaskFailure for others.

        status: None where the zygote has died.
        """
        if status is None:
            return Lost.ZYGOTE_DIED
        if isinstance(status, Ended):
            self._cpu_at_end_s = status.cpu_s
            is_over = status.cpu_s >= self._stopped_at_s
            if self._was_dead_before and not is_over:
                return Lost.DIED_BEFORE
            if status.exit_code == -signal.SIGKILL and not is_over and not self._was_short_of_memory():
                return Lost.KILLED
        self._judge(status)
        return None

    def _cpu_s_at_its_end(self) -> float:
        """Of a child that is gone: its zygote has counted them, and is about to say so."""
        poll = select.poll()  # not select(): a busy server's descriptors have numbers above its 1,023
        poll.register(self._child.status, select.POLLIN)
        while poll.poll(_DYING_S * 1000):
            status = self._read_status()
            if not isinstance(status, Started):
                return status.cpu_s if isinstance(status, Ended) else 0.0
        return 0.0

    def _admit(self, asked: MemoryRequest) -> bool:
        """Let the child go on once its memory is free; False when its zygote has died.

        The wait is not the picture's time, and is bounded by it.
        """
        began_s = time.monotonic()
        self.memory_bytes = asked.needs
        self._reserved.close()  # of two that wait for more, neither holds what the other needs
        self._reserved.enter_context(self._memory.taken(asked.needs, max(0.0, self._deadline_s - began_s)))
        self._deadline_s += time.monotonic() - began_s
        if self._child.pid is None and not self._await_start():
            return False
        if self._child.pid is not None and asked.cpu_s is not None:
            self._hold_to(self._child.pid, asked.address_bytes, asked.cpu_s)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end says why
            self._child.answers.send(GO)
        return True

    def _hold_to(self, pid: int, address_bytes: int | None, cpu_s: int) -> None:
        self._cpu_limit_s = min(cpu_s, self._most_cpu_s)
        held_to_s = apply_rlimits(pid, address_bytes=address_bytes, cpu_s=self._cpu_limit_s)
        self._stopped_at_s = self._stopped_at_s if held_to_s is None else held_to_s

    def _await_start(self) -> bool:
        """The child may speak before its zygote has told of it."""
        poll = select.poll()
        poll.register(self._child.status, select.POLLIN)
        if not poll.poll(max(0.0, self._deadline_s - time.monotonic()) * 1000):
            self.child_failed = True
            raise TaskFailure(TaskState.TIMED_OUT)
        record = self._read_status()
        if record is not None:
            self._judge(record)
        return record is not None

    def _read_answer(self) -> Answer | None:
        """The next answer; None when the child has closed its end. TaskFailure for nonsense."""
        try:
            payload = self._child.answers.recv(MAX_ANSWER_BYTES)  # a longer one is cut: no JSON
        except ConnectionResetError:
            payload = b""
        if not payload:
            self._enter(JobEvent.HUNG_UP)
            self._expect_end()
            return None
        answer = read_answer(payload)
        if isinstance(answer, Phase):
            self._phases += 1
        if answer is None or self._phases > _MAX_PHASES:
            raise self.broken("an answer that is none")
        self._enter(_EVENTS.get(type(answer), JobEvent.ANSWER))
        return answer

    def _tell_phases(self, answer: Answer | None, on_phase: Callable[[str, float], None] | None) -> None:
        """Tell when each phase began; what the child says of that is taken as far as it can be true."""
        for phase in _phases_of(answer):
            now_s = time.monotonic()
            self._told_at_s = now_s if phase.at_s is None else min(max(phase.at_s, self._told_at_s), now_s)
            if on_phase is not None:
                on_phase(phase.phase, self._told_at_s)

    def _enter(self, event: JobEvent) -> None:
        state = after(self.state, event)
        if state is None:
            raise self.broken(f"{event} when it was {self.state}")
        self.state = state

    def _expect_end(self) -> None:
        """Nothing more can come: soon the child's end, or it only pretends to die."""
        self._poll.unregister(self._child.answers)
        dying_until_s = time.monotonic() + _DYING_S
        if dying_until_s < self._deadline_s:
            self._deadline_s, self._overdue = dying_until_s, TaskState.PROGRAM_FAILED

    def _failure(self, failed: Failed) -> TaskFailure:
        state = failure_state(failed)
        return self.broken(f"state {failed.state}") if state is None else TaskFailure(state, shown_text(failed))

    def _read_status(self) -> Started | NotForked | Ended | None:
        try:
            record, received, _, _ = socket.recv_fds(self._child.status, 64, 1)
        except ConnectionResetError:
            return None
        status = unpack_status(record)
        if isinstance(status, Started):
            self._child.has_started(status.pid, received[0] if received else None)
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
        words = self._child.last_words()
        # A stranger's picture may have written them: no line of theirs may look like one of ours.
        shown = words.decode("latin-1").encode("unicode_escape").decode()[-2000:]
        _log.warning("child died of %s: %s", cause_of(end), shown)
        return failure_of(end, words, self._stopped_at_s, self._cpu_limit_s)


def _phases_of(answer: Answer | None) -> Sequence[Phase]:
    """The phases that an answer tells of."""
    if isinstance(answer, Phase):
        return (answer,)
    return answer.phases if isinstance(answer, (Done, Failed)) else ()
