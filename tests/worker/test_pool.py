"""Whatever a child does, its job ends typed, the next one runs, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count, repeat
from pathlib import Path

import pytest
from tests.support.processes import children_of, descriptors_of, is_at_work
from tests.worker.conftest import make_pool

from leanpix.domain.errors import ChildStartError, TaskFailure
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.settings import WorkerSettings

Act = Callable[..., str]
PoolMaker = Callable[..., CompressorPool]
OPTIONS = CompressionOptions(quality=80)
READY = 2  # children that the pools here keep waiting: their workers
SOURCE_BYTES = (5, 5 * 1024 * 1024)


def outcome(pool: CompressorPool, act: str, *, timeout_s: float = 20) -> TaskState:
    try:
        pool.run(act.encode("latin-1"), OPTIONS, timeout_s=timeout_s)
    except TaskFailure as failure:
        return failure.state
    return TaskState.SUCCEEDED


def answer(pool: CompressorPool, act: str, **options: float) -> str:
    return bytes(pool.run(act.encode(), OPTIONS, timeout_s=options.get("timeout_s", 20.0)).data[3:]).decode()


def is_alive(pid: int) -> bool:
    """Whether the process runs: neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until_s, what
        time.sleep(0.01)


def waiting_under(zygote: int) -> list[int]:
    """The children that have no job yet."""
    return [child for child in children_of(zygote) if not is_at_work(child)]


@pytest.mark.parametrize("size", [1, 0x10000, 20 * 1024 * 1024])
def test_a_source_of_any_size_arrives_whole(act: Act, size: int) -> None:
    assert act("\xff" * size) == str(size)


def test_an_open_file_is_handed_on_and_stays_the_callers(pool: CompressorPool) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"\xff" * 70_000)
        file.flush()
        done = pool.run(file, OPTIONS, timeout_s=10)
        assert bytes(done.data[3:]) == b"70000"
        assert file.tell() == 70_000


def test_a_result_stays_when_its_child_and_the_pool_are_gone(new_pool: PoolMaker) -> None:
    pool = new_pool()
    data = pool.run(b"next", OPTIONS, timeout_s=10).data
    pool.close()
    assert data.readonly
    assert bytes(data) == b"\xff\xd8\xff4"


def test_children_wait_for_jobs_and_each_does_one(new_pool: PoolMaker) -> None:
    pool = new_pool()
    zygote = pool.zygote_pid or 0
    done: list[int] = []
    for _ in range(4):
        wait_until(lambda: len(waiting_under(zygote)) == READY, "no children wait")
        waiting = waiting_under(zygote)
        done.append(int(answer(pool, "own_pid").split()[0]))
        assert done[-1] in waiting
    assert len(set(done)) == 4


def test_without_children_made_ahead_each_is_made_for_its_job(new_pool: PoolMaker) -> None:
    pool = new_pool(ready_children=0)
    assert [answer(pool, "next") for _ in range(3)] == ["4"] * 3
    wait_until(lambda: not children_of(pool.zygote_pid or 0), "a child waits")


def test_a_child_that_is_killed_while_it_waits_costs_no_job(new_pool: PoolMaker) -> None:
    pool = new_pool()
    zygote = pool.zygote_pid or 0
    for _ in range(3):
        wait_until(lambda: len(waiting_under(zygote)) == READY, "no children wait")
        waiting = waiting_under(zygote)
        for child in waiting:
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: not set(waiting) & set(children_of(zygote)), "they live on")  # noqa: B023 - asked at once
        assert answer(pool, "next") == "4"
    assert pool.deaths == {}


def test_phases_are_told_in_their_order_and_before_the_result(pool: CompressorPool) -> None:
    phases: list[str] = []
    pool.run(b"phases:3", OPTIONS, timeout_s=10, on_phase=lambda phase, _: phases.append(phase))
    assert phases == ["searching", "encoding", "encoding", "encoding"]


def test_a_failure_that_the_engine_found_keeps_its_state_and_its_text(pool: CompressorPool) -> None:
    before = dict(pool.deaths)
    with pytest.raises(TaskFailure, match="the picture is cut short") as failure:
        pool.run(b"fail:-7", OPTIONS, timeout_s=10)
    assert failure.value.state is TaskState.INVALID_IMAGE
    assert pool.deaths == before


