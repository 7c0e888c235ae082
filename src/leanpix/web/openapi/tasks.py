"""The contract's two endpoints, and the results."""

from __future__ import annotations

from dataclasses import replace

from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import Report
from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, Task
from leanpix.web import compat
from leanpix.web.body import COMPARED, REFERENCE
from leanpix.web.compat import Json
from leanpix.web.errors import OTHER_STATUS_TEXT
from leanpix.web.openapi import errors
from leanpix.web.openapi.model import ZIP, Answer, Content, Operation, Parameter, json_answer, reference
from leanpix.web.openapi.requests import MULTIPART, create_bodies, file_part
from leanpix.web.openapi.schemas import BINARY, TEXT

_ID = "c4c610eb-988c-4672-9dc5-38966082676d"
_IMAGE = f"https://img.example/results/{_ID}-1.jpg?e=1795376181&k=148c6d1f&s=hXyBpBv0wEJ1"
_PICTURE = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBg=="
_TIMES = (1795372581.0, 1795372581.5, 1795372583.0)
_REPORT = Report(
    source_bytes=2790013,
    source_format=SourceFormat.JPG,
    source_width_px=3872,
    source_height_px=2592,
    result_bytes=945979,
    format=OutputFormat.JPG,
    width_px=3872,
    height_px=2592,
    encoder="leanpix 4:2:0",
    distance=1.9,
)


def create() -> Operation:
    """Create a task."""
    schema = {"anyOf": [reference("Created"), reference("TaskAnswer")]}
    examples = {"sync=0": compat.created(_ID), **_examples()}
    done = json_answer("The task's id, or with `sync=1` the task.", schema, examples)
    refused = [
        errors.WRONG_PARAMETER,
        errors.REUSED,
        errors.WRONG_SOURCE,
        errors.WRONG_BODY,
        errors.TOO_LARGE,
        errors.NO_CREDITS,
    ]
    return Operation(
        tag="Tasks",
        summary="Create a compression task",
        description="Takes one picture, as a file, a link or base64. With `sync=1` the answer is the finished task, or "
        "the task as it is once the longest wait is over. JSON is understood under any content type, and every "
        "parameter may stand in the query string too. A task that fails is a 200 with its state below 0.\n\n"
        "The header `Idempotency-Key` (1 to 255 printable ASCII characters, a fresh UUID a task) makes a create that "
        "may be sent again: it is answered with the first one's task; another request under the same key is a 400.",
        body=create_bodies(),
        answers={
            200: replace(done, following={"query": {"task_id": "$response.body#/data/task_id"}}),
            **errors.refusals(*refused, errors.RATE, errors.FULL, errors.UNAVAILABLE),
        },
    )


def query() -> Operation:
    """Query a task."""
    return Operation(
        tag="Tasks",
        summary="Query a task",
        description="Once a second until `data.state` is 1 (done) or below 0 (failed). A task and its result go an "
        "hour after the task ended.",
        parameters=(Parameter("task_id", "path", TEXT, "The id that the create gave.", example=_ID),),
        answers={
            200: json_answer("The task.", reference("TaskAnswer"), _examples()),
            **errors.refusals(errors.NOT_FOUND, errors.RATE, errors.UNAVAILABLE),
        },
    )


def cancel() -> Operation:
    """Cancel a task."""
    return Operation(
        tag="Tasks",
        summary="Cancel a task",
        description="A task that has not ended ends with state -13, whether it waits or runs, and costs nothing. One "
        "that has ended stays as it is, so that the request may be sent again.",
        parameters=(Parameter("task_id", "path", TEXT, "The id that the create gave.", example=_ID),),
        answers={
            200: json_answer("The task.", reference("TaskAnswer"), _examples()),
            **errors.refusals(errors.NOT_FOUND, errors.RATE, errors.UNAVAILABLE),
        },
    )


def score() -> Operation:
    """Compare two pictures."""
    parts: Json = {
        REFERENCE: {**file_part("The picture as it should look, up to 20 MB."), "minLength": 1},
        COMPARED: {**file_part("What was made of it, up to 20 MB, of the same sides."), "minLength": 1},
    }
    both: Json = {"type": "object", "properties": parts, "required": [REFERENCE, COMPARED]}
    refused = [errors.WRONG_SOURCE, errors.WRONG_BODY, errors.TOO_LARGE, errors.NO_CREDITS]
    return Operation(
        tag="Tasks",
        summary="Compare a picture with its reference",
        description="Waits for the end, as a create with `sync=1` does, and costs what one does. `data.report.score` "
        "is the SSIMULACRA2 score, `data.report.worst` the place that looks worst, in pixels of the pictures; "
        "`data.image` is a PNG of where it looks how bad. Pictures that cannot be compared are a 200 with a state "
        "below 0 and the reason in words. Not in the hosted API.",
        body={MULTIPART: Content(both)},
        answers={
            200: json_answer("The task.", reference("TaskAnswer"), _examples()),
            **errors.refusals(*refused, errors.RATE, errors.FULL, errors.UNAVAILABLE),
        },
    )


def result() -> Operation:
    """Read a result."""
    pictures = {kind.media_type: Content(BINARY) for kind in OutputFormat} | {ZIP: Content(BINARY)}
    behind = {"status": 416, "message": OTHER_STATUS_TEXT[416]}
    signed = (("e", "When the link ends, in Unix seconds."), ("k", "Which secret signed."), ("s", "The signature."))
    return Operation(
        tag="Tasks",
        summary="Read a result",
        description="The link that a finished task names. It needs no key, lasts as long as the task and may be read "
        "from any origin. `If-None-Match` with its `ETag` is answered by 304, `Range` with one range by a part.",
        parameters=(
            Parameter("name", "path", TEXT, "The result's name.", example=f"{_ID}-1.jpg"),
            *(Parameter(name, "query", TEXT, text, required=True) for name, text in signed),
        ),
        answers={
            200: Answer("The picture.", pictures),
            206: Answer("The part that a Range header asks for.", pictures),
            304: Answer("The client has it already."),
            416: json_answer(OTHER_STATUS_TEXT[416], reference("Error"), {"behind the end": behind}),
            **errors.refusals(errors.NOT_FOUND, errors.READERS, errors.UNAVAILABLE),
        },
        security=(),
    )


def _examples() -> dict[str, Json]:
    """A task in every state that this server sends, by the state's name."""
    sent = [state for state in TaskState if state.emitted is not None]
    return {_name(state): _example(state) for state in sent} | {
        "1 SUCCEEDED, base64": _example(TaskState.SUCCEEDED, ReturnType.BASE64)
    }


def _name(state: TaskState) -> str:
    return f"{int(state)} {state.name}"


def _example(state: TaskState, return_type: ReturnType = ReturnType.URL) -> Json:
    created_at, processed_at, completed_at = _TIMES
    task = Task(_ID, "k7mq", state, CompressionOptions(), return_type, SourceKind.UPLOAD, created_at, 1, processed_at)
    if not state.is_final:
        return compat.unfinished(task, fine_states=True)
    task = replace(task, completed_at=completed_at)
    if state is not TaskState.SUCCEEDED:
        return compat.failed(task)
    image = _IMAGE if return_type is ReturnType.URL else _PICTURE
    return compat.succeeded(replace(task, report=_REPORT, charged=1), image)
