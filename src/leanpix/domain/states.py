"""The task states of the contract, with its texts."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class TaskState(IntEnum):
    """The contract's task status codes: `text` is its wording, `emitted` says when this server uses it.

    1 is success, 0 and above 1 are under way, below 0 is failure. A code whose `emitted` is None is reserved:
    it cannot arise here and is never sent.
    """

    text: str
    emitted: str | None

    def __new__(cls, code: int, text: str, emitted: str | None) -> Self:
        """Attach the two texts to the number."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.text = text
        member.emitted = emitted
        return member

    INVALID_PROMPT = -17, "Processing failed because the prompt is invalid.", None
    THIRD_PARTY_REFUSED = (
        -16,
        "Processing failed because a third-party review detected prohibited content.",
        "the policy hook (LEANPIX_POLICY_URL) refused the result and named a third party's review",
    )
    NO_RESOURCES = (
        -15,
        "Processing failed due to insufficient resources.",
        "the task ran out of memory or of disk",
    )
    NOT_MEETING_REQUIREMENTS = (
        -14,
        "Processing failed because the input image content does not meet the requirements.",
        "a side over 8000 px, too many frames or pixels, or a target size that the fixed dimensions cannot meet",
    )
    CANCELLED = (
        -13,
        "Processing failed because the task was canceled due to an exception.",
        "its owner cancelled the task, its key was revoked, or the attempts are used up",
    )
    EMPTY_RESULT = -11, "Processing failed because the result is empty.", "the encoder returned no bytes"
    REVIEW_REFUSED = (
        -10,
        "Processing failed because internal review detected prohibited content.",
        "the policy hook (LEANPIX_POLICY_URL) refused the result",
    )
    PROGRAM_FAILED = (
        -9,
        "Processing failed because the internal program failed during loop processing.",
        "the process that decodes and encodes died",
    )
    TIMED_OUT = (
        -8,
        "Processing timed out. The maximum processing time is 180 seconds.",
        "the task took more than its time",
    )
    INVALID_IMAGE = (
        -7,
        "Invalid image file (e.g. corrupted image or incorrect format).",
        "the bytes are no accepted picture, or a damaged or cut-short one",
    )
    SOURCE_TOO_LARGE = (
        -5,
        "The image_url image exceeds the size limit (30MB).",
        "the picture behind image_url is larger than 30 MB",
    )
    DOWNLOAD_FAILED = (
        -3,
        "The server failed to download your file. Check that the source image URL is available.",
        "image_url could not be fetched, or its address is refused (one text for both)",
    )
    PUBLISH_FAILED = (
        -2,
        "Processing completed, but uploading the result to OSS failed.",
        "the result could not be stored",
    )
    FAILED = -1, "Processing failed.", "a failure that none of the other codes names"
    QUEUED = 0, "Queued. The task is waiting in the queue.", "accepted, not yet begun (fine states)"
    SUCCEEDED = 1, "Completed. Processing succeeded.", "the result is ready"
    PREPARING = 2, "Preparing.", "a worker has taken the task and reads its source (fine states)"
    WAITING = 3, "Waiting.", "the source was fetched, or an attempt interrupted: waiting for a worker (fine states)"
    PROCESSING = 4, "Processing in progress.", "under way; the only such code sent unless fine states are on"
    PUBLISHING = 5, "Internally publishing the result.", "the result is being stored (fine states)"
    LOOPING = (
        6,
        "Processing. Internal loop processing is in progress.",
        "the search for a size or a score is running (fine states)",
    )

    @property
    def is_final(self) -> bool:
        """Whether the task has ended, well or not."""
        return self == TaskState.SUCCEEDED or self < 0


_BY_CODE = {int(state): state for state in TaskState}


def state_of(code: int) -> TaskState:
    """The state with this code; KeyError for a code that is not in the table."""
    return _BY_CODE[code]
