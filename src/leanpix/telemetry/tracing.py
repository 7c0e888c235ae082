"""Traces across API and workers, by OpenTelemetry: the extra `leanpix[otel]`, imported where an endpoint is set.

Spans hold what log lines hold: ids, figures and codes, never a path, a query or a header as it was sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from opentelemetry import context as contexts
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from leanpix.domain.states import TaskState
from leanpix.service.observing import Ended, Served

_HEADER = "traceparent"
_NANOSECONDS = 10**9
_DEFECT = 500


class Tracing:
    """One process's spans, sent to an OTLP/HTTP endpoint in the background, and what is left of them at its exit."""

    def __init__(self, endpoint: str, share: float) -> None:
        resource = Resource.create({SERVICE_NAME: "leanpix", SERVICE_VERSION: version("leanpix")})
        sampler = ParentBased(TraceIdRatioBased(share))
        self._provider = TracerProvider(resource=resource, sampler=sampler)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("leanpix")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, traceparent: str | None) -> Iterator[None]:
        """A request's span, below the caller's where one is named; what is done within finds it."""
        parent = self._parent(traceparent)
        with self._tracer.start_as_current_span("request", parent, SpanKind.SERVER, record_exception=False):
            yield

    def carried(self) -> str | None:
        """The span under way as `traceparent`, for a task to carry to its worker; None outside of one."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_HEADER)

    def served(self, served: Served) -> None:
        """Say of the request's span what is known at its end."""
        span = get_current_span()
        span.update_name(f"{served.method} {served.route}")
        span.set_attributes(
            _given(
                {
                    "http.request.method": served.method,
                    "http.route": served.route,
                    "http.response.status_code": served.status,
                    "leanpix.key_id": served.key_id,
                    "leanpix.task_id": served.task_id,
                }
            )
        )
        if served.status >= _DEFECT:
            span.set_status(Status(StatusCode.ERROR))

    def ended(self, ended: Ended) -> None:
        """The task's span with one a phase below it: made at the end, from what was measured."""
        end = time.time()
        waited = ended.seconds.get("queued", 0.0)
        began = end - sum(ended.seconds.values())
        span = self._tracer.start_span(
            "task", self._parent(ended.task.trace), SpanKind.CONSUMER, _task_attributes(ended), start_time=_ns(began)
        )
        if ended.state < TaskState.QUEUED:
            span.set_status(Status(StatusCode.ERROR, ended.state.name.lower()))
        self._phase(span, "queued", began, waited)
        moment = began + waited
        for phase, seconds in ended.seconds.items():
            if phase != "queued":
                self._phase(span, phase, moment, seconds)
                moment += seconds
        span.end(_ns(end))

    def _phase(self, task: Span, phase: str, began: float, seconds: float) -> None:
        if seconds <= 0:
            return
        span = self._tracer.start_span(phase, set_span_in_context(task), start_time=_ns(began))
        span.end(_ns(began + seconds))

    def _parent(self, traceparent: str | None) -> contexts.Context:
        return self._propagator.extract({} if traceparent is None else {_HEADER: traceparent}, contexts.Context())


def _task_attributes(ended: Ended) -> Mapping[str, Any]:
    task, report = ended.task, ended.report
    return _given(
        {
            "leanpix.task_id": task.id,
            "leanpix.key_id": task.key_id,
            "leanpix.state": int(ended.state),
            "leanpix.attempt": task.attempt,
            "leanpix.source_bytes": report.source_bytes if report else None,
            "leanpix.result_bytes": report.result_bytes if report else None,
            "leanpix.encoder": report.encoder if report else None,
        }
    )


def _given(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _ns(moment: float) -> int:
    return int(moment * _NANOSECONDS)
