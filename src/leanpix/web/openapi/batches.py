"""Many pictures at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from leanpix.domain.batch import MOST_ITEMS, Batch, BatchItem
from leanpix.domain.errors import LeanpixError, NotFoundError
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind
from leanpix.service.batch import BatchStatus
from leanpix.web.batch_shape import status_shape
from leanpix.web.compat import Json
from leanpix.web.openapi import errors
from leanpix.web.openapi.errors import done
from leanpix.web.openapi.model import ZIP, Answer, Content, Operation, Parameter, reference
from leanpix.web.openapi.requests import batch_bodies
from leanpix.web.openapi.schemas import BINARY, TASK_ID, TEXT, shape
from leanpix.web.routes.batches import PAGE

_ID = "0b8a2c1e-7b0e-4f0e-9a53-0f6f2f6d6a11"
_BATCH = Batch(_ID, "k7mq", CompressionOptions(), 1795372581.0, None, 1795372590.0)
_ITEM = BatchItem(0, "chair.jpg", "c4c610eb-988c-4672-9dc5-38966082676d", SourceKind.URL)
_NONE: Sequence[LeanpixError] = (NotFoundError("there is no such batch: it may have expired"),)
_PLACE = Parameter("batch_id", "path", TEXT, "The id that the create gave.", example=_ID)


def create_batch() -> Operation:
    """Create a batch."""
    refused = (errors.WRONG_PARAMETER, errors.REUSED, errors.WRONG_SOURCE, errors.WRONG_BODY, errors.TOO_LARGE)
    busy = (errors.NO_CREDITS, errors.RATE, errors.FULL, errors.UNAVAILABLE)
    names = "Pictures of an archive that go by safer names, with what they were called; at most a hundred."
    renamed: Json = {"type": "object", "additionalProperties": TEXT, "description": names}
    accepted = shape({"batch_id": TASK_ID, "renamed": renamed}, "A batch was accepted.", ["renamed"])
    answers = done(accepted, {"batch_id": _ID}, *refused, *busy)
    return Operation(
        tag="Batches",
        summary="Compress many pictures",
        description=f"Up to {MOST_ITEMS} links as JSON, or a ZIP as the part `archive` of a form, with the options of "
        "a single task for all of them. `Idempotency-Key` works as for a task.",
        body=batch_bodies(),
        answers={
            **answers,
            200: replace(answers[200], following={"batch": {"batch_id": "$response.body#/data/batch_id"}}),
        },
    )


def batch() -> Operation:
    """The state of a batch."""
    offset = {"type": "integer", "minimum": 0, "maximum": MOST_ITEMS, "default": 0}
    example = {**status_shape(BatchStatus(_BATCH, {TaskState.SUCCEEDED: 1})), "items": [_item()], "next_offset": None}
    return Operation(
        tag="Batches",
        summary="How far a batch is",
        parameters=(
            _PLACE,
            Parameter("offset", "query", offset, f"The number of the first of {PAGE} items.", example=0),
        ),
        answers=done(reference("Batch"), example, _NONE, errors.WRONG_PARAMETER, errors.RATE, errors.UNAVAILABLE),
    )


def cancel_batch() -> Operation:
    """Cancel a batch."""
    example = status_shape(BatchStatus(_BATCH, {TaskState.SUCCEEDED: 1, TaskState.CANCELLED: 2}))
    return Operation(
        tag="Batches",
        summary="Cancel a batch",
        description="Whatever of it has not ended ends with state -13 and costs nothing; what has succeeded stays. The "
        "request may be sent again.",
        parameters=(_PLACE,),
        answers=done(reference("BatchStatus"), example, _NONE, errors.RATE, errors.UNAVAILABLE),
    )


def batch_results() -> Operation:
    """The results of a batch."""
    return Operation(
        tag="Batches",
        summary="What has succeeded so far, as one ZIP",
        description="With a `manifest.json` that names every item, its state and its file.",
        parameters=(_PLACE,),
        answers={
            200: Answer("The archive.", {ZIP: Content(BINARY)}),
            **errors.refusals(_NONE, errors.RATE, errors.UNAVAILABLE),
        },
    )


def _item() -> Json:
    done_ = {"state": 1, "message": "success", "source_bytes": 2790013, "result_bytes": 945979}
    image = (
        "https://img.example/results/c4c610eb-988c-4672-9dc5-38966082676d-1.jpg?e=1795376181&k=148c6d1f&s=hXyBpBv0wEJ1"
    )
    return {"number": _ITEM.number, "name": _ITEM.name, "task_id": _ITEM.task_id, **done_, "image": image}
