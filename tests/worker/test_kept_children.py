"""Children that are kept for their tenant's next picture: as killable and as locked as those that are not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.pictures import encoded, gradient
from tests.support.processes import children_of, descriptors_of

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.worker.children.lifecycle import JobEvent, JobState, after
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.settings import WorkerSettings

PoolMaker = Callable[..., CompressorPool]
OPTIONS = CompressionOptions(quality=80)
ONE, OTHER = "one", "other"


def answer(pool: CompressorPool, act: str, tenant: str | None = ONE, timeout_s: float = 20.0) -> str:
    return bytes(pool.run(act.encode("latin-1"), OPTIONS, timeout_s=timeout_s, tenant=tenant).data[3:]).decode()


def pid(pool: CompressorPool, tenant: str | None = ONE) -> int:
    return int(answer(pool, "own_pid", tenant).split()[0])


def state_of(pool: CompressorPool, act: str, tenant: str | None = ONE, timeout_s: float = 20.0) -> TaskState:
    try:
        pool.run(act.encode("latin-1"), OPTIONS, timeout_s=timeout_s, tenant=tenant)
    except TaskFailure as failure:
        return failure.state
    return TaskState.SUCCEEDED


def wait_until(condition: Callable[[], object], what: str) -> None:
    until_s = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until_s, what
        time.sleep(0.01)


def test_pictures_in_the_background_give_way_in_children_of_their_own(new_pool: PoolMaker) -> None:
    pool = new_pool()
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    urgent = pid(pool)

    def in_background() -> int:
        done = pool.run(b"own_pid", OPTIONS, timeout_s=20, tenant=ONE, in_background=True)
        return int(bytes(done.data[3:]).split()[0])

    background = in_background()
    assert background != urgent
    assert os.getpriority(os.PRIO_PROCESS, urgent) == ours
    assert os.getpriority(os.PRIO_PROCESS, background) > ours
    assert (in_background(), pid(pool)) == (background, urgent)


def test_one_child_does_a_tenants_pictures_a_broken_one_included(new_pool: PoolMaker) -> None:
    pool = new_pool()
    first = pid(pool)
    assert state_of(pool, "fail:-7") is TaskState.INVALID_IMAGE
    assert pid(pool) == first
    assert answer(pool, "seen_before") == "nothing"
    assert answer(pool, "seen_before") == "a mark"


def test_no_child_sees_two_tenants_pictures(new_pool: PoolMaker) -> None:
    pool = new_pool()
    for tenant in (ONE, OTHER, None, "third"):
        assert answer(pool, "seen_before", tenant) == "nothing"
    assert answer(pool, "seen_before", None) == "nothing"
    # Two are kept at a time: the two that were used last.
    assert answer(pool, "seen_before", OTHER) == "a mark"
    assert answer(pool, "seen_before", "third") == "a mark"
    assert answer(pool, "seen_before", ONE) == "nothing"


def test_isolation_by_picture_keeps_none(new_pool: PoolMaker) -> None:
    pool = new_pool(isolation="picture")
    assert [answer(pool, "seen_before") for _ in range(3)] == ["nothing"] * 3


def test_a_child_is_let_go_after_its_number_of_pictures(new_pool: PoolMaker) -> None:
    pool = new_pool(child_max_pictures=2)
    assert len({pid(pool) for _ in range(6)}) == 3


def test_a_child_is_let_go_after_its_time_though_nobody_asks(new_pool: PoolMaker) -> None:
    pool = new_pool(child_max_age_s=1, ready_children=0)
    pid(pool)
    wait_until(lambda: not children_of(pool.zygote_pid or 0), "it is still kept")


@pytest.mark.parametrize("act", ["segfault", "exit:0", "say:garbage", "lie_about_size", "hold_the_result"])
def test_a_child_that_misbehaved_is_not_used_again(new_pool: PoolMaker, act: str) -> None:
    pool = new_pool()
    first = pid(pool)
    assert state_of(pool, act) is TaskState.PROGRAM_FAILED
    assert pid(pool) != first


def test_a_child_that_says_something_between_two_pictures_is_not_used_again(new_pool: PoolMaker) -> None:
    pool = new_pool()
    first = pid(pool)
    answer(pool, "say_later")
    time.sleep(0.3)
    assert (answer(pool, "next"), pid(pool) != first) == ("4", True)


def test_a_late_picture_is_killed_and_the_next_one_served(new_pool: PoolMaker) -> None:
    pool = new_pool()
    first = pid(pool)
    assert state_of(pool, "hang", timeout_s=0.3) is TaskState.TIMED_OUT
    assert pid(pool) != first


def test_a_child_that_died_while_it_was_kept_costs_no_picture(new_pool: PoolMaker) -> None:
    pool = new_pool()
    for _ in range(5):
        os.kill(pid(pool), signal.SIGKILL)
        assert answer(pool, "next") == "4"
    assert pool.deaths == {}


def test_a_kept_child_that_somebody_kills_at_work_costs_no_picture(new_pool: PoolMaker) -> None:
    pool = new_pool()
    first, killed = pid(pool), list[int]()

    def kill(phase: str, _at_s: float) -> None:
        if phase.startswith("pid ") and not killed:
            killed.append(int(phase[4:]))
            os.kill(first, signal.SIGKILL)

    pool.run(b"tell_pid:0", OPTIONS, timeout_s=20, tenant=ONE, on_phase=kill)
    assert killed == [first]


def test_a_kept_child_asks_only_for_what_it_was_not_granted(new_pool: PoolMaker) -> None:
    pool, told = new_pool(child_memory_mb=4096), list[int]()
    for side in (10, 10, 5000, 10):
        pool.run(f"sides:{side}".encode(), OPTIONS, timeout_s=20, tenant=ONE, on_sides=told.append)
    assert told == [10, 5000], "the first is asked for in a fresh child, the third is beyond what was granted"
    assert int(answer(pool, "limits").split()[0]) < 1100, "it is held to what was granted"
    assert answer(pool, "needing:500 0") == "slept"
    assert pool.memory.startswith("0 of")


def test_without_free_memory_a_kept_child_is_granted_nothing(new_pool: PoolMaker) -> None:
    pool, told = new_pool(memory_mb=64), list[int]()
    for _ in range(3):
        pool.run(b"sides:10", OPTIONS, timeout_s=20, tenant=ONE, on_sides=told.append)
    assert told == [10] * 3


def test_a_picture_that_kills_a_kept_child_without_a_word_is_tried_once_more_and_fails(new_pool: PoolMaker) -> None:
    pool = new_pool()
    first = pid(pool)
    assert state_of(pool, "through:") is TaskState.SUCCEEDED
    assert state_of(pool, "die_silently") is TaskState.PROGRAM_FAILED
    assert pool.deaths == {TaskState.PROGRAM_FAILED: 1}
    assert pid(pool) != first


def test_a_kept_childs_earlier_pictures_cost_the_next_one_nothing(new_pool: PoolMaker) -> None:
    pool, spent = new_pool(), list[float]()
    for act in (b"burn:0.5", b"next"):
        pool.run(act, OPTIONS, timeout_s=20, tenant=ONE, on_spent=spent.append)
    assert spent[0] > 0.4
    assert spent[1] < 0.2


def test_each_picture_has_limits_of_its_own(new_pool: PoolMaker) -> None:
    """A small one's do not bind the next, and the processor time of earlier ones does not count."""
    pool = new_pool(child_cpu_s=5)
    assert answer(pool, "budget:200 3").split()[0] == "200"
    assert answer(pool, "burn:2") == "burnt"
    megabytes, seconds = map(int, answer(pool, "budget:230 3").split())
    assert (megabytes, seconds >= 5) == (230, True)
    assert answer(pool, "raise_limit") == "refused 1"


