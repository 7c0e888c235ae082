"""The answers to requests that are refused: the very texts that the service gives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from leanpix.domain.errors import (
    AdminOnlyError,
    BodyError,
    CreditsExhaustedError,
    InFlightError,
    InvalidParameterError,
    KeyRefusedError,
    KeyReusedError,
    LeanpixError,
    NotFoundError,
    QueueFullError,
    RateLimitedError,
    ReadersError,
    RequestsError,
    SourceCountError,
    StorageFullError,
    StoreUnavailableError,
    UnlimitedKeyError,
    UploadTooLargeError,
)
from leanpix.domain.request import MAX_QUALITY, MIN_QUALITY
from leanpix.web.compat import Json
from leanpix.web.errors import OTHER_STATUS_TEXT, STATUS_TEXT, error_response, status_of
from leanpix.web.openapi.model import Answer, json_answer, reference
from leanpix.web.openapi.schemas import answer

_RETRY_AFTER: Json = {
    "description": "Seconds after which the same request may succeed.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
_QUALITY = InvalidParameterError("quality", 0, f"an integer from {MIN_QUALITY} to {MAX_QUALITY}")
WRONG_PARAMETER: Sequence[LeanpixError] = (_QUALITY,)
WRONG_BODY: Sequence[LeanpixError] = (BodyError("the body starts like JSON but is not valid JSON"),)
WRONG_SOURCE: Sequence[LeanpixError] = (
    SourceCountError("image_url and image_file: neither was sent; exactly one of them is required"),
)
TOO_LARGE: Sequence[LeanpixError] = (UploadTooLargeError("the image exceeds 20971520 bytes"),)
NOT_FOUND: Sequence[LeanpixError] = (
    NotFoundError("there is no such task: it may have expired, or the task_id is wrong"),
)
NOTHING_HERE: Sequence[LeanpixError] = (NotFoundError("there is nothing here"),)
REFUSED: Sequence[LeanpixError] = (
    KeyRefusedError("the API key is missing, unknown or revoked: send a valid one in the X-API-KEY header"),
)
NO_CREDITS: Sequence[LeanpixError] = (
    CreditsExhaustedError("the API key has no credits for this: none are left; top the key up"),
)
NOT_ADMIN: Sequence[LeanpixError] = (AdminOnlyError("this API key may not administer keys: use the key of an admin"),)
REUSED: Sequence[LeanpixError] = (
    KeyReusedError("Idempotency-Key: this key came with another request before: send a new key with a new request"),
)
UNLIMITED: Sequence[LeanpixError] = (
    UnlimitedKeyError("the key 'k7mq' has unlimited credits: there is nothing to add to"),
)
UNAVAILABLE: Sequence[LeanpixError] = (StoreUnavailableError(),)
RATE: Sequence[LeanpixError] = (
    RateLimitedError("HTTP 429: more than 2 requests a second with this key", 0.5),
    RequestsError("HTTP 429: this key has 500 requests under way, which is its share of the connections", 2),
)
READERS: Sequence[LeanpixError] = (ReadersError("HTTP 429: this result is being read 64 times at once", 2),)
FULL: Sequence[LeanpixError] = (
    QueueFullError("HTTP 429: the queue is full; try again later", 2),
    InFlightError("HTTP 429: this key has more than 536870912 bytes of requests under way; send fewer at a time", 2),
    StorageFullError("HTTP 429: the server is short of disk space; try again later", 30),
)


def done(data: Json, example: Json, *refused: Sequence[LeanpixError]) -> Mapping[int, Answer]:
    """A success with this data, and the answers to these errors."""
    shown = {"done": {"status": 200, "message": "success", "data": example}}
    return {200: json_answer("Done.", answer(data), shown), **refusals(*refused)}


def refusals(*groups: Sequence[LeanpixError]) -> Mapping[int, Answer]:
    """The answers to these errors, by status, each error as an example under its code."""
    found: dict[int, dict[str, object]] = {}
    for error in (error for group in groups for error in group):
        found.setdefault(status_of(error), {})[error.code] = _shown(error)
    return {status: _answer(status, examples) for status, examples in found.items()}


def _answer(status: int, examples: Mapping[str, object]) -> Answer:
    headers = {"Retry_After": _RETRY_AFTER} if status == status_of(StoreUnavailableError()) else {}
    return json_answer({**STATUS_TEXT, **OTHER_STATUS_TEXT}[status], reference("Error"), examples, **headers)


def _shown(error: LeanpixError) -> object:
    return json.loads(bytes(error_response(error).body))
