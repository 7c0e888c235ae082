"""A client is answered within LEANPIX_PATIENCE_S while the file store is away, whether it refuses or hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import Cluster, new_cluster, until
from tests.support.failures import LARGE_PICTURE as LARGE
from tests.support.failures import Caller, assert_each_ended_once_and_was_charged_once
from tests.support.scene import ready
from tests.support.server import key_in, named
from tests.support.servers import Postgres, Seaweed

PATIENCE_S = 3.0
# What a machine that does something else as well may add to it.
SLACK_S = 4.0


def hang(seaweed: Seaweed) -> None:
    os.killpg(seaweed.pid, signal.SIGSTOP)


def wake(seaweed: Seaweed) -> None:
    os.killpg(seaweed.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("stop", "start"), [(Seaweed.stop, Seaweed.start), (hang, wake)], ids=["it refuses", "it hangs"]
)
def test_uploads_and_results_are_answered_in_time_and_queries_at_once(
    stop: Callable[[Seaweed], None],
    start: Callable[[Seaweed], object],
    postgres: Postgres,
    seaweed: Seaweed,
    tmp_path: Path,
) -> None:
    with new_cluster(postgres, seaweed, tmp_path, patience_s=str(PATIENCE_S)) as cluster:
        caller = Caller(key_in(cluster.cli("migrate")))
        api = cluster.api()
        cluster.worker()
        cluster.wait()
        done = caller.create(api, LARGE, sync=True).json()["data"]
        small = caller.create(api, sync=True).json()["data"]  # its result lies in the database
        stop(seaweed)
        try:
            asked: list[Callable[[], httpx.Response]] = [
                lambda: caller.create(api, LARGE),
                lambda: httpx.get(done["image"], trust_env=False, timeout=60),
            ]
            for ask in asked:
                begun = time.monotonic()
                assert ask().status_code == httpx.codes.TOO_MANY_REQUESTS
                assert time.monotonic() - begun < PATIENCE_S + SLACK_S
            begun = time.monotonic()
            assert caller.queried(api, done["task_id"])["state"] == 1
            assert time.monotonic() - begun < SLACK_S
            assert httpx.get(small["image"], trust_env=False, timeout=60).status_code == httpx.codes.OK
            assert ready(api) == httpx.codes.OK
            # Once the node knows that it is away a small one, which would wait in the database, is refused as well.
            until(lambda: ready(api, "/create") == httpx.codes.SERVICE_UNAVAILABLE)
            assert caller.create(api).status_code == httpx.codes.TOO_MANY_REQUESTS
        finally:
            start(seaweed)
        until(lambda: caller.create(api, sync=True).status_code == httpx.codes.OK)
        assert cluster.rows("SELECT count(*), min(state) FROM tasks") == [(3, 1)]


@contextmanager
def accepted_before_an_outage(
    postgres: Postgres, seaweed: Seaweed, folder: Path, **workers_settings: str
) -> Iterator[tuple[Cluster, Caller, str]]:
    """A small upload that waits for a worker; once the block has begun there is one again, and no store."""
    with new_cluster(postgres, seaweed, folder, patience_s=str(PATIENCE_S)) as cluster:
        caller = Caller(key_in(cluster.cli("migrate")))
        api = cluster.api()
        cluster.environment |= named(workers_settings)
        worker = cluster.worker()
        cluster.wait()
        os.killpg(worker.process.pid, signal.SIGSTOP)
        task = caller.accepted(api)
        seaweed.stop()
        os.killpg(worker.process.pid, signal.SIGCONT)
        try:
            yield cluster, caller, task
        finally:
            if not seaweed.is_running:
                seaweed.start()


def test_a_small_upload_and_its_result_need_no_store(postgres: Postgres, seaweed: Seaweed, tmp_path: Path) -> None:
    with accepted_before_an_outage(postgres, seaweed, tmp_path) as (cluster, caller, task):
        until(lambda: cluster.rows("SELECT state, faults, result_in_row FROM tasks") == [(1, 0, True)])
        assert caller.reads(cluster.nodes[0], task)


def test_a_result_for_the_store_that_is_away_is_made_again_after_it(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with accepted_before_an_outage(postgres, seaweed, tmp_path, row_bytes="1") as (cluster, _, task):
        until(lambda: cluster.rows("SELECT faults FROM tasks") == [(1,)])
        seaweed.start()
        assert_each_ended_once_and_was_charged_once(cluster, [task])
        assert cluster.rows("SELECT source, source_in_row FROM tasks") == [(None, False)]
