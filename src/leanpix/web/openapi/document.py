"""The document of an application: its routes, each with its operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version

from starlette.routing import BaseRoute, Route

from leanpix.web.compat import Json
from leanpix.web.context import KEY_HEADER
from leanpix.web.openapi import errors
from leanpix.web.openapi.model import BASIC, JSON, KEY, Answer, Operation
from leanpix.web.openapi.operations import OPERATIONS
from leanpix.web.openapi.schemas import components
from leanpix.web.openapi.tinify_schemas import tinify_components

_ABOUT = """Smaller pictures at a stated quality. Answers are JSON; `status` repeats the HTTP status, `message` is
`success` or says in words what is wrong. A method that a URL does not take is 405 with `Allow`.

`/shrink` and `/output/{name}` are for clients of the Tinify API: they answer in its words."""


def make_document(routes: Iterable[BaseRoute], server: str | None) -> Json:
    """OpenAPI 3.1 of every described route; server is the base of its paths, None where the document lies."""
    paths: dict[str, Json] = {}
    for route, operation_id in described(routes):
        operation = _with_key(OPERATIONS[operation_id]()).written(operation_id)
        methods = (route.methods or set()) - {"HEAD"}
        paths.setdefault(route.path, {}).update({method.lower(): operation for method in sorted(methods)})
    key = {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "`leanpix keys create` makes one."}
    basic = {"type": "http", "scheme": "basic", "description": "User `api`, the key as the password."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "leanpix", "version": version("leanpix"), "description": _ABOUT},
        "servers": [{"url": server or "."}],
        "paths": paths,
        "components": {
            "schemas": components() | tinify_components(),
            "securitySchemes": {KEY: key, BASIC: basic},
        },
    }


def described(routes: Iterable[BaseRoute]) -> Iterator[tuple[Route, str]]:
    """The routes that have an operation, with its id."""
    for route in routes:
        if isinstance(route, Route) and route.include_in_schema and route.name in OPERATIONS:
            yield route, route.name


def _with_key(operation: Operation) -> Operation:
    """A handler that asks for a key refuses others; 401 says so, beside what else it says."""
    if operation.security != (KEY,):
        return operation
    refused = errors.refusals(errors.REFUSED)
    joined = {status: _joined(answer, operation.answers.get(status)) for status, answer in refused.items()}
    return replace(operation, answers={**operation.answers, **joined})


def _joined(first: Answer, second: Answer | None) -> Answer:
    """One answer with the examples of both."""
    if second is None:
        return first
    examples = {**first.content[JSON].examples, **second.content[JSON].examples}
    return replace(first, content={JSON: replace(first.content[JSON], examples=examples)})