@pytest.mark.parametrize(
    ("act", "state"),
    [
        ("segfault", TaskState.PROGRAM_FAILED),
        ("hang", TaskState.TIMED_OUT),
        ("spin", TaskState.TIMED_OUT),
        ("allocate:300", TaskState.NO_RESOURCES),
    ],
)
def test_twenty_deaths_are_twenty_typed_failures_and_the_pool_goes_on(
    new_pool: PoolMaker, act: str, state: TaskState
) -> None:
    pool = new_pool()
    with ThreadPoolExecutor(4) as threads:
        states = list(threads.map(lambda _: outcome(pool, act, timeout_s=0.4 if state == -8 else 20), range(20)))
    assert states == [state] * 20
    assert pool.deaths == {state: 20}
    assert answer(pool, "next") == "4"


@pytest.mark.parametrize(
    ("act", "state"),
    [
        ("c_allocate", TaskState.NO_RESOURCES),
        ("defect", TaskState.PROGRAM_FAILED),
        ("exit:0", TaskState.PROGRAM_FAILED),
        ("exit:3", TaskState.PROGRAM_FAILED),
        ("fail:-16", TaskState.PROGRAM_FAILED),  # a state that is not a child's to give
        ("fail:1", TaskState.PROGRAM_FAILED),
        ("say:garbage", TaskState.PROGRAM_FAILED),
        ('say:{"report": {}}', TaskState.PROGRAM_FAILED),
        ('say:{"layers": {}}', TaskState.PROGRAM_FAILED),
        ('say:{"state": -7, "text": "x", "more": 1}', TaskState.PROGRAM_FAILED),
        ('say:{"phase": "<script>"}', TaskState.PROGRAM_FAILED),
        ("say_much:100000", TaskState.PROGRAM_FAILED),
        ("phases:2000", TaskState.PROGRAM_FAILED),
        ("hang_up", TaskState.PROGRAM_FAILED),
        ("lie_about_size", TaskState.PROGRAM_FAILED),
        ("lie_about_format", TaskState.PROGRAM_FAILED),
        ("hold_the_result", TaskState.PROGRAM_FAILED),  # it could change what was checked
    ],
)
def test_a_child_that_misbehaves_fails_its_own_job_only(pool: CompressorPool, act: str, state: TaskState) -> None:
    before = pool.deaths.get(state, 0)
    assert outcome(pool, act) is state
    assert pool.deaths[state] == before + 1
    assert answer(pool, "next") == "4"


@pytest.mark.parametrize(
    ("kernel_kills", "state"),
    [(repeat(7), TaskState.PROGRAM_FAILED), (count(), TaskState.NO_RESOURCES), (repeat(None), TaskState.NO_RESOURCES)],
    ids=["others", "the kernel", "unknown"],
)
def test_a_kill_is_the_pictures_fault_only_where_the_kernel_is_short_of_memory(
    kernel_kills: Iterator[int | None], state: TaskState
) -> None:
    killed: list[int] = []

    def kill(phase: str, _at_s: float) -> None:
        if phase.startswith("pid "):
            killed.append(int(phase[4:]))
            os.kill(killed[-1], signal.SIGKILL)

    with make_pool(kills_for_memory=lambda: next(kernel_kills)) as pool, pytest.raises(TaskFailure) as failure:
        pool.run(b"tell_pid:60", OPTIONS, timeout_s=20, on_phase=kill)
    assert failure.value.state is state
    assert len(killed) == (1 if state is TaskState.NO_RESOURCES else 3), "whom others kill is run again, not for ever"


def test_a_picture_whose_process_somebody_kills_is_worked_on_again(pool: CompressorPool) -> None:
    killed: list[int] = []
    deaths = pool.deaths

    def kill_once(phase: str, _at_s: float) -> None:
        if phase.startswith("pid ") and not killed:
            killed.append(int(phase[4:]))
            os.kill(killed[-1], signal.SIGKILL)

    pool.run(b"tell_pid:0.5", OPTIONS, timeout_s=20, on_phase=kill_once)
    assert killed
    assert pool.deaths == deaths


def test_sides_are_told_before_the_work_and_a_listener_may_refuse_it(pool: CompressorPool) -> None:
    told: list[int] = []
    pool.run(b"sides:5000", OPTIONS, timeout_s=20, on_sides=told.append)
    assert told == [5000]

    def refuse(_longest_px: int) -> None:
        raise TaskFailure(TaskState.NOT_MEETING_REQUIREMENTS, "too dear")

    with pytest.raises(TaskFailure, match="too dear"):
        pool.run(b"sides:5000", OPTIONS, timeout_s=20, on_sides=refuse)
    wait_until(lambda: len(children_of(pool.zygote_pid or 0)) == READY, "the refused child lives on")


