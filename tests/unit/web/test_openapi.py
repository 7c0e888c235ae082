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
from leanpix.web.app import API, mounted
from leanpix.web.body import BATCH, FILE_FIELDS, OPTION_FIELDS, TEXT_FIELDS
from leanpix.web.openapi.decimals import decimal_pattern
from leanpix.web.openapi.document import described, make_document
from leanpix.web.openapi.operations import OPERATIONS
from leanpix.web.routes.page import page_routes
from leanpix.web.settings import WebSettings
from leanpix.web.tinify.answers import ERRORS
from leanpix.web.tinify.commands import KNOWN as COMMANDS
from leanpix.web.tinify.commands import parse_commands

Json = dict[str, Any]
ROUTES = mounted(WebSettings())
DOCUMENT: Json = json.loads(json.dumps(make_document(ROUTES, None)))


# A wrong picture is told when it is uploaded, an unknown output when it is asked for.
NOT_MET = {"/shrink": {"NotFound"}, "/output/{name}": {"FileTooLarge", "InputMissing", "SourceNotFound"}}


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
    others = {route.path for route in page_routes()} | {
        f"/tinify{path}" for path in ("/shrink", "/output/{name}", "/keys/{key}")
    }
    assert {route.path for route in ROUTES} - others == set(DOCUMENT["paths"])
    served = [(route.path, route.methods) for route in ROUTES if route.path not in others]
    assert [(route.path, route.methods) for route, _ in described(ROUTES)] == served, "an entry in operations.py"


def test_what_is_switched_off_is_not_described() -> None:
    described_ = make_document(mounted(WebSettings(tinify=False)), None)["paths"]
    assert set(DOCUMENT["paths"]) - set(described_) == {"/shrink", "/output/{name}", "/keys/{key}"}


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
    keyed = [operation for operation in operations() if operation["security"] not in ([], [{"basic": []}, {}])]
    assert keyed
    assert all("401" in operation["responses"] for operation in keyed)


def test_a_create_documents_what_is_read_and_nothing_else() -> None:
    content = DOCUMENT["paths"][API]["post"]["requestBody"]["content"]
    fields = {name for body in content.values() for name in body["schema"]["properties"]}
    assert fields == FILE_FIELDS | TEXT_FIELDS | OPTION_FIELDS


def test_a_batch_documents_what_is_read_and_nothing_else() -> None:
    content = DOCUMENT["paths"]["/v1/batches"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    fields = {name for body in content.values() for name in body["schema"]["properties"]}
    assert fields == {"archive"} | BATCH.json_fields
    assert content["multipart/form-data"]["encoding"] == {"archive": {"contentType": "application/zip"}}


def test_commands_document_what_is_read_and_nothing_else() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["TinifyCommands"]["properties"]) == COMMANDS
    sent = DOCUMENT["paths"]["/output/{name}"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert {name for example in sent.values() for name in example["value"]} == COMMANDS - {"source"}
    for example in sent.values():
        parse_commands(example["value"])


@pytest.mark.parametrize("path", ["/shrink", "/output/{name}"])
def test_every_error_that_a_tinify_client_can_meet_has_an_example(path: str) -> None:
    described_ = DOCUMENT["paths"][path]["post"]["responses"]
    shown = {
        (int(status), example["value"]["error"])
        for status, answer in described_.items()
        for example in answer.get("content", {}).get("application/json", {}).get("examples", {}).values()
        if "error" in example["value"]
    }
    assert {error for _, error in shown} == ERRORS - NOT_MET[path]


@pytest.mark.parametrize(("lowest", "highest"), [(0, 1), (1, 2), (1, 100), (0, MAX_SIDE_PX), (0, MAX_KBYTE)])
def test_a_decimal_pattern_admits_just_the_numbers_within_bounds(lowest: int, highest: int) -> None:
    pattern = re.compile(decimal_pattern(lowest, highest))
    admitted = [number for number in range(12 * highest) if pattern.search(str(number))]
    assert admitted == list(range(lowest, highest + 1))
    assert pattern.search("")
    assert not any(pattern.search(text) for text in ("01", "-1", "+1", "1.0", " 1", "1 ", "x"))
