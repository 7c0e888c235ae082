"""Figures of this process, in a registry of its own: what its counters have counted, and what a scrape looks up."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.room import Room
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.domain.webhook import WebhookDelivery, WebhookState
from leanpix.service.observing import ConnectionFigures, Ended, QueueFigures, Served, SpoolFigures

_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)
_PHASE_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
_PHASES = frozenset({"queued", "source", "decoding", "searching", "encoding", "publishing", "recording"})

# Name, what it tells, and which of QueueFigures it is.
_QUEUE_GAUGES = (
    ("queue_depth", "Tasks that wait for a worker.", "waiting"),
    ("queue_running", "Tasks that a worker has.", "running"),
    ("queue_oldest_seconds", "Age of the oldest waiting task.", "oldest_s"),
    ("credits_held", "Credits held for tasks that have not ended.", "held"),
    ("webhooks_pending", "Webhooks still to be delivered.", "webhooks"),
    ("webhooks_oldest_seconds", "Age of the oldest of them.", "oldest_webhook_s"),
    ("workers_live", "Processes that take tasks, by their signs of life.", "live_workers"),
)


class Metrics:
    """Counts what it is told. Every label has few values: routes as declared, states, phases, formats."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._requests_total = self._counter("http_requests", "Requests answered.", "route", "method", "status")
        self._request_s = self._histogram("http_request_seconds", "From head to answer.", _REQUEST_S, "route")
        self._tasks = cache(self._counter("tasks", "Tasks ended by this process.", "state").labels)
        phase_s = self._histogram("task_phase_seconds", "Of tasks ended by this process.", _PHASE_S, "phase")
        self._phase_s = cache(phase_s.labels)
        self._source = cache(self._counter("source_bytes", "Sources of tasks that succeeded.", "format").labels)
        self._result = cache(self._counter("result_bytes", "Results.", "format").labels)
        saved = self._counter("saved_bytes", "What results are smaller than their sources.", "format")
        self._saved = cache(saved.labels)
        self._settled = self._counter("credits_settled", "Credits charged for tasks ended by this process.")
        self._taken_over = self._counter(
            "tasks_taken_over", "Tasks taken by this process from workers that were silent."
        )
        self._webhooks = self._counter("webhook_tries", "Tries to tell a receiver, made by this process.", "outcome")
        self._given_up = self._counter("webhooks_given_up", "Webhooks that are not tried again.")
        built = Gauge("leanpix_build_info", "What runs.", ("version", "python"), registry=self.registry)
        built.labels(version("leanpix"), platform.python_version()).set(1)

    def served(self, served: Served) -> None:
        """Count a request."""
        known = (served.route, served.method, served.status)
        # Looking labels up costs more than counting: what was seen before is at hand.
        counters = self._requests.get(known) or self._remember(*known)
        counters[0].inc()
        counters[1].observe(served.seconds)

    def ended(self, ended: Ended) -> None:
        """Count a task's end."""
        self._tasks(ended.state.name.lower()).inc()
        self._settled.inc(ended.charged)
        for phase, seconds in ended.seconds.items():
            self._phase_s(phase if phase in _PHASES else "other").observe(seconds)
        if ended.report is not None and ended.state is TaskState.SUCCEEDED:
            name, report = ended.report.format.value, ended.report
            self._source(name).inc(report.source_bytes)
            self._result(name).inc(report.result_bytes)
            self._saved(name).inc(max(0, report.source_bytes - report.result_bytes))

    def taken_over(self, _task: Task) -> None:
        """Count a task that is taken from a worker without a sign of life."""
        self._taken_over.inc()

    def told(self, delivery: WebhookDelivery) -> None:
        """Count a try to tell a receiver."""
        status = delivery.tries[-1].status if delivery.tries else None
        if delivery.state is WebhookState.DELIVERED:
            outcome = "delivered"
        else:
            outcome = "unanswered" if status is None else "refused"
        self._webhooks.labels(outcome).inc()
        self._given_up.inc(int(delivery.state is WebhookState.FAILED))

    def watch_queue(self, look: Callable[[], QueueFigures]) -> None:
        """Look the queue up at each scrape."""
        self.registry.register(_Queue(look))

    def watch_store(self, look: Callable[[], bool]) -> None:
        """Ask the file store at each scrape."""
        self._gauge("store_up", "Whether the file store answers this process.", look)

    def watch_connections(self, look: Callable[[], ConnectionFigures]) -> None:
        """Ask the pools of connections at each scrape."""
        in_use = "Connections to the database that this process uses."
        self._gauge("database_connections", in_use, lambda: look().in_use)
        self._gauge("database_connections_max", "How many it may have.", lambda: look().most)

    def watch_spool(self, look: Callable[[], SpoolFigures]) -> None:
        """Ask for the bytes in flight, and their disk's room, at each scrape."""
        self._gauge("in_flight_bytes", "Bytes of requests that are being received.", lambda: look().in_flight_bytes)
        self._gauge("in_flight_bytes_max", "With more, requests are refused.", lambda: look().most_bytes)
        free, kept = "Bytes of the spool's disk that are free.", "Bytes of it that have to stay free."
        self._gauge("spool_free_bytes", free, lambda: look().room.free_bytes)
        self._gauge("spool_kept_free_bytes", kept, lambda: look().room.kept_free_bytes)

    def watch_deaths(self, look: Callable[[], Mapping[TaskState, int]]) -> None:
        """Ask the pool of children at each scrape."""
        self.registry.register(_Deaths(look))

    def watch_disk(self, look: Callable[[], Room | None]) -> None:
        """Ask for the disk's room at each scrape; a store without an end has none to show."""
        self.registry.register(_Disk(look))

    def exposed(self) -> bytes:
        """Every figure in Prometheus' text format."""
        return generate_latest(self.registry)

    def _remember(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        method_label = method if method in _METHODS else "other"
        found = (self._requests_total.labels(route, method_label, str(status)), self._request_s.labels(route))
        if method_label == method:
            self._requests[route, method, status] = found
        return found

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"leanpix_{name}", told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, look: Callable[[], float]) -> None:
        Gauge(f"leanpix_{name}", told, registry=self.registry).set_function(look)

    def _histogram(self, name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"leanpix_{name}", told, labels, buckets=buckets, registry=self.registry)


