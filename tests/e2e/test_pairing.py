"""Nodes that were set wrong: each is refused, and says why; none ends a customer's task."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import Cluster, Node, new_cluster, until
from tests.support.failures import LARGE_PICTURE, Caller, assert_each_ended_once_and_was_charged_once
from tests.support.server import LEANPIX, free_port, key_in
from tests.support.servers import Postgres, Seaweed

from leanpix.stores.files.s3 import S3Blobs


@pytest.fixture
def cluster(postgres: Postgres, seaweed: Seaweed, tmp_path: Path) -> Iterator[Cluster]:
    with new_cluster(postgres, seaweed, tmp_path, pairing_s="0.3", patience_s="2") as cluster:
        yield cluster


def refused(cluster: Cluster, *words: str, **environment: str) -> str:
    """The one line with which a node does not start."""
    done = subprocess.run(
        [LEANPIX, *words], check=False, capture_output=True, text=True, timeout=60,
        env=cluster.environment | environment, cwd=cluster.folder,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def readiness(node: Node, function: str = "") -> tuple[int, dict[str, str]]:
    answer = httpx.get(f"{node.base}/readyz{function}", timeout=30, trust_env=False)
    told = answer.json()
    return answer.status_code, told["functions"] | told["checks"]


def marker_of(cluster: Cluster) -> str:
    return str(cluster.rows("SELECT value FROM installation WHERE name = 'store_marker'")[0][0])


@pytest.fixture
def store(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> S3Blobs:
    """The cluster's own store, as a test may damage it."""
    for name, value in cluster.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return S3Blobs(cluster.environment["LEANPIX_STORE_URL"], patience_s=5)


MIS_SET = {
    "another prefix": ({"LEANPIX_STORE_URL": "s3://pictures/elsewhere"}, "its marker 'installation' is not there"),
    "no such bucket": (
        {"LEANPIX_STORE_URL": "s3://no-such-bucket-1/x"},
        "does not give this node the bucket no-such-bucket-1: there is none such",
    ),
    "wrong access key": ({"AWS_ACCESS_KEY_ID": "somebody"}, "the access key or its secret is wrong"),
    "wrong secret key": ({"AWS_SECRET_ACCESS_KEY": "x" * 20}, "the access key or its secret is wrong"),
    "no store": ({"LEANPIX_STORE_URL": ""}, "its marker 'installation' is not there"),
}


def test_a_node_with_another_store_is_refused_and_says_which(cluster: Cluster) -> None:
    cluster.api()
    cluster.wait()
    for environment, cause in MIS_SET.values():
        assert cause in refused(cluster, "worker", **environment)
    line = refused(cluster, "serve", "--port", "0", "--workers", "0", **MIS_SET["another prefix"][0])
    assert "leanpix migrate --adopt-store" in line


def test_a_store_of_another_database_is_refused_until_it_is_adopted(
    cluster: Cluster, postgres: Postgres, tmp_path: Path
) -> None:
    cluster.api()
    cluster.wait()
    with new_cluster(postgres, Seaweed(), tmp_path) as other:  # its own database over the same bucket and prefix
        other.environment |= {n: v for n, v in cluster.environment.items() if n.startswith("AWS_")}
        line = refused(other, "worker")
        assert "it has the marker of another database" in line
        other.cli("migrate", "--adopt-store")
        other.worker()
        other.wait()
        until(lambda: "it has the marker of another database" in cluster.nodes[0].output.read_text())


def test_nodes_with_the_store_that_a_database_was_moved_from_stop_working(cluster: Cluster) -> None:
    api = cluster.api()
    cluster.wait()
    moved = cluster.environment | {"LEANPIX_STORE_URL": cluster.environment["LEANPIX_STORE_URL"] + "-moved"}
    done = subprocess.run(
        [LEANPIX, "doctor"], capture_output=True, text=True, env=moved, cwd=cluster.folder, check=False
    )
    assert done.returncode == 1
    assert "is not the file store of" in done.stdout
    subprocess.run([LEANPIX, "migrate", "--adopt-store"], check=True, env=moved, cwd=cluster.folder)
    until(lambda: "it has the marker of another database" in api.output.read_text())
    assert readiness(api)[0] == 503
    subprocess.run([LEANPIX, "doctor"], check=True, env=moved, cwd=cluster.folder)


