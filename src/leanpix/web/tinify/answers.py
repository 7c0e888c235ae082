"""Answers in the words of the Tinify API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse

from leanpix.domain.account import Account
from leanpix.domain.errors import (
    BodyError,
    CallerError,
    CapacityError,
    CreditsExhaustedError,
    KeyRefusedError,
    LeanpixError,
    NotFoundError,
    QueueFullError,
    RateLimitedError,
    SourceCountError,
    TaskFailure,
    UploadTooLargeError,
)
from leanpix.domain.formats import SourceFormat
from leanpix.domain.report import Report
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.web.routes.results import RESULT_HEADERS

_CREATED, _OK = 201, 200


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    error: str
    message: str | None = None  # where clients know the words


# What these clients make of a status: 401 and 429 are the account's fault, other 4xx the request's, and a 5xx is
# sent once more by themselves. So a failure that a repeat would only repeat is a 4xx.
_REFUSALS: tuple[tuple[type[LeanpixError], _Refusal], ...] = (
    (KeyRefusedError, _Refusal(401, "Unauthorized", "Credentials are invalid")),
    (CreditsExhaustedError, _Refusal(429, "TooManyRequests")),
    (RateLimitedError, _Refusal(429, "TooManyRequests")),
    (QueueFullError, _Refusal(429, "TooManyRequests")),
    (CapacityError, _Refusal(503, "ServiceUnavailable")),
    (NotFoundError, _Refusal(404, "NotFound")),
    (UploadTooLargeError, _Refusal(413, "FileTooLarge")),
    (SourceCountError, _Refusal(400, "InputMissing")),
    (CallerError, _Refusal(400, "BadRequest")),
)
_FAILURES: Mapping[TaskState, _Refusal] = {
    TaskState.DOWNLOAD_FAILED: _Refusal(400, "SourceNotFound"),
    TaskState.SOURCE_TOO_LARGE: _Refusal(413, "FileTooLarge"),
    TaskState.INVALID_IMAGE: _Refusal(415, "UnsupportedMediaType"),
    TaskState.NOT_MEETING_REQUIREMENTS: _Refusal(400, "BadRequest"),
    TaskState.REVIEW_REFUSED: _Refusal(422, "ContentRefused"),
    TaskState.THIRD_PARTY_REFUSED: _Refusal(422, "ContentRefused"),
    TaskState.TIMED_OUT: _Refusal(422, "ProcessingFailed"),
    TaskState.PROGRAM_FAILED: _Refusal(422, "ProcessingFailed"),
    TaskState.NO_RESOURCES: _Refusal(422, "ProcessingFailed"),
}
_DEFECT = _Refusal(500, "InternalServerError")
ERRORS = frozenset({kind.error for kind in (*dict(_REFUSALS).values(), *_FAILURES.values(), _DEFECT)})

_MEDIA_TYPES = {SourceFormat.JPG: "image/jpeg", SourceFormat.RAW: "image/x-raw"}


def refused(
    error: LeanpixError, account: Account | None = None, counts: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a request that ended in this error; a 429 tells what is left of limited credits.

    counts: the headers that tell what the key has used, where clients read them of a refusal.
    """
    kind = _refusal(error)
    headers = dict(counts or {})
    if isinstance(error, CapacityError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, CreditsExhaustedError):
        headers["Compression-Count-Remaining"] = "0"
    elif account is not None:
        headers |= remaining(account)
    if isinstance(error, BodyError):
        headers["Connection"] = "close"
    return JSONResponse({"error": kind.error, "message": kind.message or str(error)}, kind.status, headers)


def _refusal(error: LeanpixError) -> _Refusal:
    if isinstance(error, TaskFailure):
        return _FAILURES.get(error.state, _DEFECT)
    return next((kind for klass, kind in _REFUSALS if isinstance(error, klass)), _DEFECT)


def remaining(account: Account) -> dict[str, str]:
    """The header that tells what is left of limited credits."""
    return {} if account.credits is None else {"Compression-Count-Remaining": str(max(account.credits, 0))}


def created(task: Task, path: str, base: str, counts: Mapping[str, str]) -> JSONResponse:
    """The answer to an upload; without sizes where the task is still under way after the longest wait.

    path: the output's, without any prefix; base: this service's own. The place is told in full to a client that speaks
    https, as Tinify itself does, and by its path alone over http: the Python client takes only `https:` for absolute.
    """
    report = task.report
    shape = {} if report is None else {"input": _input(report), "output": _output(report, base + path)}
    place = base + path if base.startswith("https:") else path
    return JSONResponse(shape, _CREATED, {"Location": place, **counts})


def known(account: Account, counts: Mapping[str, str]) -> JSONResponse:
    """The answer to a question for a key that is good. The key itself is not repeated."""
    return JSONResponse({"name": account.name}, _OK, dict(counts))


def result_headers(task: Task, counts: Mapping[str, str]) -> Mapping[str, str]:
    """Of a result's bytes: its dimensions, and what the key has used."""
    return {**RESULT_HEADERS, **dimensions(task), **counts}


def stored(task: Task, place: str, counts: Mapping[str, str]) -> JSONResponse:
    """The answer to a result that was put into a store: its URL there."""
    shape = {} if task.report is None else {"output": _output(task.report, place)}
    return JSONResponse(shape, _OK, {"Location": place, **dimensions(task), **counts})


def media_type(task: Task) -> str:
    """A result's media type; ValueError for a task that has none."""
    if task.result is None:
        raise ValueError(f"task {task.id} has no result")
    return task.result.format.media_type


def dimensions(task: Task) -> dict[str, str]:
    """The headers that tell a result's dimensions."""
    report = task.report
    return {} if report is None else {"Image-Width": str(report.width_px), "Image-Height": str(report.height_px)}


def _input(report: Report) -> dict[str, object]:
    form = report.source_format
    return {"size": report.source_bytes, "type": _MEDIA_TYPES.get(form, f"image/{form.value}")}


def _output(report: Report, url: str) -> dict[str, object]:
    return {
        "size": report.result_bytes,
        "type": report.format.media_type,
        "width": report.width_px,
        "height": report.height_px,
        "ratio": round(report.result_bytes / max(report.source_bytes, 1), 4),
        "url": url,
    }