class _Queue(Collector):
    """While the database does not answer, the last figures that it gave, and `leanpix_database_up` is 0.

    A figure that vanishes ends the alert that is raised by it, and an autoscaler takes it for an error.
    """

    def __init__(self, look: Callable[[], QueueFigures]) -> None:
        self._look = look
        self._last: QueueFigures | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry would scrape to find the names out."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The queue now, or as it was last known; not a number where it never was."""
        is_up = True
        try:
            self._last = self._look()
        except StoreUnavailableError:
            is_up = False
        found = self._last
        yield GaugeMetricFamily("leanpix_database_up", "Whether the database answers this process.", float(is_up))
        for name, told, figure in _QUEUE_GAUGES:
            value = math.nan if found is None else getattr(found, figure)
            if value is not None:
                yield GaugeMetricFamily(f"leanpix_{name}", told, value)


class _Disk(Collector):
    def __init__(self, look: Callable[[], Room | None]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing, as above."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The disk now."""
        room = self._look()
        if room is None:
            return
        kept = "Bytes of it that have to stay free: with fewer free, new work is refused."
        yield GaugeMetricFamily("leanpix_disk_bytes", "Bytes of the disk of sources and results.", room.total_bytes)
        yield GaugeMetricFamily("leanpix_disk_free_bytes", "Bytes of it that are free.", room.free_bytes)
        yield GaugeMetricFamily("leanpix_disk_kept_free_bytes", kept, room.kept_free_bytes)


class _Deaths(Collector):
    def __init__(self, look: Callable[[], Mapping[TaskState, int]]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing, as above."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Children that died or were killed, by the state that their task ended in."""
        family = CounterMetricFamily("leanpix_child_deaths", "Children that died or were killed.", labels=["kind"])
        for state, many in self._look().items():
            family.add_metric([state.name.lower()], many)
        yield family
