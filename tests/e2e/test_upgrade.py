"""An older leanpix and this one over the same database at once: run by `make test-upgrade REV=<commit>`."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.cluster import Cluster, Node, cluster_over, until
from tests.support.failures import (
    HELD_PICTURE,
    Caller,
    ReviewGate,
    assert_each_ended_once_and_was_charged_once,
    attempts,
    gated_reviews,
)
from tests.support.scene import reviewed
from tests.support.server import key_in
from tests.support.servers import Postgres, Seaweed

POLL_S = 1.0


@pytest.fixture
def old() -> Path:
    """The `leanpix` of an older commit, installed by itself."""
    place = os.environ.get("OLD_LEANPIX")
    if place is None:
        pytest.skip("no older leanpix is installed beside this one: make test-upgrade REV=<commit>")
    return Path(place)


def held(caller: Caller, api: Node, gate: ReviewGate) -> str:
    """A task whose result waits in a worker's slot until the gate opens."""
    gate.is_open.clear()
    task = caller.accepted(api, HELD_PICTURE)
    until(lambda: task in gate.held)
    return task


def test_nodes_are_replaced_one_by_one_while_tasks_are_under_way(
    old: Path, postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        gate = stack.enter_context(gated_reviews())
        empty = postgres.new_database()
        # As docs/operate-cluster.md has it for workers that do not know of sources and results in rows.
        settings = reviewed(gate, {"row_bytes": "0"})
        two = stack.enter_context(cluster_over(empty, seaweed, tmp_path, **settings))
        two.cli("migrate", program=old)
        made = two.cli("keys", "create", "--name", "shop", "--credits", "1000", "--qps", "1000", program=old)
        caller = Caller(key_in(made))
        old_api, old_worker = two.api(program=old), two.worker(program=old)
        two.wait()
        tasks = [held(caller, old_api, gate)]

        two.cli("migrate")
        new_api = two.api()
        two.wait()
        tasks += [caller.accepted(api) for api in (old_api, new_api)]
        gate.is_open.set()
        assert_each_ended_once_and_was_charged_once(two, tasks)
        assert attempts(two, tasks) == [1, 1, 1], "the old worker has done what both accepted"
        assert [woken(caller, api) for api in (old_api, new_api)] == [True, True], "by the old worker"

        tasks.append(held(caller, new_api, gate))
        new_worker = two.worker()
        two.wait()
        old_worker.process.terminate()
        tasks.append(caller.accepted(old_api))
        gate.is_open.set()
        assert old_worker.process.wait(60) == 0
        assert_each_ended_once_and_was_charged_once(two, tasks)
        assert attempts(two, tasks) == [1] * 5, "the old worker has finished, the new one has taken the rest"
        assert [woken(caller, api) for api in (old_api, new_api)] == [True, True], "by the new worker"

        new_worker.terminate()
        tasks.append(held_by_another(two, caller, new_api, gate, old))
        assert attempts(two, tasks) == [1] * 5 + [2]
        assert all(caller.reads(api, task) for api in (old_api, new_api) for task in tasks)


def woken(caller: Caller, api: Node) -> bool:
    """Whether requests that wait are answered by the signal of the end: the poll comes after a second."""
    taken_s = []
    for _ in range(5):
        begun = time.monotonic()
        caller.create(api, sync=True).raise_for_status()
        taken_s.append(time.monotonic() - begun)
    return min(taken_s) < POLL_S


def held_by_another(two: Cluster, caller: Caller, api: Node, gate: ReviewGate, old: Path) -> str:
    """A task that one version's worker died over and the other's has done; the old one goes where it can start."""
    dying = two.worker()
    two.wait()
    task = held(caller, api, gate)
    after = two.worker(program=old)
    until(lambda: after.process.poll() is not None or "works on" in after.output.read_text())
    if after.process.poll() is not None:  # before versions started on what a newer one has migrated
        assert "leanpix migrate" in after.output.read_text()
        two.worker()
    two.wait()
    dying.kill()
    gate.is_open.set()
    assert_each_ended_once_and_was_charged_once(two, [task])
    return task
