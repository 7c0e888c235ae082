"""What a running service tells of itself: figures for Prometheus, and a log line a request and a task."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, Server, has_ipv6, named, running_server

TOKEN = "a token that Prometheus has"
PICTURE = encoded(gradient(640, 480))
Figures = dict[str, float]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, list[str]]]:
    """A server that logs JSON and shows its figures to nobody without the token, after a success and a failure."""
    settings = {"log_format": "json", "metrics_nets": "none", "metrics_token": TOKEN}
    with running_server(tmp_path_factory.mktemp("telemetry") / "data", **settings) as server:
        with server.client() as client:
            done = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()["data"]
            refused = client.post(API, data={"sync": "1", "image_url": "http://10.0.0.1/a.jpg?token=s3cr3t"}).json()
            client.get("/no/such/path/s3cr3t")
            client.request("DELETE", "/v1/keys")
        assert (done["state"], refused["data"]["state"]) == (1, -3)
        yield server, [done["task_id"], refused["data"]["task_id"]]


def scraped(base: str, token: str = TOKEN) -> Figures:
    """Each sample by its name and labels, as Prometheus writes them."""
    answer = httpx.get(f"{base}/metrics", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return {
        f"{one.name}{json.dumps(one.labels, sort_keys=True) if one.labels else ''}": one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def lines(server: Server, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in server.output.read_text().splitlines()]
    return [line for line in found if line["event"] == event]


def test_requests_tasks_bytes_and_credits_are_counted(used: tuple[Server, list[str]]) -> None:
    figures = scraped(used[0].base)
    request = '{"method": "POST", "route": "' + API + '", "status": "200"}'
    assert figures[f"leanpix_http_requests_total{request}"] == 2
    assert figures['leanpix_tasks_total{"state": "succeeded"}'] == 1
    assert figures['leanpix_tasks_total{"state": "download_failed"}'] == 1
    assert figures["leanpix_credits_settled_total"] == 1
    assert figures['leanpix_source_bytes_total{"format": "jpg"}'] == len(PICTURE)
    saved = figures['leanpix_saved_bytes_total{"format": "jpg"}']
    assert saved == len(PICTURE) - figures['leanpix_result_bytes_total{"format": "jpg"}'] > 0
    for phase in ("queued", "source", "decoding", "recording"):
        assert figures[f'leanpix_task_phase_seconds_count{{"phase": "{phase}"}}'] >= 1
    assert figures["leanpix_queue_depth"] == figures["leanpix_queue_running"] == figures["leanpix_credits_held"] == 0
    assert figures["leanpix_queue_oldest_seconds"] == 0
    assert any(name.startswith("leanpix_build_info") for name in figures)
    assert figures["process_resident_memory_bytes"] > 0


def test_what_a_client_makes_up_is_no_label(used: tuple[Server, list[str]]) -> None:
    figures = scraped(used[0].base)
    assert figures['leanpix_http_requests_total{"method": "GET", "route": "unmatched", "status": "404"}'] == 1
    assert not [name for name in figures if "s3cr3t" in name]


def test_strangers_learn_nothing_not_even_that_there_are_figures(used: tuple[Server, list[str]]) -> None:
    for headers in ({}, {"Authorization": "Bearer another token of 16"}, {"X-API-KEY": used[0].key}):
        answer = httpx.get(f"{used[0].base}/metrics", headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_the_machine_itself_may_read_by_default(server: Server) -> None:
    assert httpx.get(f"{server.base}/metrics", trust_env=False).status_code == 200


def test_each_request_has_a_line_with_its_ids(used: tuple[Server, list[str]]) -> None:
    server, task_ids = used
    created = [line for line in lines(server, "request") if line["route"] == API]
    assert [line["task_id"] for line in created] == task_ids
    key_id = server.key.split("_")[1]
    assert {(line["key_id"], line["method"], line["status"]) for line in created} == {(key_id, "POST", 200)}
    assert all(line["ms"] > 0 for line in created)
    assert "s3cr3t" not in server.output.read_text()


def test_each_task_has_a_line_with_phases_and_the_reason_that_callers_are_not_told(
    used: tuple[Server, list[str]],
) -> None:
    server, task_ids = used
    done, refused = lines(server, "task")
    assert [done["task_id"], refused["task_id"]] == task_ids
    assert (done["state"], done["source_bytes"], done["credits"]) == (1, len(PICTURE), 1)
    assert done["recording_ms"] > 0
    assert "reason" not in done
    assert (refused["state"], refused["reason"]) == (-3, "address_forbidden")
    assert refused["cause"].startswith("FetchFailure < FetchError")


@pytest.mark.parametrize("host", ["127.0.0.1", *(["::1"] if has_ipv6() else [])])
def test_a_worker_shows_figures_of_its_own(tmp_path_factory: pytest.TempPathFactory, host: str) -> None:
    folder = tmp_path_factory.mktemp("worker")
    with running_server(folder / "data", workers="0", host=host) as server:
        output = folder / "worker.log"
        environment = server.environment | named({"workers": "1", "metrics_port": "0"})
        with output.open("wb") as log:
            command = [str(LEANPIX), "worker", "--data-dir", str(server.data_dir)]
            worker = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            with server.client() as client:
                assert client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()["data"]["state"] == 1
            base = told(output)
            assert scraped(base)['leanpix_tasks_total{"state": "succeeded"}'] == 1
            assert httpx.get(f"{base}/other", trust_env=False).status_code == 404
            alive = httpx.get(f"{base}/healthz", trust_env=False)
            assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
            assert 'leanpix_tasks_total{"state": "succeeded"}' not in scraped(server.base)
        finally:
            worker.kill()
            worker.wait()


def told(output: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"figures on (http://\S+)/metrics", output.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    pytest.fail(output.read_text())