def test_a_worker_whose_store_is_changed_under_it_takes_nothing_until_it_is_back(
    cluster: Cluster, store: S3Blobs
) -> None:
    caller = Caller(key_in(cluster.cli("migrate")))
    api, worker = cluster.api(), cluster.worker()
    cluster.wait()
    tasks = [caller.accepted(api)]
    assert_each_ended_once_and_was_charged_once(cluster, tasks)

    marker = marker_of(cluster)
    store.put("installation", b"5f0f7e1c-0000-4000-8000-000000000000")
    for node in (api, worker):
        until(lambda node=node: "node refused" in node.output.read_text())  # type: ignore[misc] # bound early
    status, parts = readiness(api)
    assert (status, parts["query"]) == (503, "ok")
    assert parts["create"] == parts["results"] == "off: the file store is not this database's"
    assert readiness(api, "/query")[0] == 200
    assert caller.create(api).status_code == 429
    until(lambda: readiness(api)[1]["workers"].startswith("off: no worker is alive"))

    store.put("installation", marker.encode())
    until(lambda: readiness(api)[0] == 200)
    tasks.append(caller.accepted(api))
    assert_each_ended_once_and_was_charged_once(cluster, tasks)
    assert "node admitted" in worker.output.read_text()


def test_a_source_that_a_node_does_not_see_is_looked_for_thrice_before_its_task_ends(
    cluster: Cluster, store: S3Blobs
) -> None:
    caller = Caller(key_in(cluster.cli("migrate")))
    api = cluster.api()
    cluster.wait()
    task = caller.accepted(api, LARGE_PICTURE)
    store.delete(f"sources/{task}")
    cluster.worker()
    until(lambda: cluster.rows("SELECT state, attempt FROM tasks") == [(-1, 3)])


def test_another_secret_that_was_set_since_is_not_ready(cluster: Cluster) -> None:
    api = cluster.api()
    cluster.wait()
    cluster.rows("UPDATE installation SET value = %s WHERE name = 'secret_fingerprint' RETURNING 1", "0" * 32)
    until(lambda: readiness(api)[0] == 503)
    assert readiness(api)[1]["query"].startswith("off: the secret is not the one")
    until(lambda: "another was set since" in api.output.read_text())


@contextmanager
def web_server() -> Iterator[str]:
    """Something that answers every request with the same page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("ETag", '"page"')
            self.send_header("Last-Modified", "Mon, 02 Nov 2026 00:00:00 GMT")
            self.send_header("Content-Length", "13")
            self.end_headers()
            self.wfile.write(b"<html></html>")

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_web_server_in_the_stores_place_is_refused(cluster: Cluster) -> None:
    with web_server() as page:
        assert "something else answers in its place" in refused(cluster, "worker", AWS_ENDPOINT_URL=page)


def test_a_node_that_starts_before_its_store_answers_waits_for_it(cluster: Cluster, tmp_path: Path) -> None:
    port = free_port()
    cluster.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
    caller = Caller(key_in(cluster.cli("migrate")))
    api, worker = cluster.api(), cluster.worker()
    cluster.wait()
    status, parts = readiness(api)
    assert (status, parts["query"], parts["files"]) == (503, "ok", "off: the file store does not answer")
    assert "no work is taken before it does" in worker.output.read_text()
    later = Seaweed(folder=tmp_path / "later")
    (tmp_path / "later").mkdir()
    later._ports[0] = port
    with_it = later.start()
    try:
        until(lambda: readiness(api)[0] == 200)
        assert_each_ended_once_and_was_charged_once(cluster, [caller.accepted(api)])
    finally:
        with_it.close()


def test_a_node_says_503_before_its_port_closes_and_answers_till_then(cluster: Cluster) -> None:
    cluster.environment["LEANPIX_DRAIN_S"] = "2"
    caller = Caller(key_in(cluster.cli("migrate")))
    api = cluster.api()
    cluster.wait()
    assert readiness(api)[0] == 200
    api.process.terminate()
    until(lambda: readiness(api)[0] == 503)
    assert {readiness(api, f"/{function}")[0] for function in ("create", "query", "results")} == {503}
    task = caller.accepted(api)
    assert task in json.dumps(cluster.rows("SELECT id FROM tasks"))
    assert api.process.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        readiness(api)
