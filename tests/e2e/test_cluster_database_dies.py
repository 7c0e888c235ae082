"""A database that dies with what it had not written yet: a task whose id was told is there afterwards, no other is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import Cluster, new_cluster, until
from tests.support.pictures import encoded, gradient
from tests.support.server import API, key_in
from tests.support.servers import Postgres, Seaweed

PICTURE = encoded(gradient(48, 48))


@pytest.fixture(scope="module")
def late_postgres() -> Iterator[Postgres]:
    """One that writes what nobody waits for as late as it can be told to."""
    server = Postgres(settings=("wal_writer_delay=10s", "max_connections=100")).start()
    yield server
    server.close()


def waiting_request(cluster: Cluster) -> httpx.Response:
    """The answer to a request with sync=1 that finds no worker."""
    key = key_in(cluster.cli("keys", "create", "--name", "waits"))
    api = cluster.api()
    cluster.wait()
    with httpx.Client(base_url=api.base, headers={"X-API-KEY": key}, timeout=60, trust_env=False) as client:
        return client.post(API, data={"sync": "1"}, files={"image_file": PICTURE})


def accepted(cluster: Cluster) -> list[str]:
    return [task_id for (task_id,) in cluster.rows("SELECT id FROM tasks")]


def die_and_come_back(postgres: Postgres) -> None:
    postgres.stop("immediate")
    postgres.start()


def test_a_request_whose_task_went_with_the_database_is_refused_and_charged_nothing(
    late_postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with new_cluster(late_postgres, seaweed, tmp_path) as cluster, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(waiting_request, cluster)
        until(lambda: len(accepted(cluster)) == 1)
        die_and_come_back(late_postgres)
        answer = waiting.result()
        assert accepted(cluster) == []
        assert answer.status_code == 429
        assert "Retry-After" in answer.headers
        assert "task_id" not in answer.text
        assert cluster.rows("SELECT kind, credits FROM ledger") == []


def test_a_task_whose_id_was_told_outlives_the_database(
    late_postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    with new_cluster(late_postgres, seaweed, tmp_path, sync_wait_s="1") as cluster:
        told = waiting_request(cluster).json()["data"]["task_id"]
        die_and_come_back(late_postgres)
        assert accepted(cluster) == [told]
        cluster.worker()
        until(lambda: cluster.rows("SELECT state, charged FROM tasks") == [(1, 1)])
