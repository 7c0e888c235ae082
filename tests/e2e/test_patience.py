"""A client is answered within LEANPIX_PATIENCE_S while the file store is away, whether it refuses or hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import new_cluster, until
from tests.support.failures import LARGE_PICTURE as LARGE
from tests.support.failures import Caller, assert_each_ended_once_and_was_charged_once
from tests.support.scene import ready
from tests.support.server import key_in
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
        done = caller.create(api, sync=True).json()["data"]
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
            assert ready(api) == httpx.codes.OK
            # Once the node knows that it is away a small one, which would wait in the database, is refused as well.
            until(lambda: ready(api, "/create") == httpx.codes.SERVICE_UNAVAILABLE)
            assert caller.create(api).status_code == httpx.codes.TOO_MANY_REQUESTS
        finally:
            start(seaweed)
        until(lambda: caller.create(api, sync=True).status_code == httpx.codes.OK)
        assert cluster.rows("SELECT count(*), min(state) FROM tasks") == [(2, 1)]


def test_a_small_upload_that_came_in_before_the_outage_was_noticed_is_done_after_it(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with new_cluster(postgres, seaweed, tmp_path, patience_s=str(PATIENCE_S)) as cluster:
        caller = Caller(key_in(cluster.cli("migrate")))
        api = cluster.api()
        worker = cluster.worker()
        cluster.wait()
        os.killpg(worker.process.pid, signal.SIGSTOP)  # the upload is in before the store is away, and waits
        task = caller.accepted(api)
        seaweed.stop()
        os.killpg(worker.process.pid, signal.SIGCONT)
        try:
            until(lambda: cluster.rows("SELECT faults FROM tasks") == [(1,)])
        finally:
            seaweed.start()
        assert_each_ended_once_and_was_charged_once(cluster, [task])
        assert cluster.rows("SELECT source, source_in_row FROM tasks") == [(None, False)]
