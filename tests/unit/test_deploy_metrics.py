"""Every figure that the dashboard and the autoscaler ask for is one that the service shows, with those labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families
from tests.support.alerts import Alert, alerts

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Report
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.room import Room
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, Task
from leanpix.domain.webhook import Callback, WebhookDelivery, WebhookState
from leanpix.service.observing import ConnectionFigures, Ended, QueueFigures, Served, SpoolFigures
from leanpix.telemetry.metrics import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "leanpix.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
OF_THE_SCRAPER = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """Each sample's name and its labels, of a process to which everything has happened."""
    metrics = Metrics()
    metrics.watch_queue(lambda: QueueFigures(1, 1, 1.0, 1, live_workers=1))
    metrics.watch_store(lambda: True)
    metrics.watch_connections(lambda: ConnectionFigures(1, 2))
    metrics.watch_spool(lambda: SpoolFigures(1, 2, Room(1, 3, 2)))
    metrics.watch_disk(lambda: Room(1, 3, 2))
    metrics.watch_deaths(lambda: {TaskState.PROGRAM_FAILED: 1})
    metrics.served(Served("/healthz", "GET", 200, 0.1))
    report = Report(2, SourceFormat.JPG, 1, 1, 1, OutputFormat.JPG, 1, 1, "an encoder")
    task = Task("id", "key", TaskState.SUCCEEDED, CompressionOptions(), ReturnType.URL, SourceKind.UPLOAD, 0, 1)
    metrics.taken_over(task)
    callback = Callback("https://receiver.example/", "https://img.example")
    metrics.told(WebhookDelivery("id", "key", callback, 0, WebhookState.FAILED, 1, None))
    metrics.ended(Ended(task, TaskState.SUCCEEDED, 1, report, {"encoding": 1.0}))
    families = text_string_to_metric_families(metrics.exposed().decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_panel_asks_for_what_is_shown(shown: dict[str, set[str]], expression: str) -> None:
    named = set(re.findall(r"\b(?:leanpix|process)_[a-z_]+", expression))
    assert named
    assert named <= set(shown)
    labels = {label for found in re.findall(r"by \(([^)]*)\)", expression) for label in found.split(", ")}
    labels |= set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression))
    assert labels <= set.union(*(shown[name] for name in named)) | OF_THE_SCRAPER


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert.name))
def test_an_alert_asks_for_what_is_shown(shown: dict[str, set[str]], alert: Alert) -> None:
    named = set(re.findall(r"\bleanpix_[a-z_]+", alert.expression))
    assert named or alert.expression.startswith("up{")
    assert named <= set(shown)
    states = {word for found in re.findall(r'state=~"([^"]*)"', alert.expression) for word in found.split("|")}
    assert states <= {state.name.lower() for state in TaskState}


def test_what_is_shown_is_on_the_dashboard(shown: dict[str, set[str]]) -> None:
    asked = {name for expression in EXPRESSIONS for name in re.findall(r"\bleanpix_[a-z_]+", expression)}
    unasked = {name for name in shown if name.startswith("leanpix_")} - asked
    assert {name for name in unasked if not name.endswith(("_created", "_sum", "_count"))} == set()


def test_nothing_on_the_dashboard_is_unknown_to_grafanas_own_types() -> None:
    register_default_plugins()
    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert list(lost(DASHBOARD, understood)) == []
    assert list(lost({"titel": 1}, json.loads(JSONEncoder().encode(Dashboard.from_json({"titel": 1}))))) == [".titel"]


def lost(ours: object, theirs: object, place: str = "") -> Iterator[str]:
    """Where a part of ours is missing or another in theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            yield from lost(value, theirs.get(name), f"{place}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(*pair, f"{place}[{number}]")
    elif ours != theirs:
        yield place


def test_panels_lie_side_by_side_and_have_names_of_their_own() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_autoscaler_asks_for_what_is_shown(shown: dict[str, set[str]]) -> None:
    asked = re.findall(r"valueLocation: (\S+)", (DEPLOY / "kubernetes" / "autoscaling.yaml").read_text())
    assert asked == ["leanpix_queue_depth", "leanpix_queue_running"]
    assert [shown[name] for name in asked] == [set(), set()]
