"""What tells about the service itself."""

from __future__ import annotations

from leanpix.domain.formats import STANDARD_FORMATS
from leanpix.web.openapi import errors
from leanpix.web.openapi.model import HTML, JSON, Answer, Content, Operation, Parameter, json_answer, reference
from leanpix.web.openapi.schemas import TEXT, shape
from leanpix.web.routes.formats import shown_formats

_READY = {"ready": True, "checks": {"database": "ok", "files": "ok", "sandbox.seccomp": "on"}}
_NOT_READY = {"ready": False, "checks": {"database": "off: the database does not answer", "files": "ok"}}


def healthz() -> Operation:
    """Liveness."""
    schema = shape({"status": {"type": "string", "const": "ok"}}, "Alive.")
    return Operation(
        tag="Service",
        summary="Whether requests are served",
        answers={200: json_answer("They are.", schema, {"ok": {"status": "ok"}})},
        security=(),
    )


def readyz() -> Operation:
    """Readiness."""
    readiness = reference("Readiness")
    return Operation(
        tag="Service",
        summary="Whether this process can take work, and what is off and why",
        answers={
            200: json_answer("It can.", readiness, {"ready": _READY}),
            503: json_answer("A balancer should look elsewhere.", readiness, {"not ready": _NOT_READY}),
        },
        security=(),
    )


def formats() -> Operation:
    """What is read and written."""
    found = json_answer(
        "The formats.", reference("Formats"), {"as it comes": shown_formats(STANDARD_FORMATS, 20 * 1024 * 1024)}
    )
    return Operation(
        tag="Service",
        summary="Which formats this installation reads and writes",
        answers={200: found},
        security=(),
    )


def states() -> Operation:
    """The code tables, for people."""
    found = Answer("A page, or JSON where `Accept` or `format` asks for it.", {HTML: Content(TEXT), JSON: _states()})
    return Operation(
        tag="Service",
        summary="Every HTTP status and task state",
        parameters=(Parameter("format", "query", TEXT, "`json` for JSON; anything else changes nothing."),),
        answers={200: found},
        security=(),
    )


def states_json() -> Operation:
    """The code tables, for programs."""
    return Operation(
        tag="Service",
        summary="Every HTTP status and task state, as JSON",
        answers={200: Answer("The tables.", {JSON: _states()})},
        security=(),
    )


def metrics() -> Operation:
    """Figures for Prometheus."""
    shown = Answer("Every figure, in Prometheus' text format.", {"text/plain": Content(TEXT)})
    return Operation(
        tag="Service",
        summary="Figures of this process",
        description="Shown to the networks of `LEANPIX_METRICS_NETS` and to whoever has `LEANPIX_METRICS_TOKEN`.",
        answers={200: shown, **errors.refusals(errors.NOTHING_HERE)},
        security=(),
    )


def openapi() -> Operation:
    """The document itself."""
    return Operation(
        tag="Service",
        summary="This document",
        answers={200: Answer("OpenAPI 3.1.", {JSON: Content({"type": "object"})})},
        security=(),
    )


def _states() -> Content:
    return Content(reference("States"))
