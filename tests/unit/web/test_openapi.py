"""The OpenAPI document says what the code does: every route, every state, every error, the code's own bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import validator_for
from openapi_spec_validator import validate

from leanpix.domain.errors import AccessError, CallerError, CapacityError, LeanpixError
from leanpix.domain.request import MAX_KBYTE, MAX_SIDE_PX
from leanpix.domain.states import TaskState
from leanpix.web.app import API, ROUTES
from leanpix.web.body import FILE_FIELDS, OPTION_FIELDS, TEXT_FIELDS
from leanpix.web.openapi.decimals import decimal_pattern
from leanpix.web.openapi.document import described, make_document
from leanpix.web.openapi.operations import OPERATIONS
from leanpix.web.routes.page import page_routes
from leanpix.web.settings import WebSettings
from leanpix.web.tinify.routes import tinify_routes

Json = dict[str, Any]
DOCUMENT: Json = json.loads(json.dumps(make_document(ROUTES, None)))


def operations() -> Iterator[Json]:
    for path in DOCUMENT["paths"].values():
        yield from path.values()


def bodies() -> Iterator[tuple[str, Json]]:
    """Every media type object, with where it is."""
    for operation in operations():
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{operation['operationId']} {kind}", content
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                yield f"{operation['operationId']} {status} {kind}", content


EXAMPLES = [
    pytest.param(content["schema"], example["value"], id=f"{where} {name}")
    for where, content in bodies()
    for name, example in content.get("examples", {}).items()
]


def leaves(kind: type[LeanpixError]) -> Iterator[type[LeanpixError]]:
    below = kind.__subclasses__()
    yield from [leaf for one in below for leaf in leaves(one)] if below else [kind]


def test_every_mounted_route_that_is_no_page_is_described() -> None:
    pages = {route.path for route in page_routes()}
    routes = {route.path for route in ROUTES} - pages
    assert routes == set(DOCUMENT["paths"])
    mounted = [(route.path, route.methods) for route in ROUTES if route.path not in pages]
    assert [(route.path, route.methods) for route, _ in described(ROUTES)] == mounted, "an entry in operations.py"


def test_only_another_apis_own_endpoints_are_left_to_that_apis_description() -> None:
    left = {route.path for route in tinify_routes(WebSettings())}
    assert left == {"/shrink", "/output/{name}", "/tinify/shrink", "/tinify/output/{name}"}
    assert all(path in DOCUMENT["info"]["description"] for path in ("/shrink", "/output/{name}"))


def test_no_operation_describes_what_is_not_there() -> None:
    assert {operation["operationId"] for operation in operations()} == set(OPERATIONS)


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


@pytest.mark.parametrize(("schema", "example"), EXAMPLES)
def test_an_example_fits_its_schema(schema: Json, example: object) -> None:
    validator_for({**schema, "components": DOCUMENT["components"]}).validate(example)


def test_every_state_that_is_sent_has_an_example() -> None:
    examples = DOCUMENT["paths"][f"{API}/{{task_id}}"]["get"]["responses"]["200"]["content"]["application/json"][
        "examples"
    ]
    shown = {example["value"]["data"]["state"] for example in examples.values()}
    assert shown == {int(state) for state in TaskState if state.emitted is not None}


def test_every_error_that_a_caller_can_meet_has_an_example() -> None:
    met = {leaf.code for kind in (CallerError, AccessError, CapacityError) for leaf in leaves(kind)}
    assert met <= {name for _, content in bodies() for name in content.get("examples", {})}


def test_an_operation_with_a_key_says_how_it_is_refused() -> None:
    keyed = [operation for operation in operations() if operation["security"]]
    assert keyed
    assert all("401" in operation["responses"] for operation in keyed)


def test_a_create_documents_what_is_read_and_nothing_else() -> None:
    content = DOCUMENT["paths"][API]["post"]["requestBody"]["content"]
    fields = {name for body in content.values() for name in body["schema"]["properties"]}
    assert fields == FILE_FIELDS | TEXT_FIELDS | OPTION_FIELDS


@pytest.mark.parametrize(("lowest", "highest"), [(0, 1), (1, 2), (1, 100), (0, MAX_SIDE_PX), (0, MAX_KBYTE)])
def test_a_decimal_pattern_admits_just_the_numbers_within_bounds(lowest: int, highest: int) -> None:
    pattern = re.compile(decimal_pattern(lowest, highest))
    admitted = [number for number in range(12 * highest) if pattern.search(str(number))]
    assert admitted == list(range(lowest, highest + 1))
    assert pattern.search("")
    assert not any(pattern.search(text) for text in ("01", "-1", "+1", "1.0", " 1", "1 ", "x"))
