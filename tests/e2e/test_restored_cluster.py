"""A cluster restored from a dump of PostgreSQL and a copy of the bucket that was taken after it, as the page says."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import SECRET, Cluster, Node, cluster_over, new_cluster, until
from tests.support.failures import LARGE_PICTURE, Caller, assert_each_ended_once_and_was_charged_once, ended
from tests.support.server import API, LEANPIX, key_in
from tests.support.servers import Postgres, Seaweed

CREDITS = 50


@dataclass
class Lost:
    """What the cluster that was lost had: its key, and its tasks by what had become of them when it was backed up."""

    key: str
    dump: Path
    prefix: str
    done: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    ended_between: list[str] = field(default_factory=list)
    accepted_after: list[str] = field(default_factory=list)


@pytest.fixture
def lost(postgres: Postgres, seaweed: Seaweed, tmp_path: Path) -> Lost:
    """The database is dumped, then work goes on, then the bucket is copied, then all is lost."""
    folder = tmp_path / "before"
    folder.mkdir()
    with new_cluster(postgres, seaweed, folder) as cluster:
        words = ("--name", "shop", "--credits", str(CREDITS), "--qps", "1000")
        lost = Lost(key_in(cluster.cli("keys", "create", *words)), tmp_path / "dump", f"{folder.name}-copy")
        caller, api, worker = Caller(lost.key), cluster.api(), cluster.worker()
        cluster.wait()
        lost.done += [caller.accepted(api, LARGE_PICTURE) for _ in range(3)]
        until(lambda: ended(cluster, lost.done))
        worker.kill()
        lost.left_open += [caller.accepted(api), caller.accepted(api, LARGE_PICTURE)]
        lost.ended_between += [caller.accepted(api, LARGE_PICTURE) for _ in range(2)]
        postgres.dump(cluster.database_url, lost.dump)

        # Between the two copies: tasks end, and lose their sources; others are accepted.
        for task in lost.ended_between:
            cancelled(api, lost.key, task)
        lost.accepted_after.append(caller.accepted(api))
        until(lambda: api_has_no_source(seaweed, folder.name, lost.ended_between))
        assert seaweed.copy(folder.name, lost.prefix) >= 5
    return lost


def cancelled(api: Node, key: str, task: str) -> None:
    answer = httpx.delete(f"{api.base}{API}/{task}", headers={"X-API-KEY": key}, trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text


def api_has_no_source(seaweed: Seaweed, prefix: str, tasks: list[str]) -> bool:
    """Sources are removed within a second or so of an end."""
    return not any(seaweed.has(f"{prefix}/sources/{task}") for task in tasks)


def check(cluster: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(LEANPIX), "check-restored", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=cluster.environment, timeout=60)


def test_a_restored_pair_does_what_is_owed_once_and_ends_what_cannot_be_done(
    lost: Lost, postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    folder = tmp_path / lost.prefix
    folder.mkdir()
    with cluster_over(postgres.restored(lost.dump), seaweed, folder) as cluster:
        # The rows of workers came with the dump: for a while they look alive.
        until(lambda: "take tasks" not in check(cluster, "--dry-run").stderr)
        elsewhere = check(
            replace(cluster, environment=cluster.environment | {"LEANPIX_STORE_URL": "s3://pictures/none"})
        )
        assert elsewhere.returncode == 2
        assert "is not the file store of" in elsewhere.stderr, "there every source would be missing"
        told = check(cluster, "--dry-run")
        assert "2 open tasks will be done; 2 whose sources are not there would be ended" in told.stdout, told.stderr
        assert cluster.rows("SELECT count(*) FROM tasks WHERE completed_at IS NULL") == [(4,)]

        told = check(cluster)
        assert "2 whose sources are not there were ended, and their holds released" in told.stdout, told.stderr
        assert "3 results are there; 0 are not" in told.stdout
        assert "2 open tasks will be done; 0 whose" in check(cluster).stdout, "again changes nothing"
        kinds = "SELECT DISTINCT array_agg(kind::text ORDER BY id) FROM ledger WHERE task_id = ANY(%s) GROUP BY task_id"
        assert cluster.rows(kinds, lost.ended_between) == [(["hold", "release"],)]

        api = cluster.api()
        cluster.worker()
        cluster.wait()
        assert_each_ended_once_and_was_charged_once(cluster, [*lost.done, *lost.left_open])
        caller = Caller(lost.key)
        assert all(caller.reads(api, task) for task in (*lost.done, *lost.left_open))
        with httpx.Client(base_url=api.base, headers={"X-API-KEY": lost.key}, trust_env=False) as client:
            assert client.get("/v1/account").json()["data"]["credits"] == CREDITS - 5, "five were done, and paid for"
            assert client.get(f"{API}/{lost.ended_between[0]}").json()["data"]["state"] == -1
            assert client.get(f"{API}/{lost.accepted_after[0]}").status_code == httpx.codes.NOT_FOUND

        refused = check(cluster)
        assert refused.returncode == 2
        assert "1 workers take tasks" in refused.stderr
        assert SECRET not in refused.stderr
