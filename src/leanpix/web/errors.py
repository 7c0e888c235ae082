"""The one place where errors become HTTP statuses."""

from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.responses import JSONResponse

from leanpix.domain.errors import (
    AccessError,
    CallerError,
    CapacityError,
    LeanpixError,
    NotFoundError,
    UnlimitedKeyError,
    UploadTooLargeError,
)

STATUS_TEXT: Mapping[int, str] = {
    200: "The request is successful.",
    400: "Wrong parameter passed by the client. Check whether a parameter is missing or has an incorrect value.",
    401: "Unauthorized API key. Check that X-API-KEY is correct and the service is enabled.",
    404: "The requested URL or resource does not exist. Check that the URL or task_id is correct.",
    413: "The uploaded file exceeds the allowed size. Refer to the supported image size.",
    429: "Request frequency exceeds the QPS limit (default QPS is 2). Slow down or contact us to raise your QPS.",
    500: "Server-side exception. Please contact support.",
}
# Beside the contract's table: what its endpoints never answer, or not in its words.
OTHER_STATUS_TEXT: Mapping[int, str] = {
    405: "This URL does not take this method.",
    409: "The request does not fit what is there.",
    416: "The range begins behind the result's end.",
}
_STATUS_OF: tuple[tuple[type[LeanpixError], int], ...] = (
    (NotFoundError, 404),
    (UnlimitedKeyError, 409),
    (UploadTooLargeError, 413),
    (CallerError, 400),
    (AccessError, 401),
    (CapacityError, 429),
)


def status_of(error: LeanpixError) -> int:
    """The HTTP status of an error; 500 for one that no caller can cause."""
    return next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 500)


def error_response(error: LeanpixError) -> JSONResponse:
    """The answer to a request that ended in this error."""
    headers = {}
    if isinstance(error, CapacityError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return plain_error(status_of(error), str(error), headers)


def plain_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The contract's error shape: status and message, no data."""
    return JSONResponse({"status": status, "message": message}, status_code=status, headers=headers)