def test_phases_that_no_state_shows_are_told_in_the_end_with_their_moments(pool: CompressorPool) -> None:
    told: list[tuple[str, float, float]] = []

    def tell(phase: str, at_s: float) -> None:
        told.append((phase, at_s, time.monotonic()))

    began_s = time.monotonic()
    pool.run(b"through:decoding encoding", OPTIONS, timeout_s=10, on_phase=tell)
    (first, at_s, told_s), (second, then_s, _) = told
    assert (first, second) == ("decoding", "encoding")
    assert began_s <= at_s <= then_s - 0.1
    assert told_s >= then_s + 0.1
    told.clear()
    pool.run(b"through:decoding searching encoding", OPTIONS, timeout_s=10, on_phase=tell)
    assert [phase for phase, _, _ in told] == ["decoding", "searching", "encoding"]
    (_, _, told_s), (_, _, shown_s), (_, _, last_s) = told
    assert max(told_s, shown_s) < last_s - 0.1, "a state shows this one, which is not held back"


def test_a_child_cannot_tell_of_moments_that_cannot_be(pool: CompressorPool) -> None:
    moments: list[float] = []
    began_s = time.monotonic()
    phases = '[{"phase":"decoding","at_s":1e18},{"phase":"encoding","at_s":0}]'
    with pytest.raises(TaskFailure) as failure:
        pool.run(
            b'say:{"state":-7,"text":"cut","phases":' + phases.encode() + b"}",
            OPTIONS,
            timeout_s=10,
            on_phase=lambda _, at_s: moments.append(at_s),
        )
    assert failure.value.state is TaskState.INVALID_IMAGE
    assert len(moments) == 3, "one by the act itself"
    assert all(began_s <= moment <= time.monotonic() for moment in moments)
    assert moments == sorted(moments)


@pytest.mark.parametrize("act", ["burn:0.4", "sides:1"])
def test_the_processor_time_of_a_job_is_told_however_it_ends(pool: CompressorPool, act: str) -> None:
    spent: list[float] = []
    pool.run(act.encode(), OPTIONS, timeout_s=20, on_spent=spent.append)
    assert len(spent) == 1
    assert spent[0] > (0.3 if act.startswith("burn") else 0)


def test_a_job_that_is_given_up_ends_at_once(pool: CompressorPool) -> None:
    given_up = os.eventfd(0)
    began = time.monotonic()

    def give_up(_phase: str, _at_s: float) -> None:
        os.eventfd_write(given_up, 1)

    with pytest.raises(TaskFailure) as failure:
        pool.run(b"sleep:60", OPTIONS, timeout_s=60, on_phase=give_up, given_up=given_up)
    os.close(given_up)
    assert failure.value.state is TaskState.CANCELLED
    assert time.monotonic() - began < 10


def test_a_childs_last_words_are_no_lines_of_the_log(pool: CompressorPool, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TaskFailure):
        pool.run(b"forge_a_line", OPTIONS, timeout_s=20)
    (told,) = [one.getMessage() for one in caplog.records if "child died" in one.getMessage()]
    assert "forged" in told
    assert "\n" not in told
    assert told.isprintable()


def test_a_child_that_shouts_is_heard_a_little(act: Act) -> None:
    assert act("shout") == "heard"


def test_a_failing_listener_leaves_no_child(pool: CompressorPool) -> None:
    def fail(phase: str, _at_s: float) -> None:
        if phase.startswith("pid "):
            raise LookupError(phase)

    with pytest.raises(LookupError) as failure:
        pool.run(b"tell_pid:60", OPTIONS, timeout_s=60, on_phase=fail)
    child = int(str(failure.value.args[0])[4:])
    wait_until(lambda: not is_alive(child), "the child outlived its job")


def test_jobs_run_side_by_side(pool: CompressorPool) -> None:
    """Four that each wait for the other three could not end one after the other."""
    together = threading.Barrier(4, timeout=10)

    def run(_: int) -> str:
        done = pool.run(b"sleep:0.1", OPTIONS, timeout_s=20, on_phase=lambda *_: (together.wait(), None)[1])
        return bytes(done.data[3:]).decode()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(run, range(4))) == ["slept"] * 4


