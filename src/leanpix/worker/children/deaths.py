"""What the end of a child means for its task."""

from __future__ import annotations

import signal

from leanpix.domain.errors import TaskFailure
from leanpix.domain.states import TaskState
from leanpix.worker.children.wire import EXIT_NO_RESOURCES, Ended

# How allocators that cannot return an error say so before they abort: Rust, C++, GLib, libgomp, glibc.
_OUT_OF_MEMORY_WORDS = (
    b"memory allocation of ",
    b"std::bad_alloc",
    b"failed to allocate ",
    b"Out of memory",
    b"cannot allocate memory",
)


def failure_of(end: Ended, last_words: bytes, stopped_at_s: int, cpu_limit_s: int) -> TaskFailure:
    """The failure for a child that ended without a valid answer.

    stopped_at_s: the processor time of its whole life that it could have; cpu_limit_s: of this picture.

    A kill that was not the pool's is the kernel's, short of memory, unless the processor time was used up. An
    allocator's abort looks like any other crash: only its last words tell.
    """
    if end.exit_code == -signal.SIGXCPU or end.cpu_s >= stopped_at_s:
        return TaskFailure(TaskState.TIMED_OUT, f"More than {cpu_limit_s} s of processor time was used.")
    if end.exit_code in (EXIT_NO_RESOURCES, -signal.SIGKILL) or _ran_out_of_memory(end, last_words):
        return TaskFailure(TaskState.NO_RESOURCES)
    return TaskFailure(TaskState.PROGRAM_FAILED)


def cause_of(end: Ended) -> str:
    """The end in words, for the log."""
    if end.exit_code >= 0:
        return f"exit code {end.exit_code}"
    try:
        return signal.Signals(-end.exit_code).name
    except ValueError:
        return f"signal {-end.exit_code}"


def _ran_out_of_memory(end: Ended, last_words: bytes) -> bool:
    return end.exit_code < 0 and any(words in last_words for words in _OUT_OF_MEMORY_WORDS)
