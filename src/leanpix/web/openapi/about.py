"""What tells about the service itself."""

from __future__ import annotations

from leanpix.domain.formats import STANDARD_FORMATS
from leanpix.web.openapi import errors
from leanpix.web.openapi.model import HTML, JSON, Answer, Content, Operation, Parameter, json_answer, reference
from leanpix.web.openapi.schemas import TEXT, shape
from leanpix.web.routes.formats import shown_formats

_FUNCTIONS = ("create", "query", "results")
_READY = {
    "ready": True,
    "functions": dict.fromkeys(_FUNCTIONS, "ok"),
    "checks": {"database": "ok", "secret": "ok", "files": "ok", "spool": "ok", "sandbox.seccomp": "on"},
}
_AWAY = "off: the database does not answer"
_NOT_READY = {
    "ready": False,
    "functions": {"create": _AWAY, "query": _AWAY, "results": "ok"},
    "checks": {"database": _AWAY, "secret": "ok", "files": "ok", "spool": "ok"},
}


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
        summary="Whether a balancer should ask this process, and what is off and why",
        description="503 for what is wrong with this node, and while it is about to end. A file store that is away for "
        "every node is none of that: queries are answered meanwhile.",
        answers={
            200: json_answer("It should.", readiness, {"ready": _READY}),
            503: json_answer("It should look elsewhere.", readiness, {"not ready": _NOT_READY}),
        },
        security=(),
    )


def readyz_function() -> Operation:
    """Readiness for one function."""
    readiness = reference("Readiness")
    schema = {"type": "string", "enum": list(_FUNCTIONS)}
    return Operation(
        tag="Service",
        summary="Whether this process can do that now",
        parameters=(Parameter("function", "path", schema, "What a balancer means to send here."),),
        answers={
            200: json_answer("It can.", readiness, {"ready": _READY}),
            503: json_answer("It cannot.", readiness, {"not ready": _NOT_READY}),
            **errors.refusals(errors.NOTHING_HERE),
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