@pytest.mark.parametrize("kills", [1, 2])
def test_a_job_outlives_its_zygote_once_and_another_takes_over(new_pool: PoolMaker, kills: int) -> None:
    pool = new_pool()
    first, seen, killed = pool.zygote_pid, list[int](), set[int]()

    def kill_zygote(phase: str, _at_s: float) -> None:
        if phase.startswith("pid "):
            seen.append(int(phase[4:]))
            zygote = pool.zygote_pid
            if len(killed) < kills and zygote is not None and zygote not in killed:
                killed.add(zygote)
                os.kill(zygote, signal.SIGKILL)

    state = TaskState.SUCCEEDED
    try:
        pool.run(b"tell_pid:2", OPTIONS, timeout_s=30, on_phase=kill_zygote)
    except TaskFailure as failure:
        state = failure.state
    # A child that waited may take the job up while it dies with the same zygote, so there can be more than two.
    assert len(seen) >= 2
    assert (state, len(killed)) == (TaskState.SUCCEEDED if kills == 1 else TaskState.PROGRAM_FAILED, kills)
    assert answer(pool, "next") == "4"
    wait_until(lambda: pool.zygote_pid not in (None, first), "no new zygote")
    wait_until(lambda: not any(map(is_alive, seen)), "a child outlived its zygote")


@pytest.mark.parametrize("source_bytes", SOURCE_BYTES)
def test_a_zygote_that_died_idle_is_replaced_before_a_job_is_lost(new_pool: PoolMaker, source_bytes: int) -> None:
    pool = new_pool()
    for _ in range(5):
        wait_until(lambda: pool.zygote_pid is not None, "no new zygote")
        os.kill(pool.zygote_pid or 0, signal.SIGKILL)
        assert answer(pool, "-" * source_bytes) == str(source_bytes)


def test_a_zygote_is_replaced_after_its_number_of_jobs_without_losing_one(new_pool: PoolMaker) -> None:
    pool = new_pool(recycle_after=5)

    def parent(_: int) -> str:
        return answer(pool, "own_pid").split()[1]

    with ThreadPoolExecutor(3) as threads:
        served = Counter(threads.map(parent, range(20)))
    assert len(served) >= 3
    assert max(served.values()) <= 5


PARENT = """
import os, sys, threading
from leanpix.domain.request import CompressionOptions
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.settings import WorkerSettings
pool = CompressorPool(WorkerSettings(child_memory_mb=256), job="child_jobs:act", preload=(), environment=os.environ)
pool.start()
print("zygote", pool.zygote_pid, flush=True)
tell = lambda phase, _: print(phase, flush=True)
pool.run(b"tell_pid:60", CompressionOptions(quality=80), timeout_s=60, on_phase=tell)
"""


def started_parent() -> tuple[subprocess.Popen[str], int, int]:
    """A server of its own, with the ids of its zygote and of the child at work."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    ids = [int(line.split()[1]) for line in _lines(parent) if line.startswith(("zygote", "pid"))]
    return parent, ids[0], ids[1]


def _lines(parent: subprocess.Popen[str]) -> Iterable[str]:
    assert parent.stdout is not None
    for line in parent.stdout:
        yield line
        if line.startswith("pid"):
            return


def ended(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()


@pytest.mark.parametrize("stopped", [False, True], ids=["zygote free", "zygote stopped"])
def test_nothing_outlives_a_killed_server(stopped: bool) -> None:
    parent, zygote, child = started_parent()
    if stopped:
        os.kill(zygote, signal.SIGSTOP)  # it cannot tidy up: the kernel has to
    ended(parent)
    wait_until(lambda: not is_alive(zygote) and not is_alive(child), "an orphan lives on")


def test_a_child_dies_with_its_zygote_when_nobody_can_kill_it() -> None:
    parent, zygote, child = started_parent()
    os.kill(parent.pid, signal.SIGSTOP)
    os.kill(zygote, signal.SIGKILL)
    try:
        wait_until(lambda: not is_alive(child), "the child outlived its zygote")
    finally:
        ended(parent)


def test_the_terminals_interrupt_reaches_no_child() -> None:
    """Ctrl-C and a service manager's SIGTERM go to all: the server decides how its jobs end."""
    parent, zygote, child = started_parent()
    try:
        assert os.getpgid(zygote) != os.getpgid(parent.pid)
        for pid in (zygote, child):
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        time.sleep(0.2)
        assert is_alive(zygote)
        assert is_alive(child)
    finally:
        ended(parent)


