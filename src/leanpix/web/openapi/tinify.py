"""The endpoints for clients of the Tinify API: what they take and answer is that API's, told by this server's code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from leanpix.domain.errors import (
    BodyError,
    CapacityError,
    CreditsExhaustedError,
    InvalidParameterError,
    KeyRefusedError,
    KeyReusedError,
    LeanpixError,
    NotFoundError,
    QueueFullError,
    RateLimitedError,
    SourceCountError,
    TaskFailure,
    UploadTooLargeError,
)
from leanpix.domain.formats import OutputFormat
from leanpix.domain.states import TaskState
from leanpix.web.compat import Json
from leanpix.web.openapi.model import (
    BASIC,
    BYTES,
    JSON,
    NOBODY,
    Answer,
    Content,
    Operation,
    Parameter,
    json_answer,
    reference,
)
from leanpix.web.openapi.schemas import BINARY, COUNT, TEXT
from leanpix.web.openapi.tinify_schemas import COMMANDS, SOURCE, UPLOADED
from leanpix.web.tinify.answers import refused
from leanpix.web.tinify.bodies import EMPTY

_NAME = "c4c610eb988c46729dc538966082676d3b1f0c5a7e8d9b2f4a6c8e01"
_PLACE = f"/output/{_NAME}"
_SOURCE: Json = {"source": {"url": "https://shop.example/catalogue/chair.jpg"}}
_OUTPUT: Json = {"size": 945979, "type": "image/jpeg", "width": 3872, "height": 2592, "ratio": 0.3391}
_UPLOADED: Json = {
    "input": {"size": 2790013, "type": "image/jpeg"},
    "output": {**_OUTPUT, "url": f"https://img.example{_PLACE}"},
}
_COMMANDS: Mapping[str, Json] = {
    "no commands": {},
    "within a square": {"resize": {"method": "fit", "width": 600, "height": 600}},
    "a width": {"resize": {"method": "scale", "width": 600}},
    "a square that shows what matters": {"resize": {"method": "cover", "width": 300, "height": 300}},
    "the smallest of the formats": {"convert": {"type": "*/*"}},
    "JPEG on white, with its copyright": {
        "convert": {"type": "image/jpeg"},
        "transform": {"background": "white"},
        "preserve": ["copyright", "creation", "location"],
    },
}
_STORE: Json = {
    "service": "s3",
    "region": "eu-west-1",
    "path": "pictures/chair.jpg",
    "aws_access_key_id": "AKIAEXAMPLE",
    "aws_secret_access_key": "EXAMPLESECRET",
}
_STORED: Json = {
    "type": "object",
    "properties": {"output": reference("TinifyOutput")},
    "required": ["output"],
    "description": "Where a result was put.",
}
_KEY: Json = {
    "type": "object",
    "properties": {"name": TEXT},
    "required": ["name"],
    "description": "A key that is good.",
}
_COUNTED: Mapping[str, Json] = {
    "Compression-Count": {"description": "What the key used this month, in UTC.", "schema": COUNT},
    "Compression-Count-Remaining": {"description": "What is left; keys with limited credits only.", "schema": COUNT},
}
_SIZED: Mapping[str, Json] = {
    side: {"description": "The result's, in pixels.", "required": True, "schema": {"type": "integer", "minimum": 1}}
    for side in ("Image-Width", "Image-Height")
}
_RETRY: Json = {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 1}}
_BASIC = "The key is the password of HTTP Basic authentication, the user is `api`."
_ALIAS = "The same is served under `/tinify`."
_ONCE = "`Idempotency-Key` works as for a task."

_BAD_KEY = KeyRefusedError("the API key is missing: send it as the password of the user `api`")
_BAD_JSON = BodyError("the body is not valid JSON")
_BAD_REQUEST: Sequence[LeanpixError] = (
    _BAD_JSON,
    KeyReusedError("Idempotency-Key: this key came with another request before: send a new key with a new request"),
    TaskFailure(TaskState.NOT_MEETING_REQUIREMENTS),
)
_FAILED: Sequence[LeanpixError] = tuple(
    TaskFailure(state)
    for state in (TaskState.TIMED_OUT, TaskState.PROGRAM_FAILED, TaskState.REVIEW_REFUSED, TaskState.PUBLISH_FAILED)
)
_BUSY: Sequence[LeanpixError] = (
    CreditsExhaustedError("the API key has no credits for this: none are left; top the key up"),
    RateLimitedError("HTTP 429: more than 2 requests a second with this key", 0.5),
    QueueFullError("HTTP 429: the queue is full; try again later", 2),
    CapacityError("the picture is still being compressed: ask for it again", 5),
)
_MEANINGS: Mapping[int, str] = {
    400: "The request, its commands or its source are wrong.",
    401: "The key is missing, unknown or revoked.",
    404: "There is no such output, or it has expired.",
    413: "The picture is larger than is taken.",
    415: "What was sent is no picture that is read.",
    422: "Compressing failed, and would again; or the result was refused.",
    429: "The key has no credits left, or its rate or the queue is used up.",
    500: "A defect of the server.",
    503: "The server cannot do it now; these clients try again by themselves.",
}


def shrink() -> Operation:
    """Upload a picture."""
    wrong = [SourceCountError(EMPTY), *_BAD_REQUEST, TaskFailure(TaskState.DOWNLOAD_FAILED)]
    files = [UploadTooLargeError("the picture exceeds 20971520 bytes"), TaskFailure(TaskState.INVALID_IMAGE)]
    where: Json = {
        "description": "The output's path, without any prefix; over https its whole URL.",
        "required": True,
        "schema": {"type": "string", "pattern": "^(https://[^/]+)?/output/[0-9a-f]{56}$"},
    }
    made = Answer(
        "Compressed; empty where the picture was not done within the longest wait: ask for the output.",
        {JSON: Content(UPLOADED, {"compressed": _UPLOADED, "not done yet": {}})},
        {"Location": where, **_COUNTED},
    )
    return Operation(
        tag="Tinify",
        summary="Upload a picture and compress it",
        description="The body is the picture's bytes, whatever its content type says, or JSON that names its address. "
        f"An empty body is a 400 for a good key and costs nothing. {_BASIC} {_ALIAS} {_ONCE}",
        body={
            BYTES: Content(BINARY),
            JSON: Content(SOURCE, {"an address": _SOURCE}),
        },
        answers={201: made, **_refusals(*wrong, *files, _BAD_KEY, *_FAILED, *_BUSY)},
        security=(BASIC,),
    )


def key() -> Operation:
    """Ask for a key."""
    answer = Answer("The key is good.", {JSON: Content(_KEY, {"a good key": {"name": "shop"}})}, _COUNTED)
    parameter = Parameter("key", "path", {"type": "string", "maxLength": 200}, "The key itself.", required=True)
    return Operation(
        tag="Tinify",
        summary="Ask whether a key is good",
        description=f"Plugins ask before they save a key. It has to be the one that the request is made with. {_BASIC} "
        f"{_ALIAS}",
        parameters=(parameter,),
        answers={200: answer, **_refusals(NotFoundError("ask for the key that the request is made with"), _BAD_KEY)},
        security=(BASIC,),
    )


def output() -> Operation:
    """Read a result."""
    return Operation(
        tag="Tinify",
        summary="Read a compressed picture",
        description="Whoever has the output's URL can read it; a key that is sent has to be the one that uploaded. A "
        f"body of commands is understood as with POST, and then needs the key. {_ALIAS}",
        parameters=(_name(),),
        answers={200: _picture(), **_refusals(*_output_errors())},
        security=(BASIC, NOBODY),
    )


def make_output() -> Operation:
    """Make another result of an upload."""
    stored = Content(_STORED, {"put into a store": {"output": {**_OUTPUT, "url": "https://s3.example/p.jpg"}}})
    found = _picture()
    place: Json = {"description": "Where a stored result is; with `store` only.", "schema": TEXT}
    return Operation(
        tag="Tinify",
        summary="Make another picture of an upload",
        description="Resizes, converts, fills transparency, keeps metadata, or puts the result into a store, which "
        "the operator has to allow. Commands need the key that uploaded; all but `store` alone cost as an upload does. "
        f" {_BASIC} {_ALIAS} {_ONCE}",
        parameters=(_name(),),
        body={JSON: Content(COMMANDS, {**_COMMANDS, "into a store": {"store": _STORE}})},
        needs_body=False,
        answers={
            200: replace(found, content={**found.content, JSON: stored}, headers={**found.headers, "Location": place}),
            **_refusals(*_output_errors(), *_FAILED, TaskFailure(TaskState.INVALID_IMAGE)),
        },
        security=(BASIC, NOBODY),
    )


def _name() -> Parameter:
    return Parameter("name", "path", TEXT, "The last part of an upload's `Location`.", example=_NAME)


def _picture() -> Answer:
    written = {kind.media_type: Content(BINARY) for kind in OutputFormat}
    return Answer("The picture.", written, {**_SIZED, **_COUNTED})


def _output_errors() -> Sequence[LeanpixError]:
    method = InvalidParameterError("resize.method", "crop", "scale, fit, cover or thumb")
    return (method, *_BAD_REQUEST, _BAD_KEY, NotFoundError("there is no such output"), *_BUSY)


def _refusals(*errors: LeanpixError) -> Mapping[int, Answer]:
    """The answers to these errors by status, as the endpoints give them, each error as an example under its text."""
    found: dict[int, dict[str, object]] = {}
    retried: set[int] = set()
    for error in errors:
        answer = refused(error)
        shown = json.loads(bytes(answer.body))
        found.setdefault(answer.status_code, {})[shown["message"]] = shown
        if "retry-after" in answer.headers:
            retried.add(answer.status_code)
    return {status: _refusal(status, examples, status in retried) for status, examples in found.items()}


def _refusal(status: int, examples: Mapping[str, object], is_retried: bool) -> Answer:
    answer = json_answer(_MEANINGS[status], reference("TinifyError"), examples)
    return replace(answer, headers=({"Retry-After": _RETRY} if is_retried else {}))
