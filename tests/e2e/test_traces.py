"""Traces from the API to the worker, as a collector in a process of its own receives them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, Server, clean_environment, named, running_server

ROOT = Path(__file__).resolve().parents[2]
CALLER = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
Spans = list[dict[str, Any]]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Callable[[], Spans]]]:
    """A collector's endpoint, and what it has received so far."""
    output = tmp_path_factory.mktemp("collector") / "spans.jsonl"
    output.touch()
    command = [sys.executable, "-m", "tests.support.collector", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as collector:
        assert collector.stdout is not None
        yield (
            f"http://127.0.0.1:{collector.stdout.readline().strip()}",
            lambda: [json.loads(line) for line in output.read_text().splitlines()],
        )
        collector.kill()


def received(spans: Callable[[], Spans], wanted: Callable[[dict[str, Any]], bool], many: int) -> Spans:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [span for span in spans() if wanted(span)]
        if len(found) >= many:
            return found
        time.sleep(0.1)
    pytest.fail(f"{many} such spans did not arrive: {spans()}")


def test_a_task_is_one_trace_from_the_callers_span_to_the_workers_phases(
    collected: tuple[str, Callable[[], Spans]], tmp_path: Path
) -> None:
    endpoint, spans = collected
    trace, caller = CALLER
    settings = {"otlp_endpoint": endpoint}
    with running_server(tmp_path / "data", workers="0", **settings) as server:
        worker = start_worker(server)
        try:
            with server.client() as client:
                headers = {"traceparent": f"00-{trace}-{caller}-01"}
                secret = {"image_url": "http://10.0.0.1/s3cr3t.jpg", "sync": "1"}
                picture = {"image_file": encoded(gradient(320, 200))}
                assert client.post(API, data={"sync": "1"}, files=picture, headers=headers).json()["data"]["state"] == 1
                assert client.post(API, data=secret).json()["data"]["state"] == -3
            (request,) = received(spans, lambda span: span["parent"] == caller, 1)
            (task,) = received(spans, lambda span: span["parent"] == request["id"], 1)
            phases = received(spans, lambda span: span["parent"] == task["id"], 4)
            (failed,) = received(spans, lambda span: span["name"] == "task" and span["failed"], 1)
        finally:
            worker.kill()
            worker.wait()
    assert {span["trace"] for span in (request, task, *phases)} == {trace}
    assert request["name"] == f"POST {API}"
    assert request["attributes"]["http.response.status_code"] == 200
    assert task["attributes"]["leanpix.task_id"] == request["attributes"]["leanpix.task_id"]
    assert {"source", "decoding", "recording"} <= {span["name"] for span in phases}
    assert sum(span["seconds"] for span in phases) == pytest.approx(task["seconds"], abs=0.01)
    assert failed["trace"] != trace
    assert request["service"]["service.name"] == "leanpix"
    assert "s3cr3t" not in json.dumps(spans())


def start_worker(server: Server) -> subprocess.Popen[bytes]:
    command = [str(LEANPIX), "worker", "--data-dir", str(server.data_dir)]
    environment = server.environment | named({"workers": "1"})
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_without_the_extra_the_setting_is_refused_with_what_to_install(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
    environment = clean_environment() | {
        "LEANPIX_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "PYTHONPATH": str(hidden.parent),
    }
    command = [str(LEANPIX), "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "leanpix[otel]" in done.stderr
    assert "Traceback" not in done.stderr
