"""Processes that are used again: as killable and as locked as those that are not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from tests.support.pictures import encoded, gradient
from tests.support.processes import children_of, command_of

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.worker.children.reused_pool import ReusedPool
from leanpix.worker.settings import WorkerSettings

JPG = encoded(gradient(120, 90))
QUICK = CompressionOptions(quality=60)


@pytest.fixture(scope="module")
def pool() -> Iterator[ReusedPool]:
    with ReusedPool(WorkerSettings()) as started:
        yield started


def children() -> set[int]:
    """The pools' own: other tests' servers may be children of this process too."""
    return {pid for pid in children_of(os.getpid()) if "leanpix.worker.children.reused" in command_of(pid)}


def run(pool: ReusedPool, source: bytes = JPG, timeout_s: float = 60) -> int:
    return len(pool.run(source, QUICK, timeout_s=timeout_s).data)


def test_one_process_does_picture_after_picture_a_broken_one_included(pool: ReusedPool) -> None:
    run(pool)
    before = children()
    with pytest.raises(TaskFailure) as failed:
        run(pool, b"no picture")
    assert failed.value.state is TaskState.INVALID_IMAGE
    assert 0 < run(pool) < len(JPG)
    assert children() == before


def test_a_picture_that_needs_more_than_a_small_one_gets_its_memory_and_so_does_the_next() -> None:
    large = encoded(gradient(2200, 2000))
    with ReusedPool(WorkerSettings(workers=2, memory_mb=256)) as pool, ThreadPoolExecutor(2) as threads:
        sizes = list(threads.map(partial(run, pool), [large, JPG, large]))
    assert sizes[0] == sizes[2] > sizes[1]


def test_a_process_outlives_the_thread_that_needed_it_first() -> None:
    """The kernel ends a process with the thread that started it, and others have it from the pool by then."""
    others, large = children(), encoded(gradient(1200, 900))
    with ReusedPool(WorkerSettings(workers=2)) as pool:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(partial(run, pool), [large] * 4))
        started = children() - others
        assert len(started) == 2
        for _ in range(3):
            run(pool)
        assert children() - others == started


def test_it_is_locked(pool: ReusedPool) -> None:
    run(pool)
    assert children()
    for pid in children():
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Seccomp:\t2" in status or "Seccomp:" not in status
        assert "NoNewPrivs:\t1" in status


def test_a_process_is_replaced_after_its_number_of_pictures() -> None:
    others = children()
    with ReusedPool(WorkerSettings(workers=1, recycle_after=2)) as pool:
        seen: list[int] = []
        for _ in range(5):
            run(pool)
            seen.extend(children() - others - set(seen))
    assert len(seen) == 3


def test_a_late_picture_is_killed_and_the_next_one_served(pool: ReusedPool) -> None:
    run(pool)
    before = children()
    with pytest.raises(TaskFailure) as failed:
        run(pool, encoded(gradient(1500, 1500)), timeout_s=0.02)
    assert failed.value.state is TaskState.TIMED_OUT
    assert run(pool) > 0
    assert children().isdisjoint(before)


def test_a_dead_process_fails_its_picture_alone(pool: ReusedPool) -> None:
    run(pool)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(TaskFailure) as failed:
        run(pool)
    assert failed.value.state is TaskState.PROGRAM_FAILED
    assert run(pool) > 0


def test_closing_gives_up_what_is_under_way_and_leaves_no_process() -> None:
    ended: list[TaskState] = []

    def work(pool: ReusedPool) -> None:
        try:
            while True:
                run(pool, encoded(gradient(1500, 1500)))
        except TaskFailure as failure:
            ended.append(failure.state)

    before = children()
    with ReusedPool(WorkerSettings()) as pool:
        thread = threading.Thread(target=work, args=(pool,))
        thread.start()
        time.sleep(0.3)
    thread.join(30)
    assert ended == [TaskState.CANCELLED]
    assert children() <= before
