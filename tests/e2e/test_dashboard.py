"""Each panel of the Grafana dashboard is asked of a real Prometheus that scrapes a real server, and answers."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, free_port, running_server

NOT_THERE = "PROMETHEUS IS NOT HERE: Debian's package `prometheus` has it and promtool"
DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "leanpix.json").read_text())
PANELS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: leanpix
  static_configs: [{{targets: ["{target}"]}}]
"""
# A child has to die, or a webhook to be asked for; the others are a cluster's, of which there is none here.
MAY_BE_EMPTY = {"Children that died", "Webhooks", "Workers and take-overs", "Connections to the database"}

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason=NOT_THERE)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("dashboard") / "data") as server:
        yield server


def worked(server: Server) -> None:
    with server.client() as client:
        for fields in ({"format": "webp"}, {"format": "jpg"}):
            client.post(
                API, data={"sync": "1", "quality": "40", **fields}, files={"image_file": encoded(gradient(200, 100))}
            )
        client.post(API, data={"sync": "1", "image_url": "http://10.0.0.1/a.jpg"})


class Prometheus:
    """Its HTTP API."""

    def __init__(self, base: str) -> None:
        self.base = base

    def get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.base}/api/v1/{path}", params=parameters, trust_env=False).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        """As Grafana asks: with its variables filled in."""
        filled = expression.replace("$__rate_interval", "10s").replace("$job", ".*")
        found: list[dict[str, Any]] = self.get("query", query=filled)["result"]
        return found


@pytest.fixture(scope="module")
def prometheus(used: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has scraped several times, before and after work."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(target=used.base.removeprefix("http://")))
    places = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command = ["prometheus", *places, f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    found = Prometheus(f"http://127.0.0.1:{port}")

    def scraped(many: int) -> bool:
        with suppress(httpx.TransportError):
            counted = found.series('count_over_time(leanpix_tasks_total{state="succeeded"}[1m])')
            return bool(counted) and float(counted[0]["value"][1]) >= many
        return False

    def is_ready() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{found.base}/-/ready", trust_env=False).status_code == httpx.codes.OK
        return False

    try:
        until(is_ready)
        worked(used)
        until(lambda: scraped(2))
        worked(used)
        until(lambda: scraped(5))
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(("title", "expression"), PANELS)
def test_a_panel_has_something_to_show(prometheus: Prometheus, title: str, expression: str) -> None:
    series = prometheus.series(expression)
    assert series or title in MAY_BE_EMPTY
    # A quantile of a route that nobody asked for within the interval is none, and Grafana leaves it out.
    assert not series or any(one["value"][1] != "NaN" for one in series)


def test_the_figures_are_those_of_what_happened(prometheus: Prometheus) -> None:
    asked = dict(PANELS)
    states = {one["metric"]["state"] for one in prometheus.series(asked["Tasks by end"])}
    assert states == {"succeeded", "download_failed"}
    assert 0 < float(prometheus.series(asked["Saved, 1 h"])[0]["value"][1]) < 1
    formats = {one["metric"]["format"] for one in prometheus.series(asked["Results by format"])}
    assert formats == {"jpg", "webp"}


def test_the_variable_of_jobs_finds_the_job(prometheus: Prometheus) -> None:
    assert prometheus.get("label/job/values", **{"match[]": "leanpix_build_info"}) == ["leanpix"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason=NOT_THERE)
def test_what_is_shown_is_written_as_prometheus_wants_it(used: Server) -> None:
    shown = httpx.get(f"{used.base}/metrics", trust_env=False).content
    done = subprocess.run(["promtool", "check", "metrics"], input=shown, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