@pytest.mark.parametrize("source_bytes", SOURCE_BYTES)
def test_a_zygote_that_hangs_costs_one_deadline(new_pool: PoolMaker, source_bytes: int) -> None:
    pool = new_pool(ready_children=0)
    os.kill(pool.zygote_pid or 0, signal.SIGSTOP)
    assert outcome(pool, "-" * source_bytes, timeout_s=0.3) is TaskState.TIMED_OUT
    assert answer(pool, "-" * source_bytes) == str(source_bytes)


def test_two_hundred_jobs_leave_no_descriptor_and_no_zombie(new_pool: PoolMaker) -> None:
    pool = new_pool()
    acts = ["next", "segfault", "fail:-7", "exit:0"]
    [outcome(pool, act) for act in acts]
    zygote = pool.zygote_pid or 0
    wait_until(lambda: len(children_of(zygote)) == READY, "a zombie is left")
    gc.collect()  # what other tests have left open in some cycle would come free at any moment
    before = descriptors_of(os.getpid())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: outcome(pool, acts[n % 4]), range(200)))
    wait_until(lambda: len(children_of(zygote)) == READY, "a zombie is left")
    assert pool.zygote_pid == zygote
    wait_until(lambda: descriptors_of(os.getpid()) <= before, "a job's descriptors are left")


@pytest.mark.skipif(os.geteuid() != 0, reason="the zygote lets nobody but root see what it has open")
def test_two_hundred_jobs_leave_no_descriptor_in_the_zygote(new_pool: PoolMaker) -> None:
    pool = new_pool()
    outcome(pool, "next")
    zygote = pool.zygote_pid or 0
    wait_until(lambda: len(children_of(zygote)) == READY, "the next children are not ready")
    before = descriptors_of(zygote)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: outcome(pool, ["next", "fail:-7"][n % 2]), range(200)))
    assert pool.zygote_pid == zygote
    wait_until(lambda: descriptors_of(zygote) <= before, "the zygote holds a job's descriptors")


def test_a_server_with_a_thousand_connections_open_can_still_start_and_replace(new_pool: PoolMaker) -> None:
    """select() takes no descriptor above 1,023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 2000:
        pytest.skip("this machine allows fewer than 2,000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    with ExitStack() as connections:
        for _ in range(1100):
            connections.enter_context(Path(os.devnull).open("rb"))
        pool = new_pool()
        os.kill(pool.zygote_pid or 0, signal.SIGKILL)
        assert answer(pool, "next") == "4"
        pool.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_descriptor_left_is_a_lack_of_resources_and_passes(new_pool: PoolMaker) -> None:
    pool = new_pool()
    gc.collect()  # what other tests have left open in some cycle would come free at any moment
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
        with ExitStack() as taken:
            with suppress(OSError):
                while True:
                    taken.enter_context(Path(os.devnull).open("rb"))
            assert outcome(pool, "next") is TaskState.NO_RESOURCES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answer(pool, "next") == "4"


def test_closing_waits_for_its_grace_and_then_cancels(new_pool: PoolMaker) -> None:
    pool = new_pool(ready_children=0)
    with ThreadPoolExecutor(2) as threads:
        short = threads.submit(outcome, pool, "sleep:0.3")
        long = threads.submit(outcome, pool, "sleep:60")
        zygote = pool.zygote_pid or 0
        wait_until(lambda: len(children_of(zygote)) == 2, "the jobs have not begun")
        pool.close(grace_s=1)
        assert (short.result(), long.result()) == (TaskState.SUCCEEDED, TaskState.CANCELLED)
    assert outcome(pool, "next") is TaskState.CANCELLED
    assert not is_alive(zygote)


def test_closing_leaves_no_descriptor(new_pool: PoolMaker) -> None:
    new_pool().close()
    before = descriptors_of(os.getpid())
    for _ in range(3):
        new_pool().close()
    assert descriptors_of(os.getpid()) == before


def test_a_job_function_that_cannot_be_imported_is_a_start_error() -> None:
    pool = CompressorPool(WorkerSettings(), job="no_such_module:act", preload=())
    with pytest.raises(ChildStartError):
        pool.start()
