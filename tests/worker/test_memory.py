"""Pictures under way share a number of bytes: all get them, in a fair order, and never more than there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.worker.children.memory_budget import MemoryBudget
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.machine import memory_limit_bytes

LONG_S = 60.0
PoolMaker = Callable[..., CompressorPool]


class Queue:
    """Threads that take from a room one after the other and keep what they got until told."""

    def __init__(self, room: MemoryBudget, threads: ThreadPoolExecutor) -> None:
        self._room, self._threads = room, threads
        self.got: list[str] = []
        self._ends: dict[str, threading.Event] = {}
        self._done: dict[str, Future[None]] = {}

    def enter(self, name: str, wanted: int) -> None:
        """Take, in a thread of its own; return once it has or waits."""
        before = len(self.got) + self._room.waiting
        self._ends[name] = threading.Event()
        self._done[name] = self._threads.submit(self._hold, name, wanted)
        wait_until(lambda: len(self.got) + self._room.waiting > before)

    def leave(self, name: str) -> None:
        """Give back."""
        self._ends[name].set()
        self._done[name].result(LONG_S)

    def _hold(self, name: str, wanted: int) -> None:
        with self._room.taken(wanted, LONG_S):
            self.got.append(name)
            assert self._ends[name].wait(LONG_S)


def run_in(pool: CompressorPool, act: str, timeout_s: float = 20.0) -> str:
    return bytes(pool.run(act.encode(), CompressionOptions(quality=80), timeout_s=timeout_s).data[3:]).decode()


def wait_until(condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.002)


@pytest.fixture
def now() -> list[float]:
    """A clock's one hand, in seconds."""
    return [0.0]


@pytest.fixture
def room(now: list[float]) -> MemoryBudget:
    return MemoryBudget(100, lambda: now[0])


@pytest.fixture
def queue(room: MemoryBudget) -> Iterator[Queue]:
    with ThreadPoolExecutor(16) as threads:
        yield Queue(room, threads)


def test_who_does_not_fit_waits_until_enough_is_given_back(room: MemoryBudget, queue: Queue) -> None:
    queue.enter("a", 60)
    queue.enter("b", 60)
    assert (queue.got, room.waiting) == (["a"], 1)
    queue.leave("a")
    wait_until(lambda: queue.got == ["a", "b"])
    queue.leave("b")


def test_who_needs_more_than_there_is_runs_alone(room: MemoryBudget, queue: Queue) -> None:
    queue.enter("small", 1)
    queue.enter("huge", 10_000)
    assert (queue.got, room.waiting) == (["small"], 1)
    queue.leave("small")
    wait_until(lambda: queue.got == ["small", "huge"])
    queue.enter("next", 1)
    assert room.waiting == 1
    queue.leave("huge")
    wait_until(lambda: queue.got == ["small", "huge", "next"])
    queue.leave("next")


def test_small_ones_go_before_a_large_one_but_not_for_ever(now: list[float], room: MemoryBudget, queue: Queue) -> None:
    queue.enter("a", 50)
    queue.enter("large", 100)
    queue.enter("b", 10)
    assert queue.got == ["a", "b"]
    now[0] = 6.0
    queue.enter("c", 10)
    assert (queue.got, room.waiting) == (["a", "b"], 2)
    queue.leave("a")
    queue.leave("b")
    wait_until(lambda: queue.got == ["a", "b", "large"])
    queue.leave("large")
    wait_until(lambda: queue.got == ["a", "b", "large", "c"])
    queue.leave("c")


def test_a_wait_that_is_too_long_is_a_lack_of_resources_and_takes_nothing(room: MemoryBudget) -> None:
    with room.taken(60, 0):
        with pytest.raises(TaskFailure) as failure, room.taken(60, 0.01):
            pass
        assert failure.value.state is TaskState.NO_RESOURCES
        with room.taken(40, 0):
            assert room.waiting == 0


def test_closing_lets_nobody_wait(room: MemoryBudget) -> None:
    with room.taken(100, 0), ThreadPoolExecutor(1) as threads, ExitStack() as stack:
        waiter = threads.submit(lambda: stack.enter_context(room.taken(1, LONG_S)))
        wait_until(lambda: room.waiting)
        room.close()
        failure = waiter.exception(LONG_S)
    assert isinstance(failure, TaskFailure)
    assert failure.state is TaskState.CANCELLED


def test_children_wait_for_one_anothers_memory_and_the_wait_is_not_their_time(new_pool: PoolMaker) -> None:
    """The second child of 64 MB in a room of 100 begins when the first has ended, past its own deadline."""
    pool = new_pool(memory_mb=100, workers=2)
    with ThreadPoolExecutor(2) as threads:
        began_s = time.monotonic()
        first = threads.submit(run_in, pool, "needing:64 3", timeout_s=30)
        wait_until(lambda: "64 of 100" in pool.memory)
        second = threads.submit(run_in, pool, "needing:64 1.5", timeout_s=4)
        wait_until(lambda: "1 waiting" in pool.memory)
        assert (first.result(LONG_S), second.result(LONG_S)) == ("slept", "slept")
    assert time.monotonic() - began_s >= 4.5
    assert pool.memory == "0 of 100 MB promised to pictures, 0 waiting"


def test_a_child_that_dies_gives_its_memory_back(new_pool: PoolMaker) -> None:
    pool = new_pool(memory_mb=100)
    with pytest.raises(TaskFailure):
        run_in(pool, "needing:64 60", timeout_s=0.5)
    assert run_in(pool, "needing:64 0") == "slept"


def test_a_child_may_ask_for_memory_only_once(new_pool: PoolMaker) -> None:
    pool = new_pool()
    with pytest.raises(TaskFailure) as failure:
        run_in(pool, "asking_twice:")
    assert failure.value.state is TaskState.PROGRAM_FAILED


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("", {}, 2048 << 20),
        ("0::/", {"sys/fs/cgroup/memory.max": "max"}, 2048 << 20),
        ("0::/", {"sys/fs/cgroup/memory.max": f"{512 << 20}"}, 512 << 20),
        ("0::/a/b", {"sys/fs/cgroup/a/memory.max": f"{512 << 20}", "sys/fs/cgroup/a/b/memory.max": "max"}, 512 << 20),
        ("0::/../other", {"sys/fs/cgroup/memory.max": f"{4096 << 20}"}, 2048 << 20),
        ("5:cpu:/\n4:memory:/x", {"sys/fs/cgroup/memory/memory.limit_in_bytes": f"{256 << 20}"}, 256 << 20),
    ],
)
def test_the_lowest_limit_of_machine_and_container_counts(
    tmp_path: Path, group: str, limits: dict[str, str], expected: int
) -> None:
    files = {"proc/meminfo": "MemTotal:        2097152 kB\nMemFree: 1 kB\n", "proc/self/cgroup": group, **limits}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_limit_bytes(tmp_path) == expected
