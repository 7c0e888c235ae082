"""Figures count what they are told, with labels of few values; who may read them is a matter of address or token."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.webhook import Callback, WebhookAttempt, WebhookDelivery, WebhookState
from leanpix.service.observing import Phases, QueueFigures, Served
from leanpix.telemetry.exposition import Exposition
from leanpix.telemetry.metrics import Metrics
from leanpix.telemetry.settings import TelemetrySettings


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_made_up_method_is_no_label() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics.served(Served("/healthz", f"METHOD{number}", 405, 0.001))
    assert sample(metrics, "leanpix_http_requests_total", route="/healthz", method="other", status="405") == 50
    families = {family.name: family for family in text_string_to_metric_families(metrics.exposed().decode())}
    counted = [one for one in families["leanpix_http_requests"].samples if one.name.endswith("_total")]
    assert len(counted) == 1


def test_while_the_database_is_away_its_figures_stay_as_they_were_and_it_is_said() -> None:
    known: list[QueueFigures] = []

    def look() -> QueueFigures:
        if not known:
            raise StoreUnavailableError
        return known[0]

    metrics = Metrics()
    metrics.watch_queue(look)
    names = ("leanpix_database_up", "leanpix_queue_depth", "leanpix_webhooks_pending", "leanpix_workers_live")
    assert [str(sample(metrics, name)) for name in names] == ["0.0", "nan", "nan", "nan"]
    known.append(QueueFigures(7, 1, 3.0, 8, webhooks=2, oldest_webhook_s=9.0, live_workers=3))
    assert [sample(metrics, name) for name in names] == [1, 7, 2, 3]
    known.clear()
    assert [sample(metrics, name) for name in names] == [0, 7, 2, 3]
    assert "leanpix_build_info" in metrics.exposed().decode()


def test_a_machine_by_itself_shows_no_count_of_workers() -> None:
    metrics = Metrics()
    metrics.watch_queue(lambda: QueueFigures(0, 0, 0.0, 0))
    assert sample(metrics, "leanpix_workers_live") is None


@pytest.mark.parametrize(
    ("status", "state", "counted"),
    [
        (200, WebhookState.DELIVERED, {"delivered": 1}),
        (503, WebhookState.PENDING, {"refused": 1}),
        (None, WebhookState.PENDING, {"unanswered": 1}),
        (410, WebhookState.FAILED, {"refused": 1, "given up": 1}),
    ],
)
def test_tries_to_tell_a_receiver_are_counted_by_how_they_went(
    status: int | None, state: WebhookState, counted: dict[str, int]
) -> None:
    metrics, callback = Metrics(), Callback("https://receiver.example/", "https://img.example")
    metrics.told(WebhookDelivery("task", "key", callback, 0, state, 1, None, (WebhookAttempt(1, status),)))
    found = {
        outcome: sample(metrics, "leanpix_webhook_tries_total", outcome=outcome)
        for outcome in ("delivered", "refused", "unanswered")
    } | {"given up": sample(metrics, "leanpix_webhooks_given_up_total")}
    assert {outcome: count for outcome, count in found.items() if count} == counted


def test_phases_add_up_to_the_whole_attempt() -> None:
    moments = iter([0.0, 1.0, 3.0, 6.0, 10.0])
    phases = Phases(lambda: next(moments), "source")
    for phase in ("searching", "encoding", "searching"):
        phases.enter(phase)
    assert phases.ended() == {"source": 1.0, "searching": 6.0, "encoding": 3.0}


TOKEN = "a token of some length"


@pytest.mark.parametrize(
    ("address", "authorization", "admitted"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("::ffff:127.0.0.1", None, True),
        ("10.0.0.7", None, False),
        ("10.0.0.7", f"Bearer {TOKEN}", True),
        ("10.0.0.7", f"Bearer {TOKEN} ", False),
        ("10.0.0.7", TOKEN, False),
        ("10.0.0.7", "Bearer \u00e9", False),
        ("testclient", None, False),
        (None, None, False),
    ],
)
def test_figures_are_for_near_addresses_and_for_the_token(
    address: str | None, authorization: str | None, admitted: bool
) -> None:
    exposition = Exposition(TelemetrySettings(metrics_token=TOKEN), lambda: b"")
    assert exposition.admits(address, authorization) is admitted


def test_without_a_token_no_header_opens() -> None:
    exposition = Exposition(TelemetrySettings(), lambda: b"")
    assert not exposition.admits("10.0.0.7", "Bearer None")
    assert not exposition.admits("10.0.0.7", "Bearer ")