def test_a_large_picture_has_a_child_of_its_own(new_pool: PoolMaker) -> None:
    pool = new_pool()
    assert answer(pool, "seen_before") == "nothing"
    assert answer(pool, "seen_before" + ":" + "x" * (5 << 20)) == "nothing"
    assert answer(pool, "seen_before") == "a mark"


def test_three_hundred_pictures_leave_no_descriptor(new_pool: PoolMaker) -> None:
    pool = new_pool(child_max_pictures=1000)
    assert answer(pool, "descriptors") == "0 1 2 3 4 5"
    before = descriptors_of(os.getpid())
    for act in ["next", "fail:-7"] * 150:
        state_of(pool, act)
    assert answer(pool, "descriptors") == "0 1 2 3 4 5"
    # What else lives in the tests' process opens some of its own: one in ten pictures' would be thirty.
    wait_until(lambda: descriptors_of(os.getpid()) < before + 30, "a picture's descriptors are left")


def test_real_pictures_of_two_tenants_at_once() -> None:
    large, small = encoded(gradient(1200, 900)), encoded(gradient(120, 90))
    with CompressorPool(WorkerSettings(workers=2, memory_mb=512)) as pool, ThreadPoolExecutor(4) as threads:
        run = partial(pool.run, options=OPTIONS, timeout_s=60)
        jobs = [threads.submit(run, source, tenant=tenant) for source in (large, small) * 4 for tenant in (ONE, OTHER)]
        sizes = [len(job.result().data) for job in jobs]
        assert len(set(sizes)) == 2
        assert pool.deaths == {}


def test_they_are_locked(new_pool: PoolMaker) -> None:
    pool = new_pool()
    status = Path(f"/proc/{pid(pool)}/status").read_text()
    assert "Seccomp:\t2" in status or "Seccomp:" not in status
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([JobEvent.PHASE, JobEvent.MEMORY, JobEvent.PHASE, JobEvent.ANSWER], JobState.ANSWERED),
        ([JobEvent.ANSWER], JobState.ANSWERED),
        ([JobEvent.MEMORY, JobEvent.HUNG_UP], JobState.DYING),
        ([JobEvent.MEMORY, JobEvent.MEMORY], None),
        ([JobEvent.ANSWER, JobEvent.PHASE], None),
        ([JobEvent.HUNG_UP, JobEvent.ANSWER], None),
    ],
)
def test_what_a_child_may_do_next(events: list[JobEvent], expected: JobState | None) -> None:
    states: list[JobState | None] = [JobState.GIVEN]
    for event in events:
        last = states[-1]
        states.append(None if last is None else after(last, event))
    assert states[-1] is expected
    assert all(before is not None for before, _ in pairwise(states))
